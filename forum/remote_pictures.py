"""Pictures of other servers that rest here: files go after their rows, whatever breaks in between.

Fetching them is federation's (forum.ports.RemotePictures).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from storage import media_cache
from storage.db import Connection, Database
from storage.media_cache import key_of
from storage.media_files import MediaFiles
from storage.parts import Parts

BATCH = 500

log = logging.getLogger(__name__)


async def drop_of_post(conn: Connection, post_id: int, keeping: Parts | None = None) -> None:
    """A post is erased, or carries only these from now on: the others rest here no more."""
    attachments = () if keeping is None else keeping.attachments
    await media_cache.drop_of_post(conn, post_id, [key_of(post_id, one.url) for one in attachments])


async def sweep(database: Database, files: MediaFiles, now: datetime) -> None:
    """Remove the files that are to go. One that cannot be removed is tried again the next time."""
    removed = BATCH
    while removed == BATCH:
        async with database.quiet_write() as conn:
            rows = await media_cache.claim_dropped(conn, now, BATCH)
            gone = [row.hash for row in rows if await _remove(files, row.name)]
            await media_cache.forget(conn, gone)
        removed = len(gone)


async def _remove(files: MediaFiles, name: str | None) -> bool:
    try:
        if name is not None:
            await asyncio.to_thread(files.drop, name)
    except OSError as error:
        log.warning("a picture from elsewhere cannot be removed here (%s)", error.strerror)
        return False
    return True
