"""Move: somebody is another account from now on (FEP-7628). Both accounts must say so."""

from __future__ import annotations

from federation.errors import Malformed
from federation.receive.job import Change, Job
from federation.vocabulary.types import Move
from forum import moves
from forum.errors import NotAllowed, NotFound
from forum.moving import OUR_SOFTWARE
from storage import actors
from storage.actors import Actor
from storage.db import Connection


async def receive_move(job: Job, move: Move) -> Change:
    if move.object != job.actor.uri:
        raise NotAllowed("not_the_owner")
    described, old = await job.fed.fetcher.described(move.object, job.budget)
    if described.id != move.object or described.moved_to != move.target:
        raise NotAllowed("not_moved")
    new = await _target(job, move)
    if move.object not in new.also_known_as:
        raise NotAllowed("not_known_as")
    software = None
    if not new.is_local:
        software = await job.fed.resolver.software_of(new.host)

    async def change(conn: Connection) -> None:
        await moves.receive_move(
            conn,
            job.fed.site,
            old,
            new,
            now=job.now,
            may_enter_closed=software == OUR_SOFTWARE,
        )

    return change


async def _target(job: Job, move: Move) -> Actor:
    """The new account, as its own server describes it now."""
    if job.fed.site.is_local_uri(move.target):
        async with job.fed.database.read() as conn:
            found = await actors.read_by_uri_unfiltered(conn, move.target)
        if found is None:
            raise NotFound
        return found
    fetched = await job.fed.fetcher.actor(move.target, job.budget)
    if fetched.uri != move.target:
        raise Malformed("id_mismatch")
    return fetched
