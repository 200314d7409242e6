"""What somebody does not want to come across: people, servers, words, topics. Nobody else knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class Mute:
    """`name` says what is muted, as people read it; `host` is empty for somebody of this server."""

    id: int
    kind: str
    name: str
    host: str
    until: datetime | None


INSERT = """
insert into mutes (owner_id, kind, actor_id, host, word, created_at, until)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (owner_id, kind, coalesce(actor_id::text, host, lower(word)))
do update set until = excluded.until
"""


async def insert(
    conn: Connection,
    owner_id: int,
    kind: str,
    *,
    actor_id: int | None = None,
    host: str | None = None,
    word: str | None = None,
    now: datetime,
    until: datetime | None,
) -> None:
    """A second time changes until when."""
    await conn.execute(INSERT, owner_id, kind, actor_id, host, word, now, until)


DELETE = "delete from mutes where owner_id = $1 and id = $2"


async def delete(conn: Connection, owner_id: int, mute_id: int) -> None:
    await conn.execute(DELETE, owner_id, mute_id)


COUNT = "select count(*) from mutes where owner_id = $1"


async def count(conn: Connection, owner_id: int) -> int:
    return int(await conn.fetchval(COUNT, owner_id) or 0)


LIST = """
select m.id, m.kind,
  coalesce(m.word, m.host, nullif(a.display_name, ''), a.name) as name,
  case when a.is_local then '' else coalesce(a.host, '') end as host, m.until
from mutes m
left join actors a on a.id = m.actor_id
where m.owner_id = $1 and (m.until is null or m.until > now())
order by m.kind, m.id
limit $2
"""


async def list_mutes(conn: Connection, viewer: Viewer, *, limit: int = 500) -> list[Mute]:
    """What the viewer has muted and is not over."""
    return await fetch_all(conn, Mute, LIST, viewer.actor_id, limit)


TIDY = "delete from mutes where until < $1"


async def tidy(conn: Connection, older_than: datetime) -> None:
    """Forget mutes that are over."""
    await conn.execute(TIDY, older_than)
