"""Wakes the workers after a commit.

NOTIFY inside a write transaction serialises all commits, so the bell is rung afterwards, on a
connection of its own, and many rings within one interval become one. It carries no content;
workers also look every second, so a bell that is never heard costs a second and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg

CHANNEL = "dazzle_work"
INTERVAL = 0.02  # seconds between two rings of one process
RING = f"notify {CHANNEL}"


class Doorbell:
    """Rings at most once per interval, from a background task that starts with the first ring."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Ask for one ring soon. Never waits and never fails."""
        self._rung.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def listener(self) -> Listener:
        """Hears this bell, and every other process's, on a connection of its own."""
        return Listener(self._dsn)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self._dsn, timeout=5)
            try:
                while True:
                    await self._rung.wait()
                    self._rung.clear()
                    await connection.execute(RING)
                    await asyncio.sleep(INTERVAL)
            finally:
                connection.terminate()


class Listener:
    """Hears the bell: `wait` returns at a ring or after `seconds`, whichever comes first."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._heard = asyncio.Event()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def wait(self, seconds: float) -> None:
        """Wait for work. A lost connection is replaced at the next call."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._connect()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), seconds)
        self._heard.clear()

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

    async def _connect(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._dsn, timeout=5)
            callback: Callable[..., None] = lambda *_: self._heard.set()  # noqa: E731
            await self._connection.add_listener(CHANNEL, callback)
