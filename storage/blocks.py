"""Who does not want to meet whom: people, and whole servers."""

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
    until: datetime | None


@dataclass(frozen=True, slots=True)
class BlockedServer:
    host: str
    until: datetime | None


INSERT = """
insert into blocks (blocker_id, blocked_id, created_at, until) values ($1, $2, $3, $4)
on conflict (blocker_id, blocked_id) do update set until = excluded.until
"""


async def insert(
    conn: Connection, blocker_id: int, blocked_id: int, now: datetime, until: datetime | None = None
) -> None:
    await conn.execute(INSERT, blocker_id, blocked_id, now, until)


DELETE = "delete from blocks where blocker_id = $1 and blocked_id = $2"


async def delete(conn: Connection, blocker_id: int, blocked_id: int) -> None:
    await conn.execute(DELETE, blocker_id, blocked_id)


INSERT_HOST = """
insert into host_blocks (blocker_id, host, created_at, until) values ($1, $2, $3, $4)
on conflict (blocker_id, host) do update set until = excluded.until
"""


async def insert_host(
    conn: Connection, blocker_id: int, host: str, now: datetime, until: datetime | None = None
) -> None:
    await conn.execute(INSERT_HOST, blocker_id, host, now, until)


DELETE_HOST = "delete from host_blocks where blocker_id = $1 and host = $2"


async def delete_host(conn: Connection, blocker_id: int, host: str) -> None:
    await conn.execute(DELETE_HOST, blocker_id, host)


IS_BLOCKED = """
select is_kept_away(
  array(select p.author_id from posts p where p.id = any($1::bigint[])), $2::bigint)
"""


async def is_blocked_by_authors(conn: Connection, post_ids: list[int], actor_id: int) -> bool:
    """Whether the author of one of these posts blocks the actor, their server, or another name."""
    return bool(await conn.fetchval(IS_BLOCKED, post_ids, actor_id))


LIST = """
select a.id as actor_id, a.name, a.host, a.is_local, a.display_name, b.until
from blocks b
join actors a on a.id = b.blocked_id
where b.blocker_id = $1 and a.id > $2 and (b.until is null or b.until > now())
order by a.id
limit $3
"""


async def list_blocked(
    conn: Connection, viewer: Viewer, *, after: int = 0, limit: int = 100
) -> list[BlockedPerson]:
    """Whom the viewer blocks."""
    return await fetch_all(conn, BlockedPerson, LIST, viewer.actor_id, after, limit)


LIST_HOSTS = """
select h.host, h.until
from host_blocks h
where h.blocker_id = $1 and (h.until is null or h.until > now())
order by h.host
limit $2
"""


async def list_blocked_hosts(
    conn: Connection, viewer: Viewer, *, limit: int = 100
) -> list[BlockedServer]:
    """Servers whose people the viewer does not want to meet."""
    return await fetch_all(conn, BlockedServer, LIST_HOSTS, viewer.actor_id, limit)


TIDY = """
with hosts as (delete from host_blocks where until < $1)
delete from blocks where until < $1
"""


async def tidy(conn: Connection, older_than: datetime) -> None:
    """Forget blocks that are over."""
    await conn.execute(TIDY, older_than)
