"""Signing in by a link: from a mail, or from a moderator of the server to whoever lost the rest.

The link proves what a password proves, no more: whoever has set up a second step is asked for it
as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from forum import access
from forum.errors import NotAllowed, NotFound
from forum.mail import SIGN_IN_LINK
from forum.second_factor import Entrance, enter
from storage import accounts, modlog, tokens
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act
from storage.sessions import Member
from storage.tokens import Token

HANDED = "handed_link"
HANDED_LIFETIME = timedelta(days=2)


async def read_link(conn: Connection, secret: str, now: datetime) -> Token | None:
    """What a link stands for; None when it was used or is too old."""
    return await tokens.read(conn, SIGN_IN_LINK, secret, now) or await tokens.read(
        conn, HANDED, secret, now
    )


async def use_link(conn: Connection, secret: str, now: datetime) -> int:
    """The account whose link it is; nobody uses it again. Raises NotFound, NotAllowed."""
    found = await tokens.use(conn, SIGN_IN_LINK, secret, now) or await tokens.use(
        conn, HANDED, secret, now
    )
    if found is None or found.account_id is None:
        raise NotFound
    account = await accounts.read_account(conn, found.account_id)
    if account is None:
        raise NotFound
    if account.state not in ("open", "waiting"):
        raise NotAllowed("suspended")
    return account.actor_id


async def sign_in_by_link(
    conn: Connection, secret: str, now: datetime, password_hash: str | None = None
) -> Entrance:
    """Come in, or to the second step; with a new password, if somebody forgot theirs."""
    account_id = await use_link(conn, secret, now)
    return await enter(conn, account_id, now, password_hash=password_hash)


async def hand_over(conn: Connection, helper: Member, name: str, origin: str, now: datetime) -> str:
    """A link for somebody who cannot get in any more, to be given to them by hand; it is noted.

    Raises NotFound for a name that nobody here has, NotAllowed where only administrators may.
    """
    if not access.may_help_in(helper, "member"):
        raise NotAllowed("not_an_admin")
    account = await accounts.read_by_name(conn, name.strip().removeprefix("@"))
    if account is None or account.state not in ("open", "waiting"):
        raise NotFound
    if not access.may_help_in(helper, account.role):
        raise NotAllowed("not_an_admin")
    await tokens.drop_of_account(conn, account.actor_id, HANDED)
    secret = await tokens.make(
        conn, HANDED, account_id=account.actor_id, expires_at=now + HANDED_LIFETIME
    )
    act = Act(
        id=new_id(now), moderator_id=helper.actor_id, action="sign_in_link", at=now,
        actor_id=account.actor_id,
    )  # fmt: skip
    await modlog.insert(conn, act)
    return f"{origin}/sign-in/link/{secret}"
