"""Who left for good, and what of theirs is still to be taken out."""

from __future__ import annotations

from datetime import datetime

from storage.db import Connection, fetch_all
from storage.threads import COLUMNS, Post

BEGIN = """
insert into departures (actor_id, at, source_uri) values ($1, $2, $3) on conflict do nothing
"""


async def begin(
    conn: Connection, actor_id: int, now: datetime, source_uri: str | None = None
) -> None:
    """They left; `claim` gives them until `finish`. `source_uri` is the activity that said so."""
    await conn.execute(BEGIN, actor_id, now, source_uri)


CLAIM = """
select actor_id from departures order by at, actor_id limit 1 for update skip locked
"""


async def claim(conn: Connection) -> int | None:
    """Somebody who left, for this transaction alone."""
    actor_id: int | None = await conn.fetchval(CLAIM)
    return actor_id


FINISH = "delete from departures where actor_id = $1 returning source_uri"


async def finish(conn: Connection, actor_id: int) -> str | None:
    """Nothing of theirs is left; the activity that said that they left, if one did."""
    source_uri: str | None = await conn.fetchval(FINISH, actor_id)
    return source_uri


# In the order of their threads, in which they are held: two who erase do not wait in a circle.
LIST_STANDING = f"""
select {COLUMNS}
from (
  select s.* from posts s where s.author_id = $1 and s.state <> 'erased' order by s.id limit $2) p
order by p.thread_id, p.id
"""


async def list_standing_unfiltered(conn: Connection, author_id: int, limit: int) -> list[Post]:
    """Posts that they did not take back, to be taken back now."""
    return await fetch_all(conn, Post, LIST_STANDING, author_id, limit)
