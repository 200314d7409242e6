"""Likes, dislikes and emojis. Whose they are is read by nobody but the person; others see bands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

COLUMNS = "r.post_id, r.actor_id, r.kind, r.content, r.uri, r.at"


@dataclass(frozen=True, slots=True)
class Reaction:
    """`content` is the emoji; `uri` the activity that told it, if one did."""

    post_id: int
    actor_id: int
    kind: str
    content: str
    uri: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Band:
    kind: str
    band: int


@dataclass(frozen=True, slots=True)
class ReactedTo:
    """A post to which somebody reacted."""

    post_id: int
    thread_id: int


INSERT = """
insert into reactions (post_id, actor_id, kind, content, uri, at)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing
"""


async def insert(conn: Connection, reaction: Reaction) -> bool:
    """False when it is there already."""
    status = await conn.execute(
        INSERT,
        reaction.post_id,
        reaction.actor_id,
        reaction.kind,
        reaction.content,
        reaction.uri,
        reaction.at,
    )
    return status == "INSERT 0 1"


DELETE = f"""
delete from reactions r
where r.post_id = $1 and r.actor_id = $2 and r.kind = $3 and r.content = $4
returning {COLUMNS}
"""


async def delete(
    conn: Connection, post_id: int, actor_id: int, kind: str, content: str
) -> Reaction | None:
    """What was taken away; None when there was nothing."""
    return await fetch_one(conn, Reaction, DELETE, post_id, actor_id, kind, content)


# Never waits: who takes it back at this moment holds the thread, and may wait for the post that
# the caller holds.
SET_URI = """
with told as (
  select r.post_id, r.actor_id, r.kind, r.content
  from reactions r
  where r.post_id = $1 and r.actor_id = $2 and r.kind = $3 and r.content = $4 and r.uri is null
  for update skip locked)
update reactions r set uri = $5
from told t
where (r.post_id, r.actor_id, r.kind, r.content) = (t.post_id, t.actor_id, t.kind, t.content)
"""


async def set_uri(
    conn: Connection, post_id: int, actor_id: int, kind: str, content: str, uri: str
) -> bool:
    """Remember the activity that tells it; False when it goes or is gone, or was told before."""
    status = await conn.execute(SET_URI, post_id, actor_id, kind, content, uri)
    return status == "UPDATE 1"


LIST_MINE = f"""
select {COLUMNS}
from visible_posts($1::bigint, $2::text) p
join reactions r on r.post_id = p.id and r.actor_id = $1
where p.id = $3
order by r.at, r.kind, r.content
"""


async def list_mine(conn: Connection, viewer: Viewer, post_id: int) -> list[Reaction]:
    """The viewer's own. Those of others are read by nobody."""
    return await fetch_all(conn, Reaction, LIST_MINE, viewer.actor_id, viewer.host, post_id)


LIST_OF_PERSON = f"""
select {COLUMNS} from reactions r where r.post_id = $1 and r.actor_id = $2
"""


async def list_of_person_unfiltered(
    conn: Connection, post_id: int, actor_id: int
) -> list[Reaction]:
    """What this person said to the post, for the rules."""
    return await fetch_all(conn, Reaction, LIST_OF_PERSON, post_id, actor_id)


FIND_BY_URI = f"select {COLUMNS} from reactions r where r.uri = $1 order by r.at desc limit 1"


async def find_by_uri_unfiltered(conn: Connection, uri: str) -> Reaction | None:
    """The reaction that an activity told; whoever takes it back must be its actor."""
    return await fetch_one(conn, Reaction, FIND_BY_URI, uri)


COUNT_BANDS = """
select k.kind, (
  select b from bands((
    select count(*) from reactions r where r.post_id = p.id and r.kind = k.kind)) as b) as band
from visible_posts($1::bigint, $2::text) p
cross join unnest(array['like', 'dislike', 'emoji']) as k (kind)
where p.id = $3
"""


async def count_bands(conn: Connection, viewer: Viewer, post_id: int) -> dict[str, int]:
    """For each kind the lower bound of the band (0, 10, 20, 50 …) that its number falls in.

    Every kind is there, so that nobody sees whether anyone reacted at all. Empty when hidden.
    """
    rows = await fetch_all(conn, Band, COUNT_BANDS, viewer.actor_id, viewer.host, post_id)
    return {row.kind: row.band for row in rows}


BANDS_OF = """
select b from bands((
  select count(*) from reactions r where r.post_id = $1 and r.kind = $2)) as b
"""


async def band_unfiltered(conn: Connection, post_id: int, kind: str) -> int:
    """The band of one kind, to know whether a cached page is still right."""
    return int(await conn.fetchval(BANDS_OF, post_id, kind) or 0)


LIST_REACTED_TO = """
select p.id as post_id, p.thread_id
from (
  select distinct r.post_id from reactions r where r.actor_id = $1 order by r.post_id limit $2) r
join posts p on p.id = r.post_id
order by p.thread_id, p.id
"""


async def list_reacted_to_unfiltered(
    conn: Connection, actor_id: int, limit: int
) -> list[ReactedTo]:
    """Posts to which somebody reacted who leaves for good."""
    return await fetch_all(conn, ReactedTo, LIST_REACTED_TO, actor_id, limit)


DROP_OF_PERSON = "delete from reactions where post_id = $1 and actor_id = $2"


async def drop_of_person(conn: Connection, post_id: int, actor_id: int) -> None:
    await conn.execute(DROP_OF_PERSON, post_id, actor_id)


DROP = "delete from reactions where post_id = $1"


async def drop_of_post(conn: Connection, post_id: int) -> None:
    await conn.execute(DROP, post_id)
