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

    async def read(self, conn: Connection) -> SiteRow:
        """The facts, at most REMEMBERED seconds old."""
        now = time.monotonic()
        if self._row is None or now >= self._until:
            self._row = await read_site(conn)
            self._until = now + REMEMBERED
        return self._row

    def forget(self) -> None:
        """After a change made by this process."""
        self._row = None
