"""Who reads along in a public community elsewhere, through this server's own reader."""

from __future__ import annotations

from datetime import datetime

from storage.actors import COLUMNS, Actor
from storage.audience import Viewer
from storage.communities import COLUMNS as COMMUNITY_COLUMNS
from storage.communities import Community
from storage.db import Connection, fetch_all, fetch_one

READ_READER = f"""
select {COLUMNS} from actors a
where a.is_local and a.kind = 'person' and a.type = 'Service' and a.state = 'live'
order by a.id
limit 1
"""


async def read_reader_unfiltered(conn: Connection) -> Actor | None:
    """The actor that follows for everybody here; None until somebody subscribes."""
    return await fetch_one(conn, Actor, READ_READER)


HOLD = "select pg_advisory_xact_lock(hashtextextended('subscriptions', $1::bigint))"


async def hold(conn: Connection, community_id: int) -> None:
    """Nobody else begins or ends to read along there until the transaction ends."""
    await conn.execute(HOLD, community_id)


INSERT = """
insert into subscriptions (community_id, actor_id, created_at) values ($1, $2, $3)
on conflict do nothing
"""


async def insert(conn: Connection, community_id: int, actor_id: int, now: datetime) -> None:
    await conn.execute(INSERT, community_id, actor_id, now)


DELETE = "delete from subscriptions where community_id = $1 and actor_id = $2"


async def delete(conn: Connection, community_id: int, actor_id: int) -> bool:
    """False when there was none."""
    return await conn.execute(DELETE, community_id, actor_id) == "DELETE 1"


DELETE_ALL = "delete from subscriptions where community_id = $1"


async def delete_all(conn: Connection, community_id: int) -> None:
    await conn.execute(DELETE_ALL, community_id)


HAS_ANY = "select exists (select 1 from subscriptions where community_id = $1)"


async def has_any(conn: Connection, community_id: int) -> bool:
    """Whether anybody here reads along there; who, is asked by nobody."""
    return bool(await conn.fetchval(HAS_ANY, community_id))


LIST_OWN = f"""
select {COMMUNITY_COLUMNS}
from subscriptions s
join visible_communities($1::bigint, $2::text) c on c.actor_id = s.community_id
join actors a on a.id = c.actor_id
where s.actor_id = $1
order by lower(a.display_name), a.id
limit 500
"""


async def list_own(conn: Connection, viewer: Viewer) -> list[Community]:
    """Where the viewer reads along."""
    return await fetch_all(conn, Community, LIST_OWN, viewer.actor_id, viewer.host)


IS_SUBSCRIBED = """
select exists (select 1 from subscriptions where community_id = $2 and actor_id = $1)
"""


async def is_subscribed(conn: Connection, viewer: Viewer, community_id: int) -> bool:
    """Whether the viewer reads along there."""
    return bool(await conn.fetchval(IS_SUBSCRIBED, viewer.actor_id, community_id))


LIST_IDS = "select community_id from subscriptions where actor_id = $1 order by community_id"


async def list_ids_unfiltered(conn: Connection, actor_id: int) -> list[int]:
    """Where somebody reads along who leaves for good."""
    return [row["community_id"] for row in await conn.fetch(LIST_IDS, actor_id)]
