"""Announce by a community of another server: what happens there, told to its members' servers."""

from __future__ import annotations

from federation.errors import Unsupported
from federation.receive.deletions import receive_deletion
from federation.receive.edits import receive_told_update
from federation.receive.job import Change, Job
from federation.receive.posts import take_post
from federation.receive.reactions import receive_told_reactions
from federation.vocabulary.types import Announce, Delete, PollVote, Reaction, Undo, Update
from forum.errors import NotAllowed
from storage import communities, memberships


async def receive_announce(job: Job, announce: Announce) -> Change:
    """Something in a community that people here have joined."""
    if job.actor.kind != "community":
        raise Unsupported("not_a_community")
    async with job.fed.database.read() as conn:
        community = await communities.read_unfiltered(conn, job.actor.id)
        if community is None or not await memberships.has_local(conn, job.actor.id):
            raise NotAllowed("nobody_here_reads")
    told = announce.object
    if isinstance(told, Delete):
        return await receive_deletion(job, community, told)
    if isinstance(told, Update):
        return await receive_told_update(job, community, told)
    if isinstance(told, Reaction | PollVote | Undo):
        return await receive_told_reactions(job, community, (told,))
    if isinstance(told, tuple):
        return await receive_told_reactions(job, community, told)
    return await take_post(job, community, told)
