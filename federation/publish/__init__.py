"""Turns events into activities, once: claim, render, store, queue and finish in one transaction.

A new kind of event to send is a function beside the others and a line in PUBLISHERS.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from federation.context import Federation
from federation.publish.edits import publish_edit, publish_tally
from federation.publish.erasing import publish_closing, publish_deletion_done, publish_recall
from federation.publish.membership import publish_answer, publish_asking, publish_leaving
from federation.publish.messages import publish_message
from federation.publish.moving import publish_move, publish_return
from federation.publish.personal import publish_reaction, publish_taking_back, publish_vote
from federation.publish.press import Press
from federation.publish.threads import publish_erasure, publish_post, publish_removal
from forum.outbox import decode_event
from storage import activities, outbox
from storage.db import Connection
from storage.outbox import EventRow

log = logging.getLogger("dazzle.publish")

Publisher = Callable[[Press, Any], Awaitable[None]]

PUBLISHERS: dict[str, Publisher] = {
    "ThreadStarted": publish_post,
    "ReplyPosted": publish_post,
    "MessageSent": publish_message,
    "PostErased": publish_erasure,
    "PostRemoved": publish_removal,
    "PostEdited": publish_edit,
    "PollTallied": publish_tally,
    "PollVoted": publish_vote,
    "Reacted": publish_reaction,
    "ReactionTakenBack": publish_taking_back,
    "MembershipAsked": publish_asking,
    "MembershipLeft": publish_leaving,
    "FollowAnswered": publish_answer,
    "DeletionDone": publish_deletion_done,
    "AccountClosed": publish_closing,
    "AccountMoved": publish_move,
    "MoveTakenBack": publish_return,
    "CopiesRecalled": publish_recall,
}

BATCH = 50
MAX_TRIES = 5
FIRST_WAIT = timedelta(seconds=2)
POLL_SECONDS = 1.0


async def run(fed: Federation, stop: asyncio.Event) -> None:
    """Publish until `stop` is set."""
    bell = fed.database.doorbell.listener()
    try:
        while not stop.is_set():
            try:
                idle = await step(fed) == 0
            except Exception:
                log.exception("publishing failed")
                idle = True
            if idle:
                await bell.wait(POLL_SECONDS)
    finally:
        await bell.close()


async def step(fed: Federation) -> int:
    """Publish what is due; the number of events that are finished."""
    try:
        return await _publish(fed, _publish_one)
    except Exception:
        # Savepoints cost two round trips each, so they are used only once something has failed:
        # then each other event goes through, and the one that does not is known.
        log.warning("a batch failed; publishing its events one by one", exc_info=True)
    return await _publish(fed, _publish_or_postpone)


async def _publish(fed: Federation, publish: Callable[[Press, EventRow], Awaitable[bool]]) -> int:
    async with fed.database.quiet_write() as conn:
        press = Press.open(conn, fed.site, fed.clock.now())
        events = await _free(conn, await outbox.claim(conn, BATCH))
        await press.prepare(
            {post_id for event in events if (post_id := _post_of(event)) is not None},
            {uri for event in events if (uri := _source_of(event)) is not None},
        )
        done = [event.id for event in events if await publish(press, event)]
        await press.flush()
        if done:
            await outbox.finish(conn, done)
    if done:
        fed.database.doorbell.ring()
    return len(done)


async def _free(conn: Connection, events: list[EventRow]) -> list[EventRow]:
    """Without those whose post somebody is changing now: they are for the next look."""
    concerned = {post_id for event in events if (post_id := _post_of(event)) is not None}
    if not concerned:
        return events
    held = await activities.hold_posts(conn, list(concerned))
    return [event for event in events if _post_of(event) in {None, *held}]


def _post_of(event: EventRow) -> int | None:
    post_id = event.payload.get("post_id") if isinstance(event.payload, dict) else None
    return post_id if isinstance(post_id, int) else None


def _source_of(event: EventRow) -> str | None:
    uri = event.payload.get("source_uri") if isinstance(event.payload, dict) else None
    return uri if isinstance(uri, str) else None


async def _publish_one(press: Press, event: EventRow) -> bool:
    publisher = PUBLISHERS[event.kind]
    await publisher(press, decode_event(event.kind, event.payload))
    return True


async def _publish_or_postpone(press: Press, event: EventRow) -> bool:
    try:
        async with press.conn.transaction():
            done = await _publish_one(press, event)
            await press.flush()
            return done
    except Exception as error:
        press.forget()
        log.exception("event %s (%s) failed", event.id, event.kind)
        wait = FIRST_WAIT * 4**event.tries
        reason = type(error).__name__  # never its words: PostgreSQL quotes rows in them
        await outbox.postpone(press.conn, event.id, wait, reason, max_tries=MAX_TRIES)
        return False
