"""Who does not want to meet whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class BlockedPerson:
    actor_id: int
    name: str
    host: str
    is_local: bool
    display_name: str


INSERT = """
insert into blocks (blocker_id, blocked_id, created_at) values ($1, $2, $3)
on conflict do nothing
"""


async def insert(conn: Connection, blocker_id: int, blocked_id: int, now: datetime) -> None:
    await conn.execute(INSERT, blocker_id, blocked_id, now)


DELETE = "delete from blocks where blocker_id = $1 and blocked_id = $2"


async def delete(conn: Connection, blocker_id: int, blocked_id: int) -> None:
    await conn.execute(DELETE, blocker_id, blocked_id)


IS_BLOCKED = """
select exists (
  select 1
  from posts p
  join blocks b on b.blocker_id = p.author_id and b.blocked_id = $2
  where p.id = any($1::bigint[]))
"""


async def is_blocked_by_authors(conn: Connection, post_ids: list[int], actor_id: int) -> bool:
    """Whether the author of one of these posts blocks the actor."""
    return bool(await conn.fetchval(IS_BLOCKED, post_ids, actor_id))


LIST = """
select a.id as actor_id, a.name, a.host, a.is_local, a.display_name
from blocks b
join actors a on a.id = b.blocked_id
where b.blocker_id = $1 and a.id > $2
order by a.id
limit $3
"""


async def list_blocked(
    conn: Connection, viewer: Viewer, *, after: int = 0, limit: int = 100
) -> list[BlockedPerson]:
    """Whom the viewer blocks."""
    return await fetch_all(conn, BlockedPerson, LIST, viewer.actor_id, after, limit)
