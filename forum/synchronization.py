"""Who is a member where, set right by the list of the community that decides it.

Ends here what has ended there, and has ended there what has ended here. It narrows what people can
read, or confirms what they asked for; nobody becomes a member who did not ask.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from forum.errors import Invalid
from forum.events import MembershipLeft
from forum.outbox import record_event
from forum.site import Site
from storage import actors, followers, memberships
from storage.communities import Community
from storage.db import Connection
from storage.followers import Follower

LATELY = timedelta(hours=1)  # what changed since then may still be on its way
# A list is compared once an hour. A community that lists everybody here makes no more of them than
# this sign something for it, and of those who did leave all are told of after a few lists.
MOST_LEAVING = 20


async def reconcile(
    conn: Connection, site: Site, community: Community, listed: set[str], now: datetime
) -> None:
    """`listed` are all people of this server that the community's own server counts as members.

    The caller checked that it is that server who says so.
    """
    if community.is_local:
        raise Invalid("not_elsewhere")
    known = await followers.hold_here_unfiltered(conn, community.id)
    settled = [person for person in known if person.changed_at <= now - LATELY]
    for person in settled:
        await _set_right(conn, community, person, person.uri in listed, now)
    leaving = {
        person.actor_id: person.follow_uri
        for person in settled
        if person.state in ("left", "refused") and person.uri in listed
    }
    strangers = sorted(listed - {person.uri for person in known})
    for actor in await actors.list_by_uris_unfiltered(conn, strangers):
        if actor.is_local and actor.kind == "person":
            leaving[actor.id] = None
    for actor_id in _some(list(leaving)):
        follow_uri = leaving[actor_id] or site.follow_uri(actor_id, community.id)
        await record_event(conn, MembershipLeft(community.id, actor_id, follow_uri))


def _some(people: list[int]) -> list[int]:
    """By chance, so that the next list reaches others."""
    return people if len(people) <= MOST_LEAVING else random.sample(people, MOST_LEAVING)


async def _set_right(
    conn: Connection, community: Community, person: Follower, is_listed: bool, now: datetime
) -> None:
    if person.state == "accepted" and not is_listed:
        await memberships.change_state(
            conn, community.id, person.actor_id, "left", now, when=("accepted",)
        )
    elif person.state == "asked" and is_listed:
        await memberships.change_state(
            conn, community.id, person.actor_id, "accepted", now, when=("asked",)
        )
