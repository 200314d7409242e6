"""Works through what was received: look up and fetch what is missing, then one use case each.

A new kind of activity is a file with its handler and a line in HANDLERS. A refusal is final and
keeps its reason; trouble is tried again with a growing wait, and set aside after five times.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from federation.context import Federation
from federation.errors import FederationError, Gone, Unreachable
from federation.receive.acknowledge import receive_acknowledge
from federation.receive.announce import receive_announce
from federation.receive.answers import receive_accept, receive_reject
from federation.receive.create import receive_create
from federation.receive.delete import receive_delete, receive_goodbye
from federation.receive.edits import receive_update
from federation.receive.follow import receive_follow
from federation.receive.job import Change, Job, Later
from federation.receive.move import receive_move
from federation.receive.reactions import receive_poll_vote, receive_reaction
from federation.receive.undo import receive_undo
from federation.vocabulary.activities import parse_activity
from federation.vocabulary.strict import decode_json
from federation.vocabulary.types import (
    Accept,
    Acknowledge,
    Activity,
    Announce,
    Create,
    Delete,
    Follow,
    Move,
    PollVote,
    Post,
    Reaction,
    Reject,
    Undo,
    Update,
)
from forum.errors import ForumError, NotAllowed
from storage import actors, inbox
from storage.actors import Actor
from storage.inbox import GOODBYE, InboxRow

log = logging.getLogger("dazzle.receive")
refusals = logging.getLogger("dazzle.refused")

Handler = Callable[[Job, Any], Awaitable[Change]]

HANDLERS: dict[type[Activity], Handler] = {
    Accept: receive_accept,
    Acknowledge: receive_acknowledge,
    Announce: receive_announce,
    Create: receive_create,
    Delete: receive_delete,
    Follow: receive_follow,
    Move: receive_move,
    PollVote: receive_poll_vote,
    Reaction: receive_reaction,
    Reject: receive_reject,
    Undo: receive_undo,
    Update: receive_update,
}

BATCH = 50
LEASE = timedelta(seconds=55)  # what a dead worker held is taken up within a minute
BATCH_SECONDS = 20.0  # nothing more is begun after this, so that the lease holds
ONE_SECONDS = 30.0
POLL_SECONDS = 1.0
WAITS = (2, 15, 120, 900, 3600)
SOON_SECONDS = 0.5  # a server that takes longer to answer holds up only its own activities
MOST_LATE = 64


@dataclass(frozen=True, slots=True)
class Ready:
    row: InboxRow
    change: Change


@dataclass(frozen=True, slots=True)
class Batch:
    """What was claimed together: who sent it, and the posts that it brings, as far as known."""

    senders: dict[str, Actor]
    coming: set[str]


@dataclass(slots=True)
class Turns:
    """Which server's turn was the last."""

    last_host: str = ""


async def run(fed: Federation, stop: asyncio.Event) -> None:
    """Receive until `stop` is set."""
    bell = fed.database.doorbell.listener()
    late: set[asyncio.Task[None]] = set()
    turns = Turns()
    try:
        while not stop.is_set():
            try:
                idle = await step(fed, late, turns) == 0
            except Exception:
                log.exception("receiving failed")
                idle = True
            if len(late) >= MOST_LATE:
                await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
            if idle:
                await bell.wait(POLL_SECONDS)
    finally:
        for task in late:
            task.cancel()
        await bell.close()


async def step(
    fed: Federation, late: set[asyncio.Task[None]] | None = None, turns: Turns | None = None
) -> int:
    """Work on what is due; the number of activities that were taken up.

    Where a server is slow to answer what its activities make us ask, the work goes on in `late`
    and the others do not wait for it; without `late` all is done when this returns.
    """
    turns = turns or Turns()
    async with fed.database.quiet_write() as conn:
        claimed = await inbox.claim(conn, BATCH, LEASE, after=turns.last_host)
        rows, turns.last_host = claimed.rows, claimed.last_host
        if not rows:
            return 0
        senders = await actors.list_by_uris_unfiltered(conn, [row.actor_uri for row in rows])
    fed.refresher.heard(actor.uri for actor in senders)
    batch = Batch({actor.uri: actor for actor in senders}, set())
    by_host: dict[str, list[InboxRow]] = {}
    for row in rows:
        by_host.setdefault(row.host, []).append(row)
    groups = [
        asyncio.create_task(_prepare_in_order(fed, queue, batch)) for queue in by_host.values()
    ]
    patience = None if late is None else SOON_SECONDS
    late = set() if late is None else late
    done, slow = await asyncio.wait(groups, timeout=patience)
    for group in slow:
        task = asyncio.create_task(_finish_late(fed, group))
        late.add(task)
        task.add_done_callback(late.discard)
    ready = sorted((one for group in done for one in group.result()), key=lambda one: one.row.id)
    await _apply(fed, ready)
    return len(rows)


async def _finish_late(fed: Federation, group: asyncio.Task[list[Ready]]) -> None:
    """Apply one server's changes once they are prepared; what fails comes back after its lease."""
    try:
        await _apply(fed, await group)
    except Exception:
        log.exception("receiving from a slow server failed")


async def _prepare_in_order(fed: Federation, rows: list[InboxRow], batch: Batch) -> list[Ready]:
    """The changes of one server's activities, as far as time allows; the rest is given back."""
    end = monotonic() + BATCH_SECONDS
    ready = []
    for number, row in enumerate(rows):
        if monotonic() > end:
            async with fed.database.read() as conn:
                await inbox.release(conn, [left.id for left in rows[number:]])
            break
        try:
            async with asyncio.timeout(ONE_SECONDS):
                ready.append(Ready(row, await _prepare(fed, row, batch)))
        except Exception as error:
            await _settle_failure(fed, row, error)
    return ready


async def _prepare(fed: Federation, row: InboxRow, batch: Batch) -> Change:
    await fed.hosts.require(row.host)
    actor, now = batch.senders.get(row.actor_uri), fed.clock.now()
    if row.type == GOODBYE and actor is not None:
        job = Job(fed, actor, now, batch.coming, row.uri, row.body, {}, row.tries)
        return await receive_goodbye(job)
    fields = decode_json(row.body)
    activity = parse_activity(fields)
    if actor is None or actor.state != "live":
        raise NotAllowed("actor_not_live")
    job = Job(fed, actor, now, batch.coming, row.uri, row.body, fields, row.tries)
    change = await HANDLERS[type(activity)](job, activity)
    brought = _brought(activity)
    if brought is not None:
        batch.coming.add(brought)
    return change


def _brought(activity: Activity) -> str | None:
    """The id of the post that an activity brings."""
    inner = activity.object
    if isinstance(inner, Create):
        inner = inner.object
    if not isinstance(activity, Announce | Create) or isinstance(inner, str):
        return None
    return inner.id if isinstance(inner, Post) else None


async def _apply(fed: Federation, ready: list[Ready]) -> None:
    """All changes in one transaction; if one fails, each in its own, and that one is known."""
    if len(ready) > 1:
        try:
            await _commit(fed, ready)
        except Exception as error:
            log.debug("a batch did not go through as one: %s", type(error).__name__)
        else:
            return
    for one in ready:
        try:
            await _commit(fed, [one])
        except Exception as error:
            await _settle_failure(fed, one.row, error)


async def _commit(fed: Federation, ready: list[Ready]) -> None:
    async with fed.database.write() as conn:
        unfinished = await inbox.hold(conn, [one.row.id for one in ready])
        finished = [
            (one.row.id, await one.change(conn)) for one in ready if one.row.id in unfinished
        ]
        await inbox.finish(conn, finished)


async def _settle_failure(fed: Federation, row: InboxRow, error: Exception) -> None:
    """Refused for good, or tried again later."""
    async with fed.database.read() as conn:
        if _may_have_returned(error) and row.tries <= 1:
            await inbox.retry(conn, row.id, str(error), timedelta(seconds=WAITS[0]))
            return
        if isinstance(error, ForumError) or _is_final(error):
            refusals.info("%s from %s", error, row.host)
            await inbox.refuse(conn, row.id, str(error))
            return
        reason = type(error).__name__
        if isinstance(error, Later | FederationError):
            reason = f"{reason}: {error}"
        elif not isinstance(error, TimeoutError):
            # Its words are not kept: PostgreSQL quotes rows in them.
            log.error("activity %s failed", row.id, exc_info=error)
        wait = timedelta(seconds=WAITS[min(row.tries, len(WAITS)) - 1])
        await inbox.retry(conn, row.id, reason, wait)


def _may_have_returned(error: Exception) -> bool:
    """Whoever takes a move back may speak in the same moment; senders are read once for a batch."""
    return isinstance(error, NotAllowed) and error.code == "moved"


def _is_final(error: Exception) -> bool:
    """Whether another server's answer will be the same next time; a 404 may be a little early."""
    if isinstance(error, Gone):
        return error.is_final
    return isinstance(error, FederationError) and not isinstance(error, Unreachable)
