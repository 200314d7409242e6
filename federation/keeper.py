"""Keeps received activities: those that come while one statement runs share the next one.

A commit costs much more than what is in it, and every sender waits for its own. How many wait is
bounded by the places in the inbox (federation/admission.py).
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from forum.ports import Clock
from storage.db import Connection, Database
from storage.ids import new_id
from storage.inbox import Received, keep

MOST_AT_ONCE = 100
COMMIT_SECONDS = 3.0  # for two of them, the one under way and the next, a sender waits


Waiting: TypeAlias = "tuple[Received, asyncio.Future[None]]"


class Keeper:
    """`keep` returns once the activity is committed, and raises what the database raised, or
    TimeoutError when a commit would be late."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._last_id = 0

    def next_id(self) -> int:
        """An id later than all before it: activities of one host are taken in that order."""
        self._last_id = max(self._last_id + 1, new_id(self._clock.now()))
        return self._last_id

    async def keep(self, received: Received) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((received, done))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        await done

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._waiting:
            try:
                async with asyncio.timeout(COMMIT_SECONDS) as limit:
                    async with self._database.read() as conn:
                        limit.reschedule(None)
                        await self._keep_all(conn)
            except Exception as error:
                _settle([done for _, done in self._take()], error)

    async def _keep_all(self, conn: Connection) -> None:
        """One connection for all: on a busy loop, to take and to return it takes long."""
        while self._waiting:
            batch = self._take()
            try:
                async with asyncio.timeout(COMMIT_SECONDS):
                    await keep(conn, [received for received, _ in batch])
            except Exception as error:
                _settle([done for _, done in batch], error)
                return
            self._database.doorbell.ring()
            _settle([done for _, done in batch], None)

    def _take(self) -> list[Waiting]:
        batch = self._waiting[:MOST_AT_ONCE]
        del self._waiting[:MOST_AT_ONCE]
        return batch


def _settle(futures: list[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
