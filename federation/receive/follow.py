"""Follow of a community here asks to join it. People here cannot be followed."""

from __future__ import annotations

from federation.errors import Malformed
from federation.receive.job import UNDONE_FOR, Change, Job
from federation.vocabulary.types import Follow
from forum import membership
from forum.errors import NotFound
from storage import actors, communities, undone
from storage.db import Connection

OUR_SOFTWARE = "dazzle"
LONGEST_FOLLOW = 16 * 1024  # it is kept, and embedded in every answer


async def receive_follow(job: Job, follow: Follow) -> Change:
    """The follower's server is asked for its software first, whether or not the target exists."""
    if not job.fed.site.is_local_uri(follow.object):
        raise NotFound
    if len(job.body) > LONGEST_FOLLOW:
        raise Malformed("too_long")
    software = await job.fed.resolver.software_of(job.actor.host)
    body = job.body.decode()

    async def change(conn: Connection) -> None:
        keys = [follow.id, undone.key_of("Follow", follow.actor, follow.object)]
        if await undone.is_remembered(conn, job.actor.host, keys, job.now - UNDONE_FOR):
            return  # its Undo overtook it
        target = await actors.read_by_uri_unfiltered(conn, follow.object)
        if target is None or not target.is_local or target.state != "live":
            raise NotFound
        if target.kind == "person":
            await membership.refuse_follow(conn, target, job.actor, body)
            return
        community = await communities.read_unfiltered(conn, target.id)
        if community is None:
            raise NotFound
        await membership.receive_follow(
            conn,
            job.fed.site,
            community,
            job.actor,
            follow_uri=follow.id,
            follow_body=body,
            may_join=community.readers == "anyone" or software == OUR_SOFTWARE,
            now=job.now,
        )

    return change
