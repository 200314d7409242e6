"""Pictures of other servers that rest here: files go after their rows, whatever breaks in between.

Fetching them is federation's (forum.ports.RemotePictures).
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from storage import media_cache
from storage.db import Connection, Database
from storage.media_cache import key_of
from storage.media_files import MediaFiles
from storage.parts import Parts

BATCH = 500


async def drop_of_post(conn: Connection, post_id: int, keeping: Parts | None = None) -> None:
    """A post is erased, or carries only these from now on: the others rest here no more."""
    attachments = () if keeping is None else keeping.attachments
    await media_cache.drop_of_post(conn, post_id, [key_of(post_id, one.url) for one in attachments])


async def sweep(database: Database, files: MediaFiles, now: datetime) -> None:
    """Remove the files that are to go. One that cannot be removed is tried again the next time."""
    after, is_over = b"", False
    while not is_over:
        async with database.quiet_write() as conn:
            rows = await media_cache.claim_dropped(conn, now, after=after, limit=BATCH)
            gone = await asyncio.to_thread(files.drop_all, [row.name for row in rows])
            await media_cache.forget(conn, [row.hash for row in rows if row.name in gone])
        is_over = len(rows) < BATCH
        after = rows[-1].hash if rows else b""
