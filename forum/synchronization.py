"""Who is a member where, set right by the list of the community that decides it.

Ends here what has ended there, and has ended there what has ended here. It narrows what people can
read, or confirms what they asked for; nobody becomes a member who did not ask.
"""

from __future__ import annotations

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


async def reconcile(
    conn: Connection, site: Site, community: Community, listed: set[str], now: datetime
) -> None:
    """`listed` are all people of this server that the community's own server counts as members.

    The caller checked that it is that server who says so.
    """
    if community.is_local:
        raise Invalid("not_elsewhere")
    known = await followers.hold_here_unfiltered(conn, community.id)
    for person in known:
        if person.changed_at <= now - LATELY:
            await _set_right(conn, site, community, person, person.uri in listed, now)
    strangers = sorted(listed - {person.uri for person in known})
    for actor in await actors.list_by_uris_unfiltered(conn, strangers):
        if actor.is_local and actor.kind == "person":
            follow_uri = site.follow_uri(actor.id, community.id)
            await record_event(conn, MembershipLeft(community.id, actor.id, follow_uri))


async def _set_right(
    conn: Connection,
    site: Site,
    community: Community,
    person: Follower,
    is_listed: bool,
    now: datetime,
) -> None:
    if person.state == "accepted" and not is_listed:
        await memberships.change_state(
            conn, community.id, person.actor_id, "left", now, when=("accepted",)
        )
    elif person.state == "asked" and is_listed:
        await memberships.change_state(
            conn, community.id, person.actor_id, "accepted", now, when=("asked",)
        )
    elif person.state in ("left", "refused") and is_listed:
        follow_uri = person.follow_uri or site.follow_uri(person.actor_id, community.id)
        await record_event(conn, MembershipLeft(community.id, person.actor_id, follow_uri))
