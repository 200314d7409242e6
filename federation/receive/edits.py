"""Update: a post says something else, a poll has other numbers, an actor looks different.

Only the owner changes a post (FEP-fe34). An edit of what is not here yet brings it.
"""

from __future__ import annotations

from federation.address import is_same_origin
from federation.receive.create import receive_create
from federation.receive.drafts import draft_of, fit, require_wide_enough
from federation.receive.job import Change, Job, Later, nothing
from federation.receive.posts import author_of, from_its_origin, take_post
from federation.vocabulary.types import ActorDocument, Create, Post, Update
from forum import moves, polls
from forum.editing import edit_post
from forum.errors import NotAllowed, NotFound
from forum.moving import OUR_SOFTWARE
from storage import communities, threads, tombstones
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post as StoredPost


async def receive_update(job: Job, update: Update) -> Change:
    """From the post's own author, or of the actor that sends it."""
    told = update.object
    if isinstance(told, ActorDocument) or told == job.actor.uri:
        return await _look_again(job, told if isinstance(told, str) else told.id)
    post = await _own_post(job, told)
    if not await _is_here_or_coming(job, post.id):
        # Its author's server knows whether it still stands.
        return await receive_create(job, Create(update.id, update.actor, post.id, post.addressed))
    return _edit(job, post, job.actor, None)


async def receive_told_update(job: Job, community: Community, update: Update) -> Change:
    """Passed on by a community elsewhere."""
    told = update.object
    if isinstance(told, ActorDocument):
        return await _refresh(job, told.id, update.actor)
    uri = told if isinstance(told, str) else told.id
    if job.fed.site.is_local_uri(uri):
        raise NotFound
    if not await _is_here_or_coming(job, uri):
        return await take_post(job, community, told)
    post = await from_its_origin(job, community, update)
    return _edit(job, post, await author_of(job, post), community)


async def _own_post(job: Job, told: Post | str) -> Post:
    uri = told if isinstance(told, str) else told.id
    if not is_same_origin(uri, job.actor.uri):
        raise NotAllowed("not_the_author")
    post = await job.fed.fetcher.post(uri, job.budget) if isinstance(told, str) else told
    if post.author != job.actor.uri or post.id != uri:
        raise NotAllowed("not_the_author")
    return post


async def _is_here_or_coming(job: Job, uri: str) -> bool:
    """Raises NotAllowed for a post that was deleted."""
    async with job.fed.database.read() as conn:
        if await threads.read_by_uri_unfiltered(conn, uri) is not None or uri in job.coming:
            return True
        if await tombstones.is_remembered(conn, uri, job.actor.host):
            raise NotAllowed("erased")
    return False


def _edit(job: Job, post: Post, author: Actor, community: Community | None) -> Change:
    """`community` passed it on; without one, its author did."""

    async def change(conn: Connection) -> int | None:
        stored = await threads.read_by_uri_unfiltered(conn, post.id)
        if stored is None:
            raise Later("post_unknown")
        if stored.author_id != author.id:
            raise NotAllowed("not_the_author")
        home = await _home_of(conn, job, stored, community)
        require_wide_enough(home, post.is_public)
        draft = fit(draft_of(post), home)
        at = post.updated
        edited = await edit_post(
            conn, author, stored, draft, now=job.now, at=at, source_uri=job.source_uri
        )
        if draft.poll is not None and edited.type == "Question":
            # Numbers come as an edit that changes no word, at no later time than the last one.
            await polls.receive_totals(conn, author, edited, draft.poll, now=job.now)
        return stored.id

    return change


async def _home_of(
    conn: Connection, job: Job, stored: StoredPost, told_by: Community | None
) -> Community:
    """The community of the post. Raises NotAllowed when it is not for the sender to say."""
    if told_by is not None:
        if stored.community_id != told_by.id:
            raise NotAllowed("other_community")
        return told_by
    home = await communities.read_unfiltered(conn, stored.community_id or 0)
    if home is None or not (home.is_local or home.host == job.actor.host):
        raise NotAllowed("not_for_us")
    return home


async def _look_again(job: Job, uri: str) -> Change:
    """Somebody says that they have changed: who had moved may have come back (FEP-7628).

    Nobody moves by it, nor by a fetch: that is for a Move to say.
    """
    if uri != job.actor.uri:
        raise NotAllowed("not_the_owner")
    described, actor = await job.fed.fetcher.described(uri, job.budget)
    if actor.moved_to is None or described.id != uri or described.moved_to is not None:
        return nothing
    software = await job.fed.resolver.software_of(actor.host)

    async def change(conn: Connection) -> None:
        runs_dazzle = software == OUR_SOFTWARE
        await moves.receive_return(conn, actor, now=job.now, may_enter_closed=runs_dazzle)

    return change


async def _refresh(job: Job, uri: str, owner: str) -> Change:
    """An actor is read again at its own server, whatever was sent along."""
    if uri != owner:
        raise NotAllowed("not_the_owner")
    if not job.fed.site.is_local_uri(uri):
        await job.fed.fetcher.actor(uri, job.budget)
    return nothing
