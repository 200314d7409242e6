"""Invitations in numbers: one link for each person, printed on cards or sent by mail."""

from __future__ import annotations

from datetime import datetime, timedelta

from forum import membership
from forum.errors import Invalid
from forum.limits import require_below
from forum.mail import can_send, check_address, queue
from forum.membership import Moderator, require_moderator
from forum.site import Site
from storage import invitations
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection

MOST_CARDS = 40
MOST_ADDRESSES = 50
ADDRESSES_PER_DAY = 200
MAILS_PER_ADDRESS = 2  # a day, from one person
DAY = timedelta(days=1)


async def make_many(
    conn: Connection,
    viewer: Viewer,
    community: Community,
    number: int,
    *,
    days: int,
    now: datetime,
) -> list[str]:
    """Tokens for as many links, each for one person."""
    if not 1 <= number <= MOST_CARDS:
        raise Invalid("number_range", field="cards")
    return [
        await membership.make_invitation(conn, viewer, community, uses=1, days=days, now=now)
        for _ in range(number)
    ]


async def send(
    conn: Connection,
    site: Site,
    viewer: Viewer,
    community: Community,
    addresses: str,
    *,
    days: int,
    locale: str,
    now: datetime,
) -> int:
    """Queue one mail with a link of its own for each address of a list; how many.

    The mail names neither the community nor who invites. The addresses are kept until it is sent:
    on a server whose mail was not seen to arrive none is taken.
    """
    wanted = check_addresses(addresses)
    if not await can_send(conn):
        raise Invalid("no_mail", field="addresses")
    for address in wanted:
        token = await membership.make_invitation(
            conn, viewer, community, uses=1, days=days, now=now
        )
        await queue(
            conn, address=address, kind="community_invitation", locale=locale,
            link=f"{site.origin}/i/{token}", now=now, ends_at=now + timedelta(days=days),
        )  # fmt: skip
    return len(wanted)


async def count_addresses(
    conn: Connection, secret: bytes, actor_id: int, addresses: str, now: datetime
) -> None:
    """Count each address that somebody has written to, so that nobody is flooded with mail.

    Call it in a transaction of its own. Raises TooMany.
    """
    for address in check_addresses(addresses):
        await require_below(
            conn, secret, "invited", f"{actor_id} {address.lower()}",
            most=MAILS_PER_ADDRESS, per=DAY, now=now,
        )  # fmt: skip
        await require_below(
            conn, secret, "invitations", str(actor_id), most=ADDRESSES_PER_DAY, per=DAY, now=now
        )


def check_addresses(addresses: str) -> list[str]:
    """Each address once, however they are parted. Raises Invalid."""
    listed = addresses.replace(",", " ").replace(";", " ").split()
    if not listed:
        raise Invalid("empty", field="addresses")
    if len(listed) > MOST_ADDRESSES:
        raise Invalid("too_many_addresses", field="addresses")
    try:
        found = {check_address(address).lower(): check_address(address) for address in listed}
    except Invalid as error:
        raise Invalid(error.code, field="addresses") from error
    return list(found.values())


async def end_all(conn: Connection, moderator: Moderator, community: Community) -> None:
    """Let no link that was made until now open the community."""
    await require_moderator(conn, community, moderator)
    await invitations.end_all(conn, community.id)
