"""Invitations in numbers: one link for each person, printed on cards or sent by mail."""

from __future__ import annotations

from datetime import datetime

from forum import membership
from forum.errors import Invalid
from forum.membership import Moderator, require_moderator
from storage import invitations
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection

MOST_CARDS = 40


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


async def end_all(conn: Connection, moderator: Moderator, community: Community) -> None:
    """Let no link that was made until now open the community."""
    await require_moderator(conn, community, moderator)
    await invitations.end_all(conn, community.id)
