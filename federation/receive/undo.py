"""Undo of a Follow: leaving a community, given by the Follow's id or the Follow itself."""

from __future__ import annotations

from federation.receive.job import Change, Job
from federation.vocabulary.documents import Unsupported
from federation.vocabulary.types import Follow, Undo
from forum import membership
from forum.errors import NotAllowed, NotFound
from storage import actors, communities, memberships
from storage.communities import Community
from storage.db import Connection


async def receive_undo(job: Job, undo: Undo) -> Change:
    if not isinstance(undo.object, Follow | str):
        raise Unsupported("object_type")
    if not isinstance(undo.object, str) and undo.object.actor != job.actor.uri:
        raise NotAllowed("not_the_follower")

    async def change(conn: Connection) -> None:
        community = await _left(conn, job, undo)
        await membership.receive_leave(conn, community, job.actor, job.now)

    return change


async def _left(conn: Connection, job: Job, undo: Undo) -> Community:
    """The community of the Follow. Raises NotFound."""
    community_id = None
    if isinstance(undo.object, str):
        known = await memberships.read_by_follow_uri(conn, undo.object)
        if known is not None and known.actor_id == job.actor.id:
            community_id = known.community_id
    elif isinstance(undo.object, Follow):
        target = await actors.read_by_uri_unfiltered(conn, undo.object.object)
        community_id = target.id if target is not None else None
    community = None
    if community_id is not None:
        community = await communities.read_unfiltered(conn, community_id)
    if community is None or not community.is_local:
        raise NotFound
    return community
