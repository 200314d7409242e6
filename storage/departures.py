"""What somebody who left for good had written."""

from __future__ import annotations

from storage.db import Connection, fetch_all
from storage.threads import COLUMNS, Post

LIST_STANDING = f"""
select {COLUMNS} from posts p where p.author_id = $1 and p.state <> 'erased' order by p.id
"""


async def list_standing_unfiltered(conn: Connection, author_id: int) -> list[Post]:
    """All that they did not take back, to be taken back now."""
    return await fetch_all(conn, Post, LIST_STANDING, author_id)
