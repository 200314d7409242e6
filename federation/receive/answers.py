"""Accept and Reject: a community elsewhere answers the Follow of a person here."""

from __future__ import annotations

from federation.receive.job import Change, Job
from federation.vocabulary.types import Accept, Follow, Reject
from forum import membership
from forum.errors import NotAllowed, NotFound
from storage import actors, communities, memberships
from storage.db import Connection


async def receive_accept(job: Job, accept: Accept) -> Change:
    return _answer(job, accept.object, accepted=True)


async def receive_reject(job: Job, reject: Reject) -> Change:
    """Also the end of a membership that was accepted before."""
    return _answer(job, reject.object, accepted=False)


def _answer(job: Job, follow: Follow | str, *, accepted: bool) -> Change:
    async def change(conn: Connection) -> None:
        community = await communities.read_unfiltered(conn, job.actor.id)
        if community is None or community.is_local:
            raise NotAllowed("not_a_community")
        actor_id, follow_uri = await _follower(conn, community.id, follow)
        await membership.receive_answer(conn, community, actor_id, follow_uri, accepted, job.now)

    return change


async def _follower(
    conn: Connection, community_id: int, follow: Follow | str
) -> tuple[int, str | None]:
    """The person here who asked that community, by the Follow's id, else by its actor.

    Some servers embed the Follow with an id of their own: then there is no id to compare.
    """
    follow_uri = follow if isinstance(follow, str) else follow.id
    known = await memberships.read_by_follow_uri(conn, follow_uri)
    if known is not None and known.community_id == community_id:
        return known.actor_id, follow_uri
    if isinstance(follow, Follow):
        actor = await actors.read_by_uri_unfiltered(conn, follow.actor)
        if actor is not None and actor.is_local:
            return actor.id, None
    raise NotFound
