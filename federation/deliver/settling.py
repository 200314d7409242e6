"""Writes what became of deliveries: those that end while one statement runs share the next one.

Whoever sends waits for it before the next request. So a worker that is killed has at most one
answered request unwritten for each that it had under way, and what was cancelled meanwhile is
not sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from storage.db import Database
from storage.deliveries import Held, Results, settle

log = logging.getLogger("dazzle.deliver")

GATHER_SECONDS = 0.01  # results of this long are written together
AGAIN_SECONDS = 1.0
# What is wrong with the values themselves stays wrong.
UNWRITABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


@dataclass(frozen=True, slots=True)
class Finished:
    """A delivery that is over: taken, refused for good, or never sent."""

    id: int
    is_sent: bool
    is_taken: bool


# What became of one delivery: that it is finished, or that it is tried later.
Result: TypeAlias = Finished | Held


@dataclass(frozen=True, slots=True)
class _Entry:
    result: Result | None
    upcoming: int | None
    settled: asyncio.Future[bool]


class Settler:
    """One for all visits of a worker."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Entry] = []
        self._task: asyncio.Task[None] | None = None

    async def settle(self, result: Result | None, upcoming: int | None) -> bool:
        """Returns once the result is committed: whether the delivery `upcoming` is still there."""
        if result is None and upcoming is None:
            return False
        loop = asyncio.get_running_loop()
        entry = _Entry(result, upcoming, loop.create_future())
        self._waiting.append(entry)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await entry.settled

    def close(self) -> None:
        """Leave what is not written: it is sent again when its lease has ended."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting, []
            try:
                await self._settle(batch)
            except UNWRITABLE:
                # One of them can never be written. Alone it holds up nobody: it is sent again when
                # its lease has ended, and given up like whatever never succeeds.
                for entry in batch:
                    with contextlib.suppress(*UNWRITABLE):
                        await self._settle([entry])
            except Exception as error:
                log.warning("what was delivered is not written: %s", type(error).__name__)

    async def _settle(self, batch: list[_Entry]) -> None:
        """Raises what keeps them from being written; those alone that wait for it are told."""
        try:
            there = await self._write(_results_of(batch))
        except BaseException as error:
            if len(batch) == 1 or not isinstance(error, UNWRITABLE):
                for entry in batch:
                    if not entry.settled.done():
                        entry.settled.set_exception(error)
            raise
        for entry in batch:
            if not entry.settled.done():
                entry.settled.set_result(entry.upcoming in there)

    async def _write(self, results: Results) -> set[int]:
        """A database that is away for a while is waited for: the answers are known only here."""
        while True:
            try:
                async with self._database.read() as conn:
                    return await settle(conn, results)
            except UNWRITABLE:
                raise
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                # Never its words: PostgreSQL quotes rows in them.
                log.warning("what was delivered could not be written now: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_SECONDS)


def _results_of(batch: list[_Entry]) -> Results:
    results = Results()
    for entry in batch:
        if isinstance(entry.result, Held):
            results.held.append(entry.result)
        elif entry.result is not None:
            results.done.append(entry.result.id)
            if entry.result.is_sent:
                results.sent.append(entry.result.id)
            if entry.result.is_taken:
                results.taken.append(entry.result.id)
        if entry.upcoming is not None:
            results.upcoming.append(entry.upcoming)
    return results
