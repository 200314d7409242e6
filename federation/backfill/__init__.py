"""Reads again what was missed: the history of a community that somebody here joins, and
conversations that were come upon in the middle.

What the community's own server lists is asked for where it was written, and stored through the
same use cases and the same rules as what is announced (FEP-f228). One server is read by one worker
at a time, and no reading goes on for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta

from federation.backfill.communities import read_community
from federation.backfill.conversations import read_conversation
from federation.backfill.reading import Reading
from federation.context import Federation
from federation.errors import FederationError, Unreachable
from forum.errors import ForumError
from storage import actors, backfills, communities, memberships
from storage.backfills import Backfill

log = logging.getLogger("dazzle.backfill")

READERS = {"community": read_community, "thread": read_conversation}

AT_ONCE = 4
POLL_SECONDS = 2.0
READ_SECONDS = 240.0
LEASE = timedelta(seconds=300)
WAITS = (60, 600, 3600, 21_600)


async def run(fed: Federation, stop: asyncio.Event) -> None:
    """Read until `stop` is set. Does not listen for the bell, which rings with every post."""
    reading: set[asyncio.Task[None]] = set()
    try:
        while not stop.is_set():
            claimed = await _claim(fed) if len(reading) < AT_ONCE else None
            if claimed is not None:
                task = asyncio.create_task(_read(fed, claimed))
                reading.add(task)
                task.add_done_callback(reading.discard)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def step(fed: Federation) -> bool:
    """Read one thing that is due; False when there is none."""
    claimed = await _claim(fed)
    if claimed is not None:
        await _read(fed, claimed)
    return claimed is not None


async def _claim(fed: Federation) -> Backfill | None:
    async with fed.database.quiet_write() as conn:
        return await backfills.claim(conn, fed.clock.now(), LEASE)


async def _read(fed: Federation, claimed: Backfill) -> None:
    """What is not reached now is tried again; any other answer will be the same next time."""
    reason = ""
    try:
        reading = await _open(fed, claimed)
        if reading is not None:
            async with asyncio.timeout(READ_SECONDS):
                await READERS[claimed.kind](reading, claimed.uri)
    except (Unreachable, TimeoutError) as error:
        reason = str(error) or "took_too_long"
    except (FederationError, ForumError) as error:
        log.info("a %s of %s was not read: %s", claimed.kind, claimed.host, error)
    except Exception as error:
        log.exception("a %s of %s was not read", claimed.kind, claimed.host)
        reason = type(error).__name__
    async with fed.database.read() as conn:
        now = fed.clock.now()
        if reason:
            wait = timedelta(seconds=WAITS[min(claimed.tries, len(WAITS)) - 1])
            await backfills.retry(conn, claimed, reason, now, wait)
        else:
            await backfills.finish(conn, claimed, now)


async def _open(fed: Federation, claimed: Backfill) -> Reading | None:
    """None for a community that nobody here reads any more."""
    await fed.hosts.require(claimed.host)
    async with fed.database.read() as conn:
        actor = await actors.read_unfiltered(conn, claimed.community_id)
        community = await communities.read_unfiltered(conn, claimed.community_id)
        is_joined = await memberships.has_local(conn, claimed.community_id)
    if actor is None or community is None or community.is_local or not is_joined:
        return None
    return Reading(fed, actor, community)
