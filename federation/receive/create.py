"""Create, sent by its author to a community of this server, or to people here and nobody else.

At the servers of its members a post comes only through the community's Announce, so a Create for
a community that is not ours is not for us.
"""

from __future__ import annotations

from federation.address import is_same_origin
from federation.receive.drafts import draft_of, fit, origin_of, require_wide_enough
from federation.receive.job import Change, Job, Later
from federation.receive.messages import people_addressed, take_message
from federation.receive.reactions import receive_votes
from federation.vocabulary.types import PUBLIC, Create, Post
from forum import threads as use_cases
from forum.errors import NotAllowed, NotFound
from storage import actors, communities, threads
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post as StoredPost


async def receive_create(job: Job, create: Create) -> Change:
    """A thread or a reply of a member elsewhere."""
    post = create.object
    if isinstance(post, str):
        if not is_same_origin(post, job.actor.uri):
            raise NotAllowed("not_the_author")
        post = await job.fed.fetcher.post(post, job.budget)
    if post.author != job.actor.uri or not is_same_origin(post.id, job.actor.uri):
        raise NotAllowed("not_the_author")
    if post.is_vote:
        return receive_votes(job, _own_votes(job, (post, *create.more)))
    addressed = create.addressed
    if people := await people_addressed(job, create, post):
        return take_message(job, post, people)
    is_public = PUBLIC in (post.addressed or addressed)
    draft, origin = draft_of(post), origin_of(post, job.source_uri, job.now)

    async def change(conn: Connection) -> int | None:
        site, author = job.fed.site, job.actor
        if post.in_reply_to is not None:
            parent = await _parent(conn, job, post.in_reply_to)
            community = await _local_community(conn, parent.community_id)
            require_wide_enough(community, is_public)
            stored = await use_cases.reply(
                conn,
                site,
                author,
                parent,
                fit(draft, community),
                now=job.now,
                origin=origin,
                community=community,
            )
        else:
            community = await _addressed_community(conn, job, post, addressed)
            require_wide_enough(community, is_public)
            stored = await use_cases.start_thread(
                conn, site, author, community, fit(draft, community), now=job.now, origin=origin
            )
        return stored.id

    return change


def _own_votes(job: Job, votes: tuple[Post, ...]) -> tuple[Post, ...]:
    """Raises NotAllowed when one of them is somebody else's."""
    for vote in votes:
        if vote.author != job.actor.uri or not is_same_origin(vote.id, job.actor.uri):
            raise NotAllowed("not_the_author")
    return votes


async def _parent(conn: Connection, job: Job, uri: str) -> StoredPost:
    """The post that is answered, as its author's server may see it.

    Raises Later for one that may still be on its way: answers overtake what they answer.
    """
    viewer = Viewer(job.actor.id, job.actor.host)
    parent = await threads.read_post_by_uri(conn, viewer, uri)
    if parent is not None:
        return parent
    if job.fed.site.is_local_uri(uri):
        raise NotFound
    if await threads.read_by_uri_unfiltered(conn, uri) is not None:
        raise NotFound
    raise Later("parent_unknown")


async def _addressed_community(
    conn: Connection, job: Job, post: Post, addressed: tuple[str, ...]
) -> Community:
    """The first community of this server among those it is for, or NotAllowed."""
    site = job.fed.site
    for uri in dict.fromkeys((*post.addressed, *addressed)):
        if site.is_local_uri(uri):
            actor = await actors.read_by_uri_unfiltered(conn, uri)
            if actor is not None and actor.kind == "community" and actor.is_local:
                return await _local_community(conn, actor.id)
    raise NotAllowed("not_for_us")


async def _local_community(conn: Connection, community_id: int | None) -> Community:
    if community_id is not None:
        community = await communities.read_unfiltered(conn, community_id)
        if community is not None and community.is_local:
            return community
    raise NotAllowed("not_for_us")
