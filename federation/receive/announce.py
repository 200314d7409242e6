"""Announce by a community of another server: what happens there, told to its members' servers.

The community decides what stands in it, not who said what: a post is believed only from its own
origin, which is the community's by luck or is asked by the post's id (FEP-1b12, FEP-fe34).
"""

from __future__ import annotations

from dataclasses import replace

from federation.address import is_same_origin
from federation.errors import FederationError, Gone, Malformed
from federation.receive.drafts import draft_of, origin_of, require_wide_enough
from federation.receive.job import Change, Job, Later, nothing
from federation.vocabulary.documents import Unsupported
from federation.vocabulary.types import Announce, Create, Delete, Post
from forum import threads as use_cases
from forum.errors import ForumError, NotAllowed, NotFound
from storage import actors, communities, memberships, threads, tombstones
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection

MAX_CHAIN = 50


async def receive_announce(job: Job, announce: Announce) -> Change:
    """A post, or the end of one, in a community that people here have joined."""
    if job.actor.kind != "community":
        raise Unsupported("not_a_community")
    async with job.fed.database.read() as conn:
        community = await communities.read_unfiltered(conn, job.actor.id)
        if community is None or not await memberships.has_local(conn, job.actor.id):
            raise NotAllowed("nobody_here_reads")
    if isinstance(announce.object, Delete):
        return await _receive_deletion(job, community, announce.object)
    if not isinstance(announce.object, Create | Post | str):
        raise Unsupported("object_type")
    return await _receive_post(job, community, announce.object)


async def _receive_post(job: Job, community: Community, told: Create | Post | str) -> Change:
    inner = told.object if isinstance(told, Create) else told
    uri = inner if isinstance(inner, str) else inner.id
    known = await _known(job, uri)
    if known is not None:
        return _already(known)
    if job.fed.site.is_local_uri(uri):
        raise NotFound
    post = await _from_its_origin(job, community, inner)
    if isinstance(told, Create) and is_same_origin(post.id, community.uri):
        post = replace(post, addressed=(*post.addressed, *told.addressed))
    chain = await _with_missing_parents(job, post)
    _require_meant_for(community, chain)
    written = [(one, await _author(job, one)) for one in chain]

    async def change(conn: Connection) -> int | None:
        stored_id = None
        for one, author in written:
            stored_id = await _store(conn, job, community, one, author)
        return stored_id

    return change


def _require_meant_for(community: Community, chain: list[Post]) -> None:
    """Raises NotAllowed unless the posts themselves say that they are for so many.

    The word of the community counts for posts of its own server only: any other would let it show
    everybody here what was written in a closed one elsewhere, and handed to this server for it.
    """
    if chain[0].in_reply_to is None and community.uri not in chain[0].addressed:
        raise NotAllowed("other_community")
    for post in chain:
        require_wide_enough(community, post.is_public)


def _already(known: int) -> Change:
    async def change(_: Connection) -> int | None:
        return known

    return change


async def _known(job: Job, uri: str) -> int | None:
    """The post's id if it is here. Raises NotAllowed for one that was deleted."""
    async with job.fed.database.read() as conn:
        stored = await threads.read_by_uri_unfiltered(conn, uri)
        if stored is not None:
            is_erased = stored.state == "erased"
        else:
            is_erased = await tombstones.is_remembered(conn, uri, job.actor.host)
    if is_erased:
        raise NotAllowed("erased")
    return None if stored is None else stored.id


async def _from_its_origin(job: Job, community: Community, inner: Post | str) -> Post:
    if isinstance(inner, str):
        return await job.fed.fetcher.post(inner, job.budget)
    if not is_same_origin(inner.id, community.uri):
        return await _same(job, inner.id)
    if not is_same_origin(inner.author, inner.id):
        raise Malformed("author_elsewhere")
    return inner


async def _same(job: Job, uri: str) -> Post:
    post = await job.fed.fetcher.post(uri, job.budget)
    if post.id != uri:
        raise Malformed("id_mismatch")
    return post


async def _with_missing_parents(job: Job, post: Post) -> list[Post]:
    """The post, after those above it that are not here: somebody joined in mid-thread."""
    chain = [post]
    while (parent := chain[-1].in_reply_to) is not None and parent not in job.coming:
        async with job.fed.database.read() as conn:
            if await threads.read_by_uri_unfiltered(conn, parent) is not None:
                break
        if job.fed.site.is_local_uri(parent):
            raise NotFound
        if len(chain) > MAX_CHAIN or any(one.id == parent for one in chain):
            raise Malformed("circle")
        chain.append(await _same(job, parent))
    return chain[::-1]


async def _author(job: Job, post: Post) -> Actor:
    author = await job.fed.fetcher.find_actor(post.author, job.budget)
    if author.uri != post.author:
        raise Malformed("id_mismatch")
    return author


async def _store(
    conn: Connection, job: Job, community: Community, post: Post, author: Actor
) -> int | None:
    known = await threads.read_by_uri_unfiltered(conn, post.id)
    if known is not None:
        return known.id
    site, now = job.fed.site, job.now
    draft, origin = draft_of(post), origin_of(post, job.row.uri, now)
    if post.in_reply_to is None:
        stored = await use_cases.start_thread(
            conn, site, author, community, draft, now=now, origin=origin
        )
        return stored.id
    parent = await threads.read_by_uri_unfiltered(conn, post.in_reply_to)
    if parent is None:
        raise Later("parent_unknown")  # it was coming together with this one, and did not come
    if parent.community_id != community.id:
        raise NotAllowed("other_community")
    stored = await use_cases.reply(conn, site, author, parent, draft, now=now, origin=origin)
    return stored.id


async def _receive_deletion(job: Job, community: Community, delete: Delete) -> Change:
    """An author's own deletion passed on, or a moderator's removal."""
    async with job.fed.database.read() as conn:
        post = await threads.read_by_uri_unfiltered(conn, delete.object)
        author = await actors.read_unfiltered(conn, post.author_id) if post else None
    if post is None or author is None:
        return _remember(job, delete.object)
    if post.community_id != community.id:
        raise NotAllowed("other_community")
    found = post
    if delete.actor == author.uri and await _is_taken_back(job, author, post.uri):

        async def erase(conn: Connection) -> None:
            await use_cases.erase_post(conn, author, found, now=job.now, source_uri=job.row.uri)

        return erase
    if found.state == "erased":
        return nothing
    moderator = await _moderator(job, delete.actor)

    async def remove(conn: Connection) -> None:
        await use_cases.receive_removal(
            conn,
            community,
            found,
            moderator=moderator,
            reason=delete.reason,
            now=job.now,
            source_uri=job.row.uri,
        )

    return remove


def _remember(job: Job, uri: str) -> Change:
    async def change(conn: Connection) -> None:
        await use_cases.remember_deletion(conn, uri, job.actor.host, job.now)

    return change


async def _is_taken_back(job: Job, author: Actor, uri: str) -> bool:
    """Whether the author's own server says so: it is the sender's, or it has the post no more.

    Else the community may hide the post, which is its right, and not empty it.
    """
    if author.is_local:
        return False
    if author.host == job.actor.host:
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
