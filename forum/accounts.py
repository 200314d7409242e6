"""Accounts of people of this server: made, signed in to, let in, suspended."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from forum import access, consents, mail
from forum.errors import Conflict, Invalid, NotAllowed, NotFound
from forum.keypairs import Keypair, store_keypair
from forum.passwords import NOBODYS, hash_password, is_dated, verify_password
from forum.site import Site
from storage import (
    accounts,
    actors,
    addresses,
    closings,
    modlog,
    sessions,
    site_invitations,
    tokens,
)
from storage import site as sites
from storage.actors import Actor
from storage.addresses import Addressee
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act
from storage.sessions import Member

NAME = re.compile(r"[a-z0-9_]{2,30}")
PASSWORD_LENGTH = range(10, 201)
ANSWER_LENGTH = 2000
ROLES = ("member", "moderator", "admin")
REASON_KEPT = timedelta(days=14)
TURNED_AWAY = "turned_away"

# Names by which somebody could pretend to speak for the server, or that programs take for granted.
RESERVED = frozenset(
    (
        *("admin", "administrator", "moderator", "mod", "root", "system", "staff", "support"),
        *("help", "helpdesk", "contact", "info", "team", "official", "security", "abuse"),
        *("postmaster", "hostmaster", "webmaster", "noreply", "no_reply", "mailer_daemon"),
        *("instance", "actor", "relay", "inbox", "outbox", "api", "oauth", "dazzle"),
        *("everyone", "nobody", "anonymous", "deleted", "emergency", "crisis"),
    )
)


async def create_account(
    conn: Connection,
    site: Site,
    *,
    name: str,
    password_hash: str,
    keypair: Keypair,
    role: str = "member",
    state: str = "open",
    now: datetime,
) -> Actor:
    """Make a person with a login. Raises Conflict when the name was ever used here."""
    actor = _person(site, check_name(name), now)
    if not await actors.insert(conn, actor):
        raise Conflict("name_taken")
    await store_keypair(conn, site, actor.id, keypair)
    await accounts.insert(conn, actor.id, password_hash, role=role, state=state, now=now)
    return actor


async def sign_up(
    conn: Connection,
    site: Site,
    *,
    name: str,
    password_hash: str,
    keypair: Keypair,
    now: datetime,
    answer: str = "",
    invitation: str = "",
) -> Actor:
    """Make one's own account, as the administrator decided: at once, after approval, or not.

    An invitation to this server opens it at once, however accounts are made else.
    """
    row = await sites.read_site(conn)
    if len(answer) > ANSWER_LENGTH:
        raise Invalid("too_long", field="answer")
    if invitation and not await site_invitations.use(conn, invitation, now):
        raise NotAllowed("invitation_over")
    if row.signup in ("closed", "invitation") and not invitation:
        raise NotAllowed("signup_closed")
    if row.signup == "approval" and row.signup_question and not (answer or invitation):
        raise Invalid("missing", field="answer")
    if check_name(name) in RESERVED:
        raise Invalid("name_reserved", field="name")
    state = "open" if row.signup == "open" or invitation else "waiting"
    actor = await create_account(
        conn,
        site,
        name=name,
        password_hash=password_hash,
        keypair=keypair,
        state=state,
        now=now,
    )
    if state == "waiting" and answer:
        await accounts.keep_answer(conn, actor.id, answer)
    return actor


async def prove(conn: Connection, name: str, password: str) -> int:
    """The account whose name and password these are.

    The answer is the same, and takes as long, for an unknown name and a wrong password. Count the
    attempt before with `forum.limits.count_sign_in`, in a transaction that commits.
    """
    account = await accounts.read_by_name(conn, name.strip())
    is_right = await verify_password(account.password_hash if account else NOBODYS, password)
    if account is None or not is_right:
        raise NotAllowed("wrong_sign_in")
    if account.state not in ("open", "waiting"):
        raise NotAllowed("suspended" if account.state == "suspended" else "wrong_sign_in")
    if is_dated(account.password_hash):
        await accounts.set_password(conn, account.actor_id, await hash_password(password))
    return account.actor_id


async def sign_in(conn: Connection, name: str, password: str, now: datetime) -> str:
    """Start a session of somebody who needs no second step; its token. See `prove`."""
    return await sessions.start(conn, await prove(conn, name, password), now)


async def require_password(conn: Connection, member: Member, password: str) -> None:
    """Somebody who is signed in proves that it is them. Raises Invalid."""
    account = await accounts.read_account(conn, member.actor_id)
    if account is None or not await verify_password(account.password_hash, password):
        raise Invalid("wrong_password", field="password")


async def begin_first_session(conn: Connection, actor: Actor, locale: str, now: datetime) -> str:
    """Sign in somebody whose account was made just now, in the language they read; the token."""
    await accounts.set_locale(conn, actor.id, locale)
    await consents.give(conn, actor.id, "account", now=now)
    return await sessions.start(conn, actor.id, now)


async def sign_out(conn: Connection, token: str) -> None:
    await sessions.end(conn, token)


async def choose_language(conn: Connection, member: Member, locale: str) -> None:
    await accounts.set_locale(conn, member.actor_id, locale)


async def set_password(conn: Connection, actor_id: int, password_hash: str) -> None:
    """Change a password; every session of the account ends, and so do links and half sign-ins."""
    await accounts.set_password(conn, actor_id, password_hash)
    await _end_all(conn, actor_id)


async def let_in(
    conn: Connection, admin: Member, actor_id: int, now: datetime, *, link: str = ""
) -> None:
    """Open an account that waits for approval; who gave an address is sent a mail with `link`."""
    access.require_may_administer(admin)
    account = await accounts.read_account(conn, actor_id)
    if account is None:
        raise NotFound
    if account.state != "waiting":
        return
    await accounts.set_state(conn, actor_id, "open")
    await accounts.keep_answer(conn, actor_id, "")
    await mail.tell(conn, actor_id, "let_in", link=link, now=now)
    await _log(conn, admin, "let_in", actor_id, "", now)


async def turn_away(
    conn: Connection, admin: Member, actor_id: int, reason: str, now: datetime, *, origin: str
) -> None:
    """Do not open an account that waits. All that was kept of it goes; the name is not given again.

    Who gave an address is told. A mail holds no words of a person: the reason, if one was given,
    stands behind a link in it for two weeks.
    """
    access.require_may_administer(admin)
    account = await accounts.read_account(conn, actor_id)
    if account is None:
        raise NotFound
    if account.state != "waiting":
        return
    reached = await addresses.read_of_account(conn, actor_id)
    await closings.close(conn, actor_id, NOBODYS)
    await closings.drop_belongings(conn, actor_id)
    if reached is not None:
        await _tell_why_not(conn, reached, reason, now, origin)
    await _log(conn, admin, "turn_away", actor_id, reason, now)


async def suspend_account(
    conn: Connection, admin: Member, actor_id: int, reason: str, now: datetime
) -> None:
    """Shut an account: its sessions end and what it wrote is not seen until it is opened again."""
    access.require_may_administer(admin)
    account = await accounts.read_account(conn, actor_id)
    if account is None or account.state == "closed":
        raise NotFound
    if actor_id == admin.actor_id:
        raise NotAllowed("yourself")
    await _require_still_admin(conn, admin)
    await accounts.suspend(conn, actor_id)
    await actors.set_state(conn, actor_id, "suspended")
    await _end_all(conn, actor_id)
    await sites.bump_epoch(conn)
    await _log(conn, admin, "suspend_account", actor_id, reason, now)


async def unsuspend_account(
    conn: Connection, admin: Member, actor_id: int, reason: str, now: datetime
) -> None:
    access.require_may_administer(admin)
    account = await accounts.read_account(conn, actor_id)
    if account is None:
        raise NotFound
    if account.state != "suspended":
        return
    await accounts.unsuspend(conn, actor_id)
    await actors.set_state(conn, actor_id, "live")
    await sites.bump_epoch(conn)
    await _log(conn, admin, "unsuspend_account", actor_id, reason, now)


async def change_role(
    conn: Connection, admin: Member, actor_id: int, role: str, now: datetime
) -> None:
    """Say who runs this server and who moderates it; whoever it is signs in anew.

    A session that was begun with fewer rights never gets more, and the last administrator stays.
    """
    access.require_may_administer(admin)
    if role not in ROLES:
        raise Invalid("choose_one", field="role")
    account = await accounts.read_account(conn, actor_id)
    if account is None or account.state != "open":
        raise NotFound
    if account.role == role:
        return
    if account.role == "admin" and await is_last_admin(conn, actor_id):
        raise NotAllowed("last_admin")
    await _require_still_admin(conn, admin)
    await accounts.set_role(conn, actor_id, role)
    await _end_all(conn, actor_id)
    await _log(conn, admin, "set_role", actor_id, role, now)


async def change_role_of(
    conn: Connection, admin: Member, name: str, role: str, now: datetime
) -> None:
    """The same, of whoever has this name here. Raises NotFound."""
    account = await accounts.read_by_name(conn, name.strip().removeprefix("@"))
    if account is None:
        raise NotFound
    await change_role(conn, admin, account.actor_id, role, now)


async def is_last_admin(conn: Connection, actor_id: int) -> bool:
    """Whether nobody would run this server without them. Of two who go at once, one stays."""
    return set(await accounts.lock_admins(conn)) <= {actor_id}


async def read_reason(conn: Connection, secret: str, now: datetime) -> str | None:
    """Why somebody was turned away, for who holds the link in the mail."""
    found = await tokens.read(conn, TURNED_AWAY, secret, now)
    return None if found is None else str(found.data.get("reason", ""))


def check_name(name: str) -> str:
    """The name in lower case. Raises Invalid when it is none."""
    name = name.strip().lower()
    if "@" in name:
        raise Invalid("name_is_address", field="name")
    if not NAME.fullmatch(name):
        raise Invalid("bad_name", field="name")
    return name


def check_password(password: str) -> None:
    """Long enough to hold, short enough to hash. Raises Invalid."""
    if len(password) < PASSWORD_LENGTH.start:
        raise Invalid("too_short", field="password")
    if len(password) >= PASSWORD_LENGTH.stop:
        raise Invalid("too_long", field="password")


async def _tell_why_not(
    conn: Connection, reached: Addressee, reason: str, now: datetime, origin: str
) -> None:
    kind, link = "not_let_in", ""
    if reason:
        secret = await tokens.make(
            conn, TURNED_AWAY, data={"reason": reason}, expires_at=now + REASON_KEPT
        )
        kind, link = "not_let_in_why", f"{origin}/turned-away/{secret}"
    await mail.queue(
        conn, address=reached.address, kind=kind, locale=reached.locale, link=link, now=now,
        ends_at=now + REASON_KEPT,
    )  # fmt: skip


async def _require_still_admin(conn: Connection, admin: Member) -> None:
    """Of two administrators who shut each other out at once, one does it.

    Whoever types commands on the machine has no account.
    """
    admins = await accounts.lock_admins(conn)
    account = await accounts.read_account(conn, admin.actor_id)
    if account is not None and admin.actor_id not in admins:
        raise NotAllowed("not_an_admin")


async def _end_all(conn: Connection, actor_id: int) -> None:
    """Nobody stays in, and nothing that was begun before lets anybody in."""
    await sessions.end_all(conn, actor_id)
    await tokens.drop_of_account(conn, actor_id)


async def _log(
    conn: Connection, admin: Member, action: str, actor_id: int, reason: str, now: datetime
) -> None:
    act = Act(new_id(now), admin.actor_id, action, now, actor_id=actor_id, reason=reason)
    await modlog.insert(conn, act)


def _person(site: Site, name: str, now: datetime) -> Actor:
    actor_id = new_id(now)
    return Actor(
        id=actor_id,
        uri=site.actor_uri(actor_id),
        kind="person",
        type="Person",
        host=site.host,
        is_local=True,
        name=name,
        display_name=name,
        summary_html="",
        url=site.person_url(name),
        inbox=site.inbox_uri(actor_id),
        shared_inbox=site.shared_inbox,
        followers=site.followers_uri(actor_id),
        state="live",
    )
