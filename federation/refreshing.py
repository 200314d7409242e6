"""Looks again at actors who speak and whose documents are old, in the background.

Nobody waits for it: a new name or inbox may be a day late, and who is gone is noticed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from federation.errors import FederationError
from federation.fetch import Budget, Fetcher
from forum.errors import ForumError
from storage.actors import list_stale_unfiltered

log = logging.getLogger("dazzle.refreshing")

FRESH = timedelta(days=1)
LOOKED_AT = timedelta(hours=1)  # whoever could not be reached is not asked for again before
MAX_KNOWN = 50_000
MAX_WAITING = 5000
AT_ONCE = 4


class Refresher:
    """One for each process; what waits here is lost with it, and found again when they speak."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._looked_at: dict[str, datetime] = {}
        self._waiting: dict[str, None] = {}
        self._working: asyncio.Task[None] | None = None

    def heard(self, uris: Iterable[str]) -> None:
        """These actors spoke."""
        now = self._fetcher.clock.now()
        for uri in uris:
            if self._looked_at.get(uri, now) <= now and len(self._waiting) < MAX_WAITING:
                if len(self._looked_at) >= MAX_KNOWN:
                    self._looked_at.clear()
                self._looked_at[uri] = now + LOOKED_AT
                self._waiting[uri] = None
        if self._waiting and (self._working is None or self._working.done()):
            self._working = asyncio.get_running_loop().create_task(self._work())

    async def finish(self) -> None:
        """Wait until nobody is to be looked at."""
        if self._working is not None:
            await asyncio.wait([self._working])

    async def close(self) -> None:
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])

    async def _work(self) -> None:
        while self._waiting:
            uris, self._waiting = list(self._waiting), {}
            before = self._fetcher.clock.now() - FRESH
            try:
                async with self._fetcher.database.read() as conn:
                    stale = await list_stale_unfiltered(conn, uris, before)
            except Exception:
                log.exception("actors could not be looked up")
                return
            for start in range(0, len(stale), AT_ONCE):
                await asyncio.gather(*map(self._look, stale[start : start + AT_ONCE]))

    async def _look(self, uri: str) -> None:
        try:
            await self._fetcher.actor(uri, Budget(2))
        except (FederationError, ForumError) as error:
            log.debug("an actor was not refreshed: %s", error)
        except Exception:
            log.exception("an actor was not refreshed")
