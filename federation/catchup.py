"""Makes up for what a server missed: it was parked, blocked or gone for good, and speaks again.

The activities that were made meanwhile are queued once more, as they were sent, where what they
say still holds: a post that was erased is not told of, its deletion is. Then both have the same
conversations. What was said in that server's own communities, it is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from federation import quirks
from federation.context import Federation
from federation.errors import FederationError
from federation.fetch import Budget
from forum.errors import ForumError
from forum.returning import speak_again
from storage import backfills, catchup, deliveries, destinations
from storage.audience import (
    Recipient,
    recipients_in_thread,
    recipients_of_community,
    recipients_of_retraction,
)
from storage.catchup import Returned, Said
from storage.db import Connection
from storage.deliveries import Sending
from storage.ids import first_id

log = logging.getLogger("dazzle.catchup")

BATCH = 500  # activities looked at in one transaction
SWEPT = 1000
MOST_WAITING = 500  # no more is queued while so much is still to be sent
LEASE = timedelta(minutes=2)
PAUSE = timedelta(seconds=5)
# What was published at the moment of return, by somebody who still took the server for away.
MARGIN = timedelta(seconds=30)
POLL_SECONDS = 2.0
# Two servers that could not reach each other for weeks have both stopped to speak.
KNOCK_EVERY = timedelta(days=1)


async def run(fed: Federation, stop: asyncio.Event) -> None:
    """Make up for what was missed until `stop` is set. There is no hurry: it looks now and then."""
    while not stop.is_set():
        if not await step(fed):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)


async def step(fed: Federation) -> bool:
    """Drop what waits for parked servers, and queue a batch for one that is back.

    False when there is nothing to do now.
    """
    async with fed.database.quiet_write() as conn:
        swept = await destinations.sweep(conn, SWEPT)
    async with fed.database.read() as conn:
        returned = await catchup.claim(conn, fed.clock.now(), LEASE)
    if returned is None:
        return swept == SWEPT or await _knock(fed)
    async with fed.database.write() as conn:
        is_over = await _go_on(fed, conn, returned)
    if is_over:
        log.info("%s has been told what it missed", returned.host)
    return True


async def _knock(fed: Federation) -> bool:
    """Ask one parked server for somebody there: a page that stands in its place answers too."""
    async with fed.database.read() as conn:
        parked = await destinations.claim_parked(conn, fed.clock.now(), KNOCK_EVERY)
    if parked is None:
        return False
    if parked.actor_uri is not None:
        with contextlib.suppress(FederationError, ForumError):
            await fed.fetcher.actor(parked.actor_uri, Budget(2))
            fed.hosts.heard(parked.host)
    return True


async def _go_on(fed: Federation, conn: Connection, returned: Returned) -> bool:
    """One batch; whether it was the last."""
    now, host = fed.clock.now(), returned.host
    after = returned.caught_up_to
    if after is None:
        await _greet(fed, conn, returned)
        after = first_id(returned.lost_since) - 1
    if await catchup.count_waiting(conn, host, MOST_WAITING) >= MOST_WAITING:
        await catchup.go_on(conn, host, after, now + PAUSE)
        return False
    end = await catchup.find_end(conn, after, first_id(returned.back_at + MARGIN), BATCH)
    if end is None:
        if now < returned.back_at + MARGIN:
            await catchup.go_on(conn, host, after, returned.back_at + MARGIN)
            return False
        await catchup.finish(conn, returned)
        return True
    routes = Routes(conn, host)
    sendings = [
        Sending(said.id, said.post_id, takers)
        for said in await catchup.list_said_unfiltered(conn, host, after, end)
        if (takers := await routes.takers_of(said))
    ]
    await deliveries.queue_all(conn, sendings, now)
    await catchup.go_on(conn, host, end, now)
    return False


async def _greet(fed: Federation, conn: Connection, returned: Returned) -> None:
    """What is not in any activity that is kept: who is a member, and what they say there."""
    await speak_again(conn, fed.site, returned.host, returned.lost_since)
    for community in await catchup.list_joined_unfiltered(conn, returned.host):
        await backfills.add(
            conn, community.uri, "community", community.id, returned.host, fed.clock.now()
        )


@dataclass(slots=True)
class Routes:
    """Where on one server an activity goes, as the publishers would have sent it."""

    conn: Connection
    host: str
    _members: dict[int, list[Recipient]] = field(default_factory=dict)
    _holders: dict[int, list[Recipient]] = field(default_factory=dict)
    _writers: dict[int, list[Recipient]] = field(default_factory=dict)

    async def takers_of(self, said: Said) -> list[Recipient]:
        if not said.is_ours:
            home = Recipient(said.community_inbox, self.host, None)
            return [home] if said.is_own else []
        if said.type.startswith("Announce "):
            return quirks.with_wrapped(await self._told(said))
        if not said.is_public or not (said.is_own or said.type.endswith("Announce")):
            return []
        return quirks.with_bare(await self._told(said))

    async def _told(self, said: Said) -> list[Recipient]:
        if said.type.endswith("Delete") or said.type.startswith("Undo"):
            return await self._of_holders(said.community_id)
        if said.type.startswith("Announce") or (said.type == "Update" and said.kind == "thread"):
            members = await self._of_members(said.community_id)
            closed = [one for one in members if quirks.keeps_closed(one.software)]
            return members if said.is_public else closed
        return [] if said.kind == "thread" else await self._of_writers(said.thread_id)

    async def _of_members(self, community_id: int) -> list[Recipient]:
        if community_id not in self._members:
            found = await recipients_of_community(self.conn, community_id)
            self._members[community_id] = self._here(found)
        return self._members[community_id]

    async def _of_holders(self, community_id: int) -> list[Recipient]:
        if community_id not in self._holders:
            found = await recipients_of_retraction(self.conn, community_id)
            self._holders[community_id] = self._here(found)
        return self._holders[community_id]

    async def _of_writers(self, thread_id: int) -> list[Recipient]:
        if thread_id not in self._writers:
            found = await recipients_in_thread(self.conn, thread_id)
            self._writers[thread_id] = self._here(found)
        return self._writers[thread_id]

    def _here(self, found: list[Recipient]) -> list[Recipient]:
        return [one for one in found if one.host == self.host]
