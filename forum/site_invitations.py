"""Invitations to this server: a link for several people, or one for each address of a list."""

from __future__ import annotations

from datetime import datetime, timedelta

from forum import access, mail
from forum.errors import Invalid
from forum.invitations import check_addresses
from forum.site import Site
from storage import mails, site_invitations
from storage.db import Connection
from storage.sessions import Member
from storage.site_invitations import SiteInvitation

USES = range(1, 501)
DAYS = range(1, 91)


async def invite(conn: Connection, admin: Member, *, uses: int, days: int, now: datetime) -> str:
    """A token for a link with which people make an account here."""
    access.require_may_administer(admin)
    if uses not in USES:
        raise Invalid("number_range", field="uses")
    if days not in DAYS:
        raise Invalid("number_range", field="days")
    return await site_invitations.make(
        conn, admin.actor_id, uses=uses, expires_at=now + timedelta(days=days), now=now
    )


async def invite_by_mail(
    conn: Connection,
    admin: Member,
    site: Site,
    addresses: str,
    *,
    days: int,
    locale: str,
    now: datetime,
) -> int:
    """Queue one mail with a link of its own for each address; how many.

    The mail names neither the server nor who invites. As long as no mail is sent it waits where
    the administrator can hand the link over in another way.
    """
    wanted = check_addresses(addresses)
    for address in wanted:
        token = await invite(conn, admin, uses=1, days=days, now=now)
        await mail.queue(
            conn, address=address, kind="site_invitation", locale=locale,
            link=f"{site.origin}/sign-up/{token}", now=now, ends_at=now + timedelta(days=days),
        )  # fmt: skip
    return len(wanted)


async def list_open(conn: Connection, admin: Member, now: datetime) -> list[SiteInvitation]:
    """Links that can still be used. What they are is known to nobody who did not keep them."""
    access.require_may_administer(admin)
    return await site_invitations.list_open(conn, now)


async def end(conn: Connection, admin: Member, token_hash: bytes) -> None:
    """Let nobody else make an account by this link."""
    access.require_may_administer(admin)
    await site_invitations.end(conn, token_hash)


async def end_all(conn: Connection, admin: Member) -> None:
    """Let nobody else make an account by any link that was made until now."""
    access.require_may_administer(admin)
    await site_invitations.end_all(conn)
    await mails.drop_of_kind(conn, "site_invitation")
