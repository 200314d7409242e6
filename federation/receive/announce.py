"""Announce by a community of another server: what happens there, told to its members' servers."""

from __future__ import annotations

from federation.errors import Unsupported
from federation.receive.deletions import receive_deletion
from federation.receive.edits import receive_told_update
from federation.receive.job import Change, Job
from federation.receive.posts import take_post
from federation.receive.reactions import receive_told_reactions
from federation.vocabulary.types import (
    Announce,
    Announced,
    Delete,
    PollVote,
    Reaction,
    Undo,
    Update,
)
from forum.errors import NotAllowed
from storage import communities, memberships, threads
from storage.communities import Community
from storage.db import Connection


async def receive_announce(job: Job, announce: Announce) -> Change:
    """Something in a community that people here have joined.

    What is here of one that everybody has left is still taken back when the community says so.
    """
    if job.actor.kind != "community":
        raise Unsupported("not_a_community")
    told = announce.object
    async with job.fed.database.read() as conn:
        community = await communities.read_unfiltered(conn, job.actor.id)
        if community is None or not await _concerns_us(conn, community, told):
            raise NotAllowed("nobody_here_reads")
    if isinstance(told, Delete):
        return await receive_deletion(job, community, told)
    if isinstance(told, Update):
        return await receive_told_update(job, community, told)
    if isinstance(told, Reaction | PollVote | Undo):
        return await receive_told_reactions(job, community, (told,))
    if isinstance(told, tuple):
        return await receive_told_reactions(job, community, told)
    return await take_post(job, community, told)


async def _concerns_us(conn: Connection, community: Community, told: Announced) -> bool:
    if isinstance(told, Delete):
        post = await threads.read_by_uri_unfiltered(conn, told.object)
        if post is not None and post.community_id == community.id:
            return True
    return await memberships.has_local(conn, community.id)
