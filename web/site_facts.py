"""The row of facts about this server, remembered for a moment so that a page need not ask."""

from __future__ import annotations

import time

from storage.db import Connection
from storage.site import SiteRow, read_site

REMEMBERED = 2.0  # seconds; another process's change shows after this long


class SiteFacts:
    def __init__(self) -> None:
        self._row: SiteRow | None = None
        self._until = 0.0
        self._least_epoch = 0

    async def read(self, conn: Connection) -> SiteRow:
        """The facts, at most REMEMBERED seconds old, and never of an epoch before `expect`."""
        now = time.monotonic()
        row = self._row
        if row is None or now >= self._until or row.epoch < self._least_epoch:
            row = self._row = await read_site(conn)
            self._until = now + REMEMBERED
        return row

    def expect(self, epoch: int) -> None:
        """A page is kept under this epoch, so it must not show facts from before it."""
        self._least_epoch = max(self._least_epoch, epoch)

    def forget(self) -> None:
        """After a change made by this process."""
        self._row = None
