"""Mail that tells nothing: a link, never a condition, a community or what somebody wrote.

It is queued with what caused it, in one transaction, and sent by a worker. As long as mail was not
seen to arrive, none is sent and nobody is asked for an address; what is queued waits where the
administrator sees it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from forum import access
from forum.errors import Invalid, NotAllowed, NotFound
from forum.sealing import seal
from storage import addresses, answered, mails, messages, modlog, smtp, tokens
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act
from storage.sessions import Member
from storage.smtp import Smtp

SIGN_IN_LINK = "sign_in_link"
CONFIRM_ADDRESS = "confirm_address"
SHORT_LIVED = (SIGN_IN_LINK, CONFIRM_ADDRESS)
KINDS = frozenset(
    (
        *SHORT_LIVED,
        *("community_invitation", "site_invitation", "let_in", "not_let_in"),
        *("membership_decided", "new_message", "receipt_changed", "export_ready", "test"),
        "not_let_in_why",
    )
)
# An invitation opens a place to whoever has it; what signs somebody in is shown to nobody.
HANDED_BY_HAND = ("community_invitation", "site_invitation")

LINK_LIFETIME = timedelta(minutes=30)
CONFIRM_LIFETIME = timedelta(days=1)
TEST_LIFETIME = timedelta(days=1)
KEPT = timedelta(days=14)

# Plain letters only: few mail servers take others, and `=?` begins a word that programs decode.
ADDRESS = re.compile(
    r"(?![^@]*=\?)[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9.-]{1,189}",
    re.IGNORECASE | re.ASCII,
)
SECURITIES = ("starttls", "tls", "none")
SEAL = "smtp"
TEST = "mail_test"
NOBODYS_LINK = "nobodys_link"  # opens nothing
NOBODY = 0
ANSWERED = 500  # receipts at once
ALIKE = 4  # letters in a row that two names share by no accident


def check_address(address: str) -> str:
    """The address without what surrounds it. Raises Invalid."""
    address = address.strip()
    _, _, host = address.rpartition("@")
    if not ADDRESS.fullmatch(address) or "." not in host.strip(".") or ".." in host:
        raise Invalid("bad_address", field="address")
    return address


async def can_send(conn: Connection) -> bool:
    """Whether mail was seen to arrive."""
    return (await smtp.read(conn)).tested_at is not None


async def queue(
    conn: Connection,
    *,
    address: str,
    kind: str,
    locale: str,
    now: datetime,
    link: str = "",
    account_id: int | None = None,
    ends_at: datetime | None = None,
) -> None:
    """Have a mail sent once the transaction commits; not from `ends_at` on, when its link ends."""
    if kind not in KINDS:
        raise ValueError(kind)
    data = {"link": link} if link else {}
    await mails.insert(
        conn, account_id=account_id, address=address, kind=kind, locale=locale, data=data, now=now,
        ends_at=ends_at,
    )  # fmt: skip


async def tell(conn: Connection, account_id: int, kind: str, *, link: str, now: datetime) -> None:
    """Tell somebody by mail, if they gave an address; else nothing happens."""
    found = await addresses.read_of_account(conn, account_id)
    if found is not None:
        await queue(
            conn, address=found.address, kind=kind, locale=found.locale, link=link,
            account_id=account_id, now=now,
        )  # fmt: skip


async def tell_if_wanted(
    conn: Connection, account_id: int, kind: str, *, link: str, now: datetime
) -> None:
    """Tell somebody who chose to hear by mail of what is new."""
    if await messages.wants_mail(conn, account_id):
        await tell(conn, account_id, kind, link=link, now=now)


async def tell_of_answers(conn: Connection, now: datetime) -> None:
    """Tell who wants mail that all servers have answered that were asked to erase something.

    Without a link: nobody knows the secret of a receipt but who was given it.
    """
    for account_id in await answered.claim(conn, now, ANSWERED):
        await tell(conn, account_id, "receipt_changed", link="", now=now)


async def send_sign_in_link(conn: Connection, origin: str, address: str, now: datetime) -> None:
    """A link that signs in whoever reads the mail of this account; nothing for an unknown one.

    Count the attempt before; answer the same in both cases.
    """
    found = await addresses.find(conn, address)
    if not await can_send(conn):
        return
    account_id, kind = (found.account_id, SIGN_IN_LINK) if found else (None, NOBODYS_LINK)
    await tokens.drop_of_account(conn, account_id or NOBODY, SIGN_IN_LINK)
    await mails.drop_of_account(conn, account_id or NOBODY, SIGN_IN_LINK)
    # Written for an unknown address too: a commit that writes takes longer than one that does not.
    secret = await tokens.make(conn, kind, account_id=account_id, expires_at=now + LINK_LIFETIME)
    if found is None:
        return
    await queue(
        conn, address=found.address, kind=SIGN_IN_LINK, locale=found.locale,
        link=f"{origin}/sign-in/link/{secret}", account_id=found.account_id, now=now,
        ends_at=now + LINK_LIFETIME,
    )  # fmt: skip


async def ask_to_confirm(
    conn: Connection, origin: str, member: Member, address: str, now: datetime
) -> None:
    """Send a link to an address that somebody gives; it counts once the link was opened.

    The same for an address that another account has: only who reads its mail learns of that.
    """
    if not await can_send(conn):
        raise NotAllowed("no_mail")
    address = check_address(address)
    await tokens.drop_of_account(conn, member.actor_id, CONFIRM_ADDRESS)
    await mails.drop_of_account(conn, member.actor_id, CONFIRM_ADDRESS)
    secret = await tokens.make(
        conn, CONFIRM_ADDRESS, account_id=member.actor_id, data={"address": address},
        expires_at=now + CONFIRM_LIFETIME,
    )  # fmt: skip
    await queue(
        conn, address=address, kind=CONFIRM_ADDRESS, locale=member.locale,
        link=f"{origin}/settings/mail/confirm/{secret}", account_id=member.actor_id, now=now,
        ends_at=now + CONFIRM_LIFETIME,
    )  # fmt: skip


async def confirm_address(conn: Connection, member: Member, secret: str, now: datetime) -> None:
    """The link was opened by the account that asked. Sign-in links to an older address end."""
    found = await tokens.use(conn, CONFIRM_ADDRESS, secret, now)
    if found is None or found.account_id != member.actor_id:
        raise NotFound
    if not await addresses.confirm(conn, member.actor_id, found.data["address"], now):
        raise NotAllowed("address_taken")
    await tokens.drop_of_account(conn, member.actor_id, SIGN_IN_LINK)


async def remove_address(conn: Connection, member: Member) -> None:
    """Forget the address, what is queued for it, and links that were sent to it."""
    await addresses.remove(conn, member.actor_id)
    await mails.drop_of_account(conn, member.actor_id)
    for kind in SHORT_LIVED:
        await tokens.drop_of_account(conn, member.actor_id, kind)


async def change_settings(
    conn: Connection, admin: Member, secret: bytes, settings: Smtp, password: str, now: datetime
) -> None:
    """How mail leaves; an empty password leaves the one that is kept. That it changed is noted."""
    access.require_may_administer(admin)
    if settings.security not in SECURITIES:
        raise Invalid("choose", field="security")
    check_address(settings.sender)
    known = await smtp.read(conn)
    await tokens.drop_of_kind(conn, TEST)
    same = (settings.host, settings.port, settings.security, settings.username)
    is_same = same == (known.host, known.port, known.security, known.username)
    kept = known.password_sealed if is_same else None  # it goes to no other server
    sealed = seal(secret, SEAL, password.encode()) if password else kept
    await smtp.save(
        conn,
        Smtp(
            settings.host, settings.port, settings.security, settings.username,
            sealed if settings.username else None, settings.sender, None,
        ),
    )  # fmt: skip
    await modlog.insert(conn, Act(new_id(now), admin.actor_id, "set_mail", now))


async def begin_test(conn: Connection, admin: Member, origin: str, now: datetime) -> str:
    """The link that a test mail holds: whoever opens it has seen mail arrive."""
    access.require_may_administer(admin)
    if not (await smtp.read(conn)).is_set:
        raise NotAllowed("no_mail_settings")
    secret = await tokens.make(
        conn, TEST, account_id=admin.actor_id, expires_at=now + TEST_LIFETIME
    )
    return f"{origin}/admin/mail/arrived/{secret}"


async def end_test(conn: Connection, admin: Member, secret: str, now: datetime) -> None:
    """The test mail arrived. Mail that waits goes out from now on."""
    access.require_may_administer(admin)
    if await tokens.use(conn, TEST, secret, now) is None:
        raise NotFound
    await smtp.mark_tested(conn, now)


async def throw_away(conn: Connection, admin: Member, mail_id: int) -> None:
    """Nobody is to get it any more, for instance since the link was handed over by hand."""
    access.require_may_administer(admin)
    await mails.drop(conn, mail_id)


async def try_again(conn: Connection, admin: Member, mail_id: int, now: datetime) -> None:
    """Send it after all, now that what was wrong is mended."""
    access.require_may_administer(admin)
    await mails.try_again(conn, mail_id, now)


async def see_link(conn: Connection, admin: Member, mail_id: int, now: datetime) -> str:
    """The invitation in a mail, to hand it over in another way; that somebody looked is noted.

    Raises NotFound for every other kind: nobody sees a link that signs somebody in.
    """
    access.require_may_administer(admin)
    one = await mails.read_unsent(conn, mail_id, now)
    if one is None or one.kind not in HANDED_BY_HAND or not one.data.get("link"):
        raise NotFound
    await modlog.insert(conn, Act(new_id(now), admin.actor_id, "see_link", now, reason=one.kind))
    return str(one.data["link"])


def looks_alike(name: str, address: str) -> bool:
    """Whether somebody who knows the address could know the name by it, or the other way round."""
    local = _letters(address.partition("@")[0].partition("+")[0])
    own = _letters(name)
    return len(min(own, local, key=len)) >= ALIKE and (own in local or local in own)


async def tidy(conn: Connection, now: datetime) -> None:
    """Forget mail whose time is over, and the links."""
    await mails.drop_old(conn, now - KEPT, now)
    await tokens.tidy(conn, now)


def _letters(name: str) -> str:
    """What stays of a name when dots, lines and numbers are no difference."""
    return "".join(character for character in name.lower() if character.isalpha())
