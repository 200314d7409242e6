"""Who is a member: for the moderators of a community, and noted in its log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from forum import looking
from forum.limits import require_below
from storage.communities import Community
from storage.db import Connection
from storage.memberships import MemberLine
from web import respond
from web.pages.front import address_of
from web.pages.moderation import moderated
from web.paging import read_id
from web.visit import Visit

MEMBERS = 100
LOOKS_PER_HOUR = 120


@dataclass(frozen=True, slots=True)
class MembersPage:
    community: Community
    address: str
    members: list[MemberLine]
    after: int
    now_stopped: frozenset[int]


async def show_members(visit: Visit, conn: Connection) -> Response:
    """Names, where they are at home, their role: what taking somebody out needs, and no more."""
    community = await moderated(visit, conn)
    async with conn.transaction():  # a second connection could be waited for by all at once
        await require_below(
            conn, visit.services.secret, "see_members", str(visit.require_member().actor_id),
            most=LOOKS_PER_HOUR, per=timedelta(hours=1), now=visit.now,
        )  # fmt: skip
        found = await looking.see_members(
            conn, community, visit.require_member(),
            after=read_id(visit.query("after")) or 0, limit=MEMBERS + 1, now=visit.now,
        )  # fmt: skip
    view = MembersPage(
        community=community,
        address=address_of(community),
        members=found[:MEMBERS],
        after=found[MEMBERS - 1].actor_id if len(found) > MEMBERS else 0,
        now_stopped=frozenset(
            one.actor_id for one in found if (one.stopped_until or visit.now) > visit.now
        ),
    )
    return await respond.page(visit, conn, "members.html", view, is_private=True)
