"""Likes, dislikes, emojis and votes: told by who gives them, or by the community of the post."""

from __future__ import annotations

from typing import TypeAlias

from federation.address import is_same_origin
from federation.errors import FederationError, Unsupported
from federation.receive.belief import require_vouched
from federation.receive.job import PATIENCE, UNDONE_FOR, Change, Job, Later
from federation.vocabulary.types import PollVote, Post, Reaction, Undo
from forum import polls, reactions
from forum.errors import ForumError, NotAllowed, NotFound
from storage import communities, threads, undone
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post as StoredPost

Told: TypeAlias = Reaction | PollVote | Undo


async def receive_reaction(job: Job, reaction: Reaction) -> Change:
    async def change(conn: Connection) -> int | None:
        post = await _for_us(conn, job, reaction.object)
        return await _react(conn, job, job.actor, post, reaction)

    return change


async def receive_poll_vote(job: Job, vote: PollVote) -> Change:
    async def change(conn: Connection) -> int | None:
        post = await _for_us(conn, job, vote.object)
        await polls.receive_vote(
            conn, job.actor, post, vote.choice, uri=vote.id or None, now=job.now
        )
        return post.id

    return change


def receive_votes(job: Job, votes: tuple[Post, ...]) -> Change:
    """Notes with nothing but a name, each for one choice in the same poll."""

    async def change(conn: Connection) -> int | None:
        post = await _for_us(conn, job, votes[0].in_reply_to or "")
        for vote in votes:
            await polls.receive_vote(conn, job.actor, post, vote.title, uri=vote.id, now=job.now)
        return post.id

    return change


async def receive_told_reactions(job: Job, community: Community, told: tuple[Told, ...]) -> Change:
    """What a community elsewhere passes on. Of several, those count that can be believed."""
    believed: list[tuple[Actor, Told]] = []
    failure: FederationError | ForumError | None = None
    for one in told:
        if isinstance(one, Undo) and not isinstance(one.object, Reaction):
            raise Unsupported("object_type")
        try:
            believed.append((await _giver(job, community, one), one))
        except (FederationError, ForumError) as error:
            failure = error
    if failure is not None and not believed:
        raise failure

    async def change(conn: Connection) -> int | None:
        touched = None
        for actor, one in believed:
            try:
                async with conn.transaction():
                    touched = await _change_told(conn, job, community, actor, one)
            except ForumError:
                if len(told) == 1:
                    raise
        return touched

    return change


async def take_back(conn: Connection, job: Job, actor: Actor, reaction: Reaction) -> int | None:
    """Undo of one, whole. One that comes before what it undoes is remembered for a while."""
    post = await threads.read_by_uri_unfiltered(conn, reaction.object)
    is_done = post is not None and await reactions.take_back(
        conn,
        actor,
        post,
        reaction.kind,
        reaction.content,
        now=job.now,
        source_uri=job.source_uri,
    )
    if not is_done:
        # By its id alone, where it has one: the same Undo twice says nothing of the next like.
        key = reaction.id or _key_of(actor, reaction)
        await undone.remember(conn, actor.host, [key], job.now)
    return post.id if post is not None else None


async def _giver(job: Job, community: Community, told: Told) -> Actor:
    """Who likes, or likes no longer. Raises NotAllowed for whom the community cannot speak for."""
    if isinstance(told.object, Reaction) and told.object.actor != told.actor:
        raise NotAllowed("not_the_actor")
    if job.fed.site.is_local_uri(told.actor):
        raise NotAllowed("our_own")
    await require_vouched(job, community, told.actor)
    return await job.fed.fetcher.find_actor(told.actor, job.budget)


async def _change_told(
    conn: Connection, job: Job, community: Community, actor: Actor, told: Told
) -> int | None:
    given = told.object if isinstance(told, Undo) else told
    if not isinstance(given, Reaction | PollVote):
        raise Unsupported("object_type")
    post = await threads.read_by_uri_unfiltered(conn, given.object)
    if post is None and isinstance(told, Undo) and isinstance(given, Reaction):
        return await take_back(conn, job, actor, given)
    if post is None:
        raise _not_here(job, given.object)
    if post.community_id != community.id:
        raise NotAllowed("other_community")
    if isinstance(given, PollVote):
        await polls.receive_vote(conn, actor, post, given.choice, uri=given.id or None, now=job.now)
        return post.id
    if isinstance(told, Undo):
        return await take_back(conn, job, actor, given)
    return await _react(conn, job, actor, post, given)


async def _react(
    conn: Connection, job: Job, actor: Actor, post: StoredPost, reaction: Reaction
) -> int:
    keys = [reaction.id, _key_of(actor, reaction)]
    if not await undone.is_remembered(conn, actor.host, keys, job.now - UNDONE_FOR):
        await reactions.react(
            conn,
            actor,
            post,
            reaction.kind,
            reaction.content,
            now=job.now,
            # By it the like is undone: nobody keeps that of another server's like for theirs.
            uri=reaction.id if is_same_origin(reaction.id, actor.uri) else None,
            source_uri=job.source_uri,
        )
    return post.id


def _not_here(job: Job, uri: str) -> Exception:
    """A like may overtake what it is of; one of a post from before our time never meets it."""
    is_likely = job.tries < PATIENCE and not job.fed.site.is_local_uri(uri)
    return Later("post_unknown") if is_likely else NotFound()


async def _for_us(conn: Connection, job: Job, uri: str) -> StoredPost:
    """The post as that person's server may see it. Raises NotFound.

    In a community elsewhere, what is written here may be liked by whoever may read it; what is
    written elsewhere is told there.
    """
    actor = job.actor
    post = await threads.read_post_by_uri(conn, Viewer(actor.id, actor.host), uri)
    if post is None:
        raise _not_here(job, uri)
    community = await communities.read_unfiltered(conn, post.community_id or 0)
    if community is None:
        raise NotFound
    is_ours = post.is_local and (post.audience == "public" or actor.host == community.host)
    if not community.is_local and not is_ours:
        raise NotAllowed("not_for_us")
    return post


def _key_of(actor: Actor, reaction: Reaction) -> str:
    return undone.key_of(reaction.kind, actor.uri, reaction.object, reaction.content)
