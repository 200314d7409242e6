"""What moderators and administrators did, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class Act:
    """One act, to be kept."""

    id: int
    moderator_id: int
    action: str
    at: datetime
    community_id: int | None = None
    post_id: int | None = None
    actor_id: int | None = None
    host: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act in a list."""

    id: int
    action: str
    moderator_name: str
    community_id: int | None
    post_id: int | None
    actor_id: int | None
    actor_name: str | None
    host: str | None
    reason: str
    at: datetime


INSERT = """
insert into modlog (id, moderator_id, action, at, community_id, post_id, actor_id, host, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def insert(conn: Connection, act: Act) -> None:
    await conn.execute(
        INSERT,
        act.id,
        act.moderator_id,
        act.action,
        act.at,
        act.community_id,
        act.post_id,
        act.actor_id,
        act.host,
        act.reason,
    )


LIST = """
select l.id, l.action, m.name as moderator_name, l.community_id, l.post_id, l.actor_id,
  a.name as actor_name, l.host, l.reason, l.at
from modlog l
join actors m on m.id = l.moderator_id
left join actors a on a.id = l.actor_id
where l.community_id = $2 and moderates($2, $1)
  and ($3::bigint is null or l.id < $3)
order by l.id desc
limit $4
"""


async def list_acts(
    conn: Connection,
    viewer: Viewer,
    community_id: int,
    *,
    before: int | None = None,
    limit: int = 50,
) -> list[ActLine]:
    """What was done in a community, newest first. Empty for anybody but its moderators."""
    return await fetch_all(conn, ActLine, LIST, viewer.actor_id, community_id, before, limit)


DID_SINCE = """
select exists (
  select 1 from modlog l
  where l.community_id = $1 and l.moderator_id = $2 and l.action = $3 and l.at > $4)
"""


async def did_since(
    conn: Connection, community_id: int, moderator_id: int, action: str, since: datetime
) -> bool:
    """Whether this moderator's act is noted already, for what is noted now and then only."""
    return bool(await conn.fetchval(DID_SINCE, community_id, moderator_id, action, since))
