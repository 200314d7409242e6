"""What was erased and is here again, out of a backup, is erased again."""

from __future__ import annotations

from datetime import datetime

from forum.closing import close_again
from forum.threads import erase_post
from storage import erased, media
from storage.actors import read_unfiltered
from storage.db import Connection


async def apply(conn: Connection, hashes: list[bytes], now: datetime) -> int:
    """Take over these hashes; how many posts, files and accounts had come back and are gone again.

    Only what was not known here is looked for: after a start without a restore there is nothing.
    """
    unknown = await erased.add_written(conn, hashes)
    if not unknown:
        return 0
    found = await erased.list_posts_unfiltered(conn, unknown)
    for post in found:
        author = await read_unfiltered(conn, post.author_id)
        if author is not None:
            await erase_post(conn, author, post, now=now)
    files = await media.drop_erased(conn, unknown)
    people = await erased.list_actors_unfiltered(conn, unknown)
    for actor_id in people:
        await close_again(conn, actor_id, now)
    return len(found) + files + len(people)
