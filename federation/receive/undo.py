"""Undo: somebody leaves a community, or likes something no longer.

What is undone comes whole or by its id; the id alone does not say what it was of.
"""

from __future__ import annotations

from federation.address import is_same_origin
from federation.errors import Unsupported
from federation.receive.job import Change, Job
from federation.receive.reactions import take_back
from federation.vocabulary.types import Follow, Reaction, Undo
from forum import membership, reactions
from forum.errors import NotAllowed, NotFound
from storage import actors, communities, memberships, threads, undone
from storage.db import Connection
from storage.memberships import Membership
from storage.reactions import find_by_uri_unfiltered


async def receive_undo(job: Job, undo: Undo) -> Change:
    told = undo.object
    if isinstance(told, str):
        return _undo_by_id(job, told)
    if not isinstance(told, Follow | Reaction):
        raise Unsupported("object_type")
    if told.actor != job.actor.uri:
        raise NotAllowed("not_the_owner")

    async def change(conn: Connection) -> int | None:
        if isinstance(told, Reaction):
            return await take_back(conn, job, job.actor, told)
        target = await actors.read_by_uri_unfiltered(conn, told.object)
        await _leave(conn, job, target.id if target is not None else 0, told)
        return None

    return change


def _undo_by_id(job: Job, uri: str) -> Change:
    if not is_same_origin(uri, job.actor.uri):
        raise NotAllowed("not_the_owner")

    async def change(conn: Connection) -> int | None:
        reaction = await find_by_uri_unfiltered(conn, uri)
        if reaction is not None:
            _require_owner(job, reaction.actor_id)
            post = await threads.read_unfiltered(conn, reaction.post_id)
            if post is not None:
                await reactions.take_back(
                    conn,
                    job.actor,
                    post,
                    reaction.kind,
                    reaction.content,
                    now=job.now,
                    source_uri=job.source_uri,
                )
            return reaction.post_id
        known = await memberships.read_by_follow_uri(conn, uri)
        if known is not None:
            _require_owner(job, known.actor_id)
            await _leave(conn, job, known.community_id, None)
        else:
            await undone.remember(conn, job.actor.host, [uri], job.now)
        return None

    return change


def _require_owner(job: Job, actor_id: int) -> None:
    if actor_id != job.actor.id:
        raise NotAllowed("not_the_owner")


async def _leave(conn: Connection, job: Job, community_id: int, told: Follow | None) -> None:
    """Raises NotFound for what is no community here."""
    community = await communities.read_unfiltered(conn, community_id)
    if community is None or not community.is_local:
        raise NotFound
    known = await memberships.read_membership(conn, community.id, job.actor.id)
    if told is not None and not _is_known(known, told):
        # The Follow may come after its Undo; by its id alone where it has one, see `take_back`.
        key = told.id or undone.key_of("Follow", told.actor, told.object)
        await undone.remember(conn, job.actor.host, [key], job.now)
    await membership.receive_leave(conn, community, job.actor, job.now)


def _is_known(known: Membership | None, told: Follow) -> bool:
    """Whether the Follow came before: an Undo that comes twice says nothing of the next Follow,
    which has the same id with some servers (Misskey, Dazzle)."""
    if known is None:
        return False
    return known.state in ("asked", "accepted") or known.follow_uri == (told.id or None)
