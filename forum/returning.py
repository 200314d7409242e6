"""A server speaks again that was away for long: what was said of memberships is said once more.

Each of these is an idempotent change of state: who heard it the first time loses nothing.
"""

from __future__ import annotations

from datetime import datetime

from forum.events import FollowAnswered, MembershipAsked, MembershipLeft
from forum.outbox import record_event
from forum.site import Site
from storage import catchup
from storage.db import Connection


async def speak_again(conn: Connection, site: Site, host: str, since: datetime) -> None:
    """Answer its people, ask for ours who still wait, take leave for ours who left since then."""
    for answered in await catchup.list_answered_unfiltered(conn, host, since):
        await record_event(
            conn,
            FollowAnswered(
                answered.community_id,
                answered.actor_id,
                answered.is_accepted,
                answered.follow_body,
            ),
        )
    for one in await catchup.list_following_unfiltered(conn, host, since):
        follow_uri = one.follow_uri or site.follow_uri(one.actor_id, one.community_id)
        kind = MembershipAsked if one.is_asked else MembershipLeft
        await record_event(conn, kind(one.community_id, one.actor_id, follow_uri))
