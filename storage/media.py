"""Pictures, sounds and videos of people here: whose they are until a post has them, then of which.

A file of a post is seen by whoever may see the post. One that is in no post yet is its owner's
alone. Once it is in a post its owner is the author that everybody reads, so that no row says who
stands behind a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Medium:
    """A file in its variants. `variants` are objects with name, mime, width, height and bytes."""

    id: int
    name: str
    owner_id: int
    post_id: int | None
    kind: str
    mime: str
    bytes: int
    width: int | None
    height: int | None
    alt: str
    variants: Any
    created_at: datetime


COLUMNS = """m.id, m.name, m.owner_id, m.post_id, m.kind, m.mime, m.bytes, m.width, m.height, m.alt,
  m.variants, m.created_at"""

# The row of the sum is taken first: whoever adds a file waits here for whoever adds another.
ADD_BYTES = "update media_use set bytes = bytes + $1 returning bytes"

INSERT = """
insert into media (id, name, owner_id, post_id, kind, mime, bytes, width, height, alt, variants,
  created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


async def add(conn: Connection, medium: Medium) -> int:
    """Store one; how many bytes all files take from now on."""
    total = int(await conn.fetchval(ADD_BYTES, medium.bytes) or 0)
    await conn.execute(
        INSERT,
        medium.id,
        medium.name,
        medium.owner_id,
        medium.post_id,
        medium.kind,
        medium.mime,
        medium.bytes,
        medium.width,
        medium.height,
        medium.alt,
        medium.variants,
        medium.created_at,
    )
    return total


BYTES_OF_ALL = "select bytes from media_use"


async def bytes_of_all(conn: Connection) -> int:
    return int(await conn.fetchval(BYTES_OF_ALL) or 0)


BYTES_OF = """
select coalesce(sum(m.bytes), 0) from media m
where m.owner_id = any (array(select n.id from names_of($1) n))
"""


async def bytes_of(conn: Connection, owner_id: int) -> int:
    """How much somebody has here, under all their names."""
    return int(await conn.fetchval(BYTES_OF, owner_id))


# Each way to see it by itself: under an `or` the planner would gather all that somebody may see.
FIND = f"""
select {COLUMNS}
from media m
where m.name = $3 and m.post_id is null and m.owner_id = $1
union all
select {COLUMNS}
from media m
join visible_posts($1::bigint, $2::text) p on p.id = m.post_id
where m.name = $3
union all
select {COLUMNS}
from media m
join moderated_posts($1::bigint) p on p.id = m.post_id
where m.name = $3 and $2::text is null
limit 1
"""


async def find(conn: Connection, viewer: Viewer, name: str) -> Medium | None:
    """The file, if the viewer may see or moderates its post, or has put it in none yet."""
    return await fetch_one(conn, Medium, FIND, viewer.actor_id, viewer.host, name)


IS_PUBLIC = """
select exists (
  select 1 from media m
  join visible_posts(null::bigint, null::text) p on p.id = m.post_id
  where m.id = $1)
"""


async def is_public_unfiltered(conn: Connection, medium_id: int) -> bool:
    """Whether anybody may see it, so that a copy may be kept on the way."""
    return bool(await conn.fetchval(IS_PUBLIC, medium_id))


FIND_WAITING = f"""
select {COLUMNS}
from media m
where m.name = any ($2::text[]) and (
  (m.post_id is null and m.owner_id = $1)
  or (m.post_id = $3::bigint and m.owner_id = any (array(select n.id from names_of($1) n))))
"""


async def find_waiting(
    conn: Connection, viewer: Viewer, names: Sequence[str], post_id: int | None = None
) -> list[Medium]:
    """Those of the viewer's own files that are in no post yet, in the order of the names.

    Of the files of a post of theirs too, while they change that one.
    """
    found = await fetch_all(conn, Medium, FIND_WAITING, viewer.actor_id, list(names), post_id)
    return sorted(found, key=lambda medium: list(names).index(medium.name))


LIST_OF_POST = f"select {COLUMNS} from media m where m.post_id = $1 order by m.id"


async def list_of_post_unfiltered(conn: Connection, post_id: int) -> list[Medium]:
    return await fetch_all(conn, Medium, LIST_OF_POST, post_id)


LIST_OWN = f"""
select {COLUMNS}
from media m
where m.owner_id = any (array(select n.id from names_of($1) n)) and m.id > $2
order by m.id
limit $3
"""


async def list_own(conn: Connection, viewer: Viewer, *, after: int, limit: int) -> list[Medium]:
    """All that the viewer has put here, under whatever name, oldest first."""
    return await fetch_all(conn, Medium, LIST_OWN, viewer.actor_id, after, limit)


DESCRIBE = "update media set alt = $2 where id = $1"


async def describe(conn: Connection, medium_id: int, alt: str) -> None:
    await conn.execute(DESCRIBE, medium_id, alt)


BIND = """
update media set post_id = $3, owner_id = $4
where owner_id = $1 and post_id is null and name = any ($2::text[])
"""


async def bind(
    conn: Connection, owner_id: int, names: Sequence[str], post_id: int, author_id: int
) -> int:
    """Put waiting files into a post; how many there were."""
    status = await conn.execute(BIND, owner_id, list(names), post_id, author_id)
    return int(status.rpartition(" ")[2])


# Several files go in one statement, and the sum is corrected once.
DROP_OF_POST = """
with gone as (
  delete from media where post_id = $1 and name <> all ($2::text[]) returning name, bytes),
noted as (insert into media_gone (name) select name from gone on conflict do nothing)
update media_use set bytes = bytes - (select sum(g.bytes) from gone g)
where exists (select 1 from gone)
"""


async def drop_of_post(conn: Connection, post_id: int, but: Sequence[str] = ()) -> None:
    """Take the files of a post away, all but the named ones."""
    await conn.execute(DROP_OF_POST, post_id, list(but))


DROP_WAITING_OF = """
with gone as (
  delete from media where owner_id = $1 and post_id is null returning name, bytes),
noted as (insert into media_gone (name) select name from gone on conflict do nothing)
update media_use set bytes = bytes - (select sum(g.bytes) from gone g)
where exists (select 1 from gone)
"""


async def drop_waiting_of(conn: Connection, owner_id: int) -> None:
    """Take away what somebody uploaded and put in no post."""
    await conn.execute(DROP_WAITING_OF, owner_id)


DROP_ERASED = """
with gone as (
  delete from media m
  where substring(sha256(convert_to('media:' || m.name, 'UTF8')) for 16) = any ($1::bytea[])
  returning m.name, m.bytes),
noted as (insert into media_gone (name) select name from gone on conflict do nothing),
sum as (
  update media_use set bytes = bytes - (select sum(g.bytes) from gone g)
  where exists (select 1 from gone))
select count(*) from gone
"""


async def drop_erased(conn: Connection, hashes: Sequence[bytes]) -> int:
    """Take away files that were erased and are here again; how many. Reads the whole table."""
    return int(await conn.fetchval(DROP_ERASED, list(hashes)) or 0)


# The condition stands twice: what somebody posts in this moment is looked at again, and stays.
DROP_WAITING = """
with gone as (
  delete from media
  where post_id is null and id in (
    select m.id from media m where m.post_id is null and m.created_at < $1
    order by m.created_at limit $2)
  returning name, bytes),
noted as (insert into media_gone (name) select name from gone on conflict do nothing),
sum as (
  update media_use set bytes = bytes - (select sum(g.bytes) from gone g)
  where exists (select 1 from gone))
select count(*) from gone
"""


async def drop_waiting(conn: Connection, before: datetime, limit: int) -> int:
    """Take away what has waited for a post since then; how many went."""
    return int(await conn.fetchval(DROP_WAITING, before, limit) or 0)


LIST_GONE = "select name from media_gone where name > $1 order by name limit $2"


async def list_gone_unfiltered(conn: Connection, after: str, limit: int) -> list[str]:
    """Files whose rows went, by name, from behind that one."""
    return [row["name"] for row in await conn.fetch(LIST_GONE, after, limit)]


FORGET_GONE = "delete from media_gone where name = any ($1::text[])"


async def forget_gone(conn: Connection, names: Sequence[str]) -> None:
    """Their files are removed."""
    await conn.execute(FORGET_GONE, list(names))


LIST_KNOWN = "select m.name from media m where m.name = any ($1::text[])"


async def list_known_unfiltered(conn: Connection, names: Sequence[str]) -> set[str]:
    """Those names that a row has."""
    return {row["name"] for row in await conn.fetch(LIST_KNOWN, list(names))}
