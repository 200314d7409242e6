"""Delete, sent by the author, by a moderator of a community here, or by who leaves for good."""

from __future__ import annotations

from federation.address import is_same_origin
from federation.errors import Gone
from federation.receive.forgetting import forget_repeated
from federation.receive.job import Change, Job, nothing
from federation.vocabulary.types import Delete
from forum import threads as use_cases
from forum.departures import receive_departure
from forum.erasing import confirm
from forum.errors import NotAllowed
from storage import communities
from storage.db import Connection


async def receive_goodbye(job: Job) -> Change:
    """Somebody is said to have left, and their key went with them: their own document tells.

    410 there ends the account; 404 may be a mistake, and so is any other answer.
    """
    try:
        await job.fed.fetcher.actor(job.actor.uri, job.budget)
    except Gone as error:
        if not error.is_final:
            return nothing
    else:
        return nothing

    async def change(conn: Connection) -> None:
        await receive_departure(conn, job.actor, job.now)

    return change


async def receive_delete(job: Job, delete: Delete) -> Change:
    """Only the author's server erases; of what is not here yet, it is remembered who said so."""

    async def change(conn: Connection) -> None:
        await forget_repeated(conn, job)
        if delete.object == job.actor.uri:
            await receive_departure(conn, job.actor, job.now, source_uri=job.source_uri)
            return
        post = await use_cases.hold_and_read(conn, delete.object)
        if post is None:
            if not is_same_origin(delete.object, job.actor.uri):
                raise NotAllowed("not_the_author")
            await use_cases.remember_deletion(conn, delete.object, job.actor.host, job.now)
            await confirm(conn, job.actor, job.source_uri)
        elif post.author_id == job.actor.id:
            await confirm(conn, job.actor, job.source_uri, author_id=post.author_id)
            await use_cases.erase_post(
                conn, job.actor, post, now=job.now, source_uri=job.source_uri
            )
        else:
            community = await communities.read_unfiltered(conn, post.community_id or 0)
            if community is None or not community.is_local:
                raise NotAllowed("not_the_author")
            await use_cases.receive_removal(
                conn,
                community,
                post,
                moderator=job.actor,
                reason=delete.reason,
                now=job.now,
                source_uri=job.source_uri,
            )

    return change
