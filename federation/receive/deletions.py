"""Deletions that a community elsewhere passes on: an author's own, or a moderator's removal."""

from __future__ import annotations

from federation.errors import FederationError, Gone
from federation.receive.belief import is_made_by
from federation.receive.forgetting import forget_repeated
from federation.receive.job import Change, Job, Later
from federation.vocabulary.types import Delete
from forum import threads as use_cases
from forum.erasing import confirm
from forum.errors import ForumError, NotAllowed
from storage import actors, threads
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post


async def receive_deletion(job: Job, community: Community, delete: Delete) -> Change:
    async with job.fed.database.read() as conn:
        post = await threads.read_by_uri_unfiltered(conn, delete.object)
        author = await actors.read_unfiltered(conn, post.author_id) if post else None
    if post is None or author is None:
        return _remember(job, delete.object)
    if post.community_id != community.id:
        raise NotAllowed("other_community")
    if delete.actor == author.uri and await _is_taken_back(job, author, post.uri):
        return _erase(job, author, post)
    if post.state == "erased":
        return _confirm(job, post)
    return _remove(job, community, post, await _moderator(job, delete.actor), delete.reason)


def _remember(job: Job, uri: str) -> Change:
    async def change(conn: Connection) -> None:
        if await use_cases.hold_and_read(conn, uri) is not None:
            raise Later("just_came")  # together with its deletion
        await forget_repeated(conn, job)
        await use_cases.remember_deletion(conn, uri, job.actor.host, job.now)
        await confirm(conn, job.actor, job.source_uri)

    return change


def _confirm(job: Job, post: Post) -> Change:
    async def change(conn: Connection) -> None:
        await confirm(conn, job.actor, job.source_uri, author_id=post.author_id)

    return change


def _erase(job: Job, author: Actor, post: Post) -> Change:
    async def change(conn: Connection) -> None:
        await forget_repeated(conn, job)
        await confirm(conn, job.actor, job.source_uri, author_id=post.author_id)
        await use_cases.erase_post(conn, author, post, now=job.now, source_uri=job.source_uri)

    return change


def _remove(job: Job, community: Community, post: Post, moderator: Actor, reason: str) -> Change:
    async def change(conn: Connection) -> None:
        await forget_repeated(conn, job)
        await use_cases.receive_removal(
            conn,
            community,
            post,
            moderator=moderator,
            reason=reason,
            now=job.now,
            source_uri=job.source_uri,
        )

    return change


async def _is_taken_back(job: Job, author: Actor, uri: str) -> bool:
    """Whether the author's own server says so: it is the sender's, or it has the post no more.

    Else the community may hide the post, which is its right, and not empty it.
    """
    if author.is_local:
        return False
    if author.host == job.actor.host or await is_made_by(job, author.uri):
        return True
    try:
        await job.fed.fetcher.post(uri, job.budget)
    except Gone:
        return True
    except (FederationError, ForumError):
        return False
    return False


async def _moderator(job: Job, uri: str) -> Actor:
    """Who removed it, or the community itself where that cannot be found out."""
    try:
        return await job.fed.fetcher.find_actor(uri, job.budget)
    except (FederationError, ForumError):
        return job.actor
