"""Accept and Reject: a community elsewhere answers the Follow of a person here."""

from __future__ import annotations

from federation.receive.job import PATIENCE, Change, Job, Later
from federation.vocabulary.types import Accept, Follow, Reject
from forum import membership
from forum.errors import NotAllowed, NotFound
from storage import actors, backfills, communities, memberships
from storage.communities import Community
from storage.db import Connection


async def receive_accept(job: Job, accept: Accept) -> Change:
    """Whoever is the first here to join a public community brings its history."""

    async def change(conn: Connection) -> None:
        community = await _community(conn, job)
        was_joined = await memberships.has_local(conn, community.id)
        await _answer(conn, job, community, accept.object, accepted=True)
        is_first = not was_joined and await memberships.has_local(conn, community.id)
        if is_first and community.readers == "anyone":
            await backfills.add(
                conn, community.uri, "community", community.id, community.host, job.now
            )

    return change


async def receive_reject(job: Job, reject: Reject) -> Change:
    """Also the end of a membership that was accepted before."""

    async def change(conn: Connection) -> None:
        await _answer(conn, job, await _community(conn, job), reject.object, accepted=False)

    return change


async def _community(conn: Connection, job: Job) -> Community:
    community = await communities.read_unfiltered(conn, job.actor.id)
    if community is None or community.is_local:
        raise NotAllowed("not_a_community")
    return community


async def _answer(
    conn: Connection, job: Job, community: Community, follow: Follow | str, *, accepted: bool
) -> None:
    try:
        actor_id, follow_uri = await _follower(conn, community.id, follow)
        await membership.receive_answer(conn, community, actor_id, follow_uri, accepted, job.now)
    except NotFound:
        follow_uri = follow if isinstance(follow, str) else follow.id
        if job.tries < PATIENCE and job.fed.site.is_local_uri(follow_uri):
            raise Later("follow_unknown") from None
        raise


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
