"""A post that a community elsewhere tells of: taken with what is missing above it.

The community decides what stands in it, not who said what: a post is believed only from its own
origin, which is the community's by luck, is asked by the post's id, or has proved itself by its
author's key (FEP-1b12, FEP-fe34, FEP-8b32).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from federation.address import is_same_origin
from federation.errors import Gone, Malformed
from federation.receive.belief import is_proved
from federation.receive.drafts import draft_of, fit, origin_of, require_wide_enough
from federation.receive.job import PATIENCE, Change, Job, Later
from federation.vocabulary.types import Create, Post, Update
from forum import places
from forum import threads as use_cases
from forum.errors import NotAllowed, NotFound
from storage import backfills, threads, tombstones
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection

MAX_CHAIN = 50
READ_AGAIN = timedelta(hours=1)  # one conversation is not read more often than this


@dataclass(frozen=True, slots=True)
class Lost:
    """A post that was answered and is gone: erased by its author, or not shown any more."""

    uri: str
    is_erased: bool


async def take_post(job: Job, community: Community, told: Create | Post | str) -> Change:
    """The change that stores it; of one that is here already, none."""
    inner = told.object if isinstance(told, Create) else told
    uri = inner if isinstance(inner, str) else inner.id
    known = await _known(job, uri)
    if known is not None:
        return _already(known)
    if job.fed.site.is_local_uri(uri):
        raise NotFound
    post = await from_its_origin(job, community, told)
    if isinstance(told, Create) and is_same_origin(post.id, community.uri):
        post = replace(post, addressed=(*post.addressed, *told.addressed))
    return await place(job, community, post)


async def place(job: Job, community: Community, post: Post) -> Change:
    """The change that stores a post which came from its own server, or proved itself."""
    chain, lost = await _with_missing_parents(job, community, post)
    _require_meant_for(community, chain, lost)
    written = [(one, await author_of(job, one)) for one in chain]

    async def change(conn: Connection) -> int | None:
        stored_id = None
        if lost is not None:
            await _keep_place(conn, job, community, lost)
        for one, author in written:
            stored_id = await _store(conn, job, community, one, author)
        if len(written) > 1 and not job.is_history:
            # In mid-thread: there is more beside what was above it.
            since = job.now - READ_AGAIN
            await backfills.add(
                conn,
                written[0][0].id,
                "thread",
                community.id,
                community.host,
                job.now,
                unless_since=since,
            )
        return stored_id

    return change


async def from_its_origin(
    job: Job, community: Community, told: Create | Update | Post | str
) -> Post:
    """The post as its own server has it. Raises FederationError, NotAllowed."""
    inner = told.object if isinstance(told, Create | Update) else told
    if isinstance(inner, str):
        return await job.fed.fetcher.post(inner, job.budget)
    if not isinstance(inner, Post):
        raise Malformed("not_a_post")
    if is_same_origin(inner.id, community.uri):
        if not is_same_origin(inner.author, inner.id):
            raise Malformed("author_elsewhere")
        return inner
    if await is_proved(job, inner, told):
        return inner
    return await _same(job, inner.id)


async def author_of(job: Job, post: Post) -> Actor:
    author = await job.fed.fetcher.find_actor(post.author, job.budget)
    if author.uri != post.author:
        raise Malformed("id_mismatch")
    return author


def _require_meant_for(community: Community, chain: list[Post], lost: Lost | None) -> None:
    """Raises NotAllowed unless the posts themselves say that they are for so many.

    The word of the community counts for posts of its own server only: any other would let it show
    everybody here what was written in a closed one elsewhere, and handed to this server for it.
    """
    top = chain[0]
    is_placed = top.in_reply_to is not None and lost is None  # by what it answers
    is_own = lost is not None and is_same_origin(top.id, community.uri)
    if not is_placed and not is_own and community.uri not in top.addressed:
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


async def _same(job: Job, uri: str) -> Post:
    post = await job.fed.fetcher.post(uri, job.budget)
    if post.id != uri:
        raise Malformed("id_mismatch")
    return post


async def _with_missing_parents(
    job: Job, community: Community, post: Post
) -> tuple[list[Post], Lost | None]:
    """The post, after those above it that are not here: somebody joined in mid-thread.

    Where one of them is gone, the chain begins below it. That nothing is there (404) counts for
    the community's own server only: any other may still put a post there, for another community.
    """
    chain = [post]
    while (parent := chain[-1].in_reply_to) is not None and parent not in job.coming:
        async with job.fed.database.read() as conn:
            if await threads.read_by_uri_unfiltered(conn, parent) is not None:
                break
        if job.fed.site.is_local_uri(parent):
            raise NotFound
        if len(chain) > MAX_CHAIN or any(one.id == parent for one in chain):
            raise Malformed("circle")
        try:
            chain.append(await _same(job, parent))
        except Gone as error:
            is_early = not job.is_history and job.tries < PATIENCE
            if not error.is_final and (is_early or not is_same_origin(parent, community.uri)):
                raise
            return chain[::-1], Lost(parent, error.is_final)
    return chain[::-1], None


async def _keep_place(conn: Connection, job: Job, community: Community, lost: Lost) -> None:
    above = None
    if job.thread_id is not None:
        above = await threads.read_unfiltered(conn, job.thread_id)
    await places.keep_place(
        conn, community, lost.uri, above=above, is_erased=lost.is_erased, now=job.now
    )


async def _store(
    conn: Connection, job: Job, community: Community, post: Post, author: Actor
) -> int | None:
    known = await threads.read_by_uri_unfiltered(conn, post.id)
    if known is not None:
        return known.id
    site, now = job.fed.site, job.now
    draft = fit(draft_of(post), community)
    origin = origin_of(post, job.source_uri, now)
    origin = replace(origin, is_history=job.is_history)
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
