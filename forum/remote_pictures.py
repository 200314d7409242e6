"""Pictures of other servers that rest here: files go after their rows, whatever breaks in between.

Fetching them is federation's (forum.ports.RemotePictures).
"""

from __future__ import annotations

import asyncio

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


async def sweep(database: Database, files: MediaFiles) -> None:
    """Remove the files that are to go."""
    dropped = BATCH
    while dropped == BATCH:
        async with database.quiet_write() as conn:
            rows = await media_cache.claim_dropped(conn, BATCH)
            for row in rows:
                if row.name is not None:
                    await asyncio.to_thread(files.drop, row.name)
            await media_cache.forget(conn, [row.hash for row in rows])
        dropped = len(rows)
