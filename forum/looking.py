"""What moderators look at: who is a member, and that they looked."""

from __future__ import annotations

from datetime import datetime, timedelta

from forum.membership import require_moderator
from storage import memberships, modlog
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.memberships import MemberLine
from storage.modlog import Act
from storage.sessions import Member

ONCE_PER = timedelta(hours=1)
ACTION = "see_members"


async def see_members(
    conn: Connection,
    community: Community,
    moderator: Member,
    *,
    after: int = 0,
    limit: int,
    now: datetime,
) -> list[MemberLine]:
    """The accepted members, for a moderator; the other moderators read in the log that one looked.

    Raises NotAllowed for anybody else.
    """
    await require_moderator(conn, community, moderator)
    if not await modlog.did_since(conn, community.id, moderator.actor_id, ACTION, now - ONCE_PER):
        act = Act(new_id(now), moderator.actor_id, ACTION, now, community_id=community.id)
        await modlog.insert(conn, act)
    viewer = Viewer(moderator.actor_id)
    return await memberships.list_members(conn, viewer, community.id, after=after, limit=limit)
