"""Activities that other servers sent: kept once, claimed by a worker, finished or refused.

Bodies live for two weeks, or until what they brought is erased; ids live on as hashes (`seen`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.db import Connection, fetch_all
from storage.seen import hash_of

MAX_TRIES = 5
GOODBYE = "Goodbye"  # of a row without a body: somebody is said to be gone, and nothing proves it


@dataclass(frozen=True, slots=True)
class Received:
    """An activity to keep. A repeatable one is never dropped because its id is known."""

    id: int
    uri: str
    type: str
    actor_uri: str
    host: str
    body: bytes
    is_repeatable: bool


@dataclass(frozen=True, slots=True)
class InboxRow:
    id: int
    uri: str
    type: str
    actor_uri: str
    host: str
    body: bytes
    tries: int


@dataclass(frozen=True, slots=True)
class Picked:
    """A row to take, and the turn of its server."""

    id: int
    host: str
    number: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was taken, and the server whose turn was the last."""

    rows: list[InboxRow]
    last_host: str


# Ordered by hash, so that two processes that keep the same activities do not wait for each other
# in a circle.
KEEP = """
with received as (
  select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[],
    $7::bytea[], $8::boolean[]) as r (id, uri, type, actor_uri, host, body, hash, is_repeatable)
), fresh as (
  insert into seen (hash)
  select distinct hash from received where not is_repeatable order by hash
  on conflict do nothing
  returning hash
)
insert into inbox (id, uri, type, actor_uri, host, body)
select distinct on (r.hash, case when r.is_repeatable then r.id end)
  r.id, r.uri, r.type, r.actor_uri, r.host, r.body
from received r
where r.is_repeatable or r.hash in (select hash from fresh)
"""


async def keep(conn: Connection, received: Sequence[Received]) -> None:
    """Keep activities, each id once, in one statement that is a transaction of its own."""
    await conn.execute(
        KEEP,
        [r.id for r in received],
        [r.uri for r in received],
        [r.type for r in received],
        [r.actor_uri for r in received],
        [r.host for r in received],
        [r.body for r in received],
        [hash_of(r.uri, r.host) for r in received],
        [r.is_repeatable for r in received],
    )


# What one server sent is worked on by one worker at a time, so that its Follow and Undo, its
# Create and Delete are taken in the order in which they came.
LOCK_CLAIMING = "select pg_advisory_xact_lock(hashtext('inbox'))"

# Servers take turns: from the one after `$2` on, as they stand in the index, one probe for each,
# until it comes round or there are enough. Each has the same share of what is claimed, so that a
# flood from one of them delays nobody else.
PICK = """
with recursive turns (host, start, number) as (
  select w.host, w.host, 1
  from (
    (select i.host, 1 as part from inbox i
      where i.state = 'waiting' and i.host > $2 order by i.host limit 1)
    union all
    (select i.host, 2 from inbox i where i.state = 'waiting' order by i.host limit 1)
    order by part
    limit 1) w
  union all
  select n.host, t.start, t.number + 1
  from turns t
  cross join lateral (
    (select i.host, 1 as part from inbox i
      where i.state = 'waiting' and i.host > t.host order by i.host limit 1)
    union all
    (select i.host, 2 from inbox i where i.state = 'waiting' order by i.host limit 1)
    order by part
    limit 1) n
  where n.host <> t.start and t.number < $3
), busy as (
  select distinct i.host from inbox i where i.claimed_until > now()
), free as (
  select t.host, t.number, count(*) over () as hosts
  from turns t
  where t.host not in (select b.host from busy b)
)
select d.id, f.host, f.number
from free f
cross join lateral (
  select i.id, row_number() over (order by i.due_at, i.id) as place
  from inbox i
  where i.state = 'waiting' and i.host = f.host and i.due_at <= now()
  order by i.due_at, i.id
  limit greatest(4, $1::bigint / f.hosts)) d
order by d.place, f.number
limit $1
"""

# By ids that are known: joined to PICK, the generic plan would read the whole table.
TAKE = """
update inbox i
set claimed_until = now() + $2::interval, tries = i.tries + 1
where i.id = any($1::bigint[]) and i.state = 'waiting'
returning i.id, i.uri, i.type, i.actor_uri, i.host, i.body, i.tries
"""


async def claim(
    conn: Connection, limit: int, lease: timedelta, *, after: str = "", hosts: int = 100
) -> Claimed:
    """Take due activities, in a transaction; unsettled ones come back after `lease`.

    Servers take turns, beginning with the first one after `after` in the order of their names; at
    most so many `hosts` are looked at. What one server sent comes in its order.
    """
    await conn.execute(LOCK_CLAIMING)
    picked = await fetch_all(conn, Picked, PICK, limit, after, hosts)
    if not picked:
        return Claimed([], after)
    rows = await fetch_all(conn, InboxRow, TAKE, [one.id for one in picked], lease)
    last = max(picked, key=lambda one: one.number).host
    return Claimed(sorted(rows, key=lambda row: row.id), last)


HOLD = """
select id from inbox
where id = any($1::bigint[]) and state = 'waiting'
order by id
for update
"""


async def hold(conn: Connection, inbox_ids: list[int]) -> set[int]:
    """Those that nobody has finished yet, and nobody else finishes before this transaction ends."""
    return {row["id"] for row in await conn.fetch(HOLD, inbox_ids)}


# Steps from server to server through the index, as in CLAIM.
LIST_BEHIND = """
with recursive waiting (host, due_at) as (
  (select i.host, i.due_at from inbox i
    where i.state = 'waiting' order by i.host, i.due_at limit 1)
  union all
  select n.host, n.due_at
  from waiting w
  cross join lateral (
    select i.host, i.due_at from inbox i
    where i.state = 'waiting' and i.host > w.host
    order by i.host, i.due_at
    limit 1) n)
select w.host from waiting w where w.due_at < now() - $1::interval
"""


async def list_behind(conn: Connection, backlog: timedelta) -> list[str]:
    """Servers of which something has been due for so long."""
    return [row["host"] for row in await conn.fetch(LIST_BEHIND, backlog)]


RELEASE = "update inbox set claimed_until = null, tries = tries - 1 where id = any($1::bigint[])"


async def release(conn: Connection, inbox_ids: list[int]) -> None:
    """Give back what was claimed and not begun."""
    await conn.execute(RELEASE, inbox_ids)


FINISH = """
update inbox i
set state = 'done', post_id = done.post_id, reason = '', claimed_until = null,
  body = case when p.state = 'erased' then '' else i.body end
from unnest($1::bigint[], $2::bigint[]) as done (id, post_id)
left join posts p on p.id = done.post_id
where i.id = done.id
"""


async def finish(conn: Connection, finished: Sequence[tuple[int, int | None]]) -> None:
    """Processed. Beside each id, the post that it brought: its body goes when that is erased,
    or now, when it was."""
    await conn.execute(FINISH, [row[0] for row in finished], [row[1] for row in finished])


REFUSE = """
update inbox set state = 'refused', reason = $2, body = '', claimed_until = null
where id = $1 and state = 'waiting'
"""


async def refuse(conn: Connection, inbox_id: int, reason: str) -> None:
    """Finally not taken: the reason stays, what it said does not."""
    await conn.execute(REFUSE, inbox_id, reason)


RETRY = """
update inbox
set reason = $2,
  state = case when tries >= $4::integer then 'dead' else 'waiting' end,
  due_at = now() + $3::interval, claimed_until = null
where id = $1 and state = 'waiting'
"""


async def retry(conn: Connection, inbox_id: int, reason: str, wait: timedelta) -> None:
    """Try again after `wait`; after five tries it is set aside for the administrator."""
    await conn.execute(RETRY, inbox_id, reason, wait, MAX_TRIES)


# Only of types whose ids are taken once: any other could borrow the id, and be told in place of
# what had it first.
READ_BODIES = """
select distinct on (uri) uri, body from inbox
where uri = any($1::text[]) and type in ('Create', 'Update', 'Delete') and octet_length(body) > 0
order by uri, id
"""


async def read_bodies_by_uri(conn: Connection, uris: list[str]) -> dict[str, bytes]:
    """Activities as they were received, to be passed on byte for byte, as far as they are kept."""
    return {row["uri"]: row["body"] for row in await conn.fetch(READ_BODIES, uris)}


DROP_BODY_OF_POST = "update inbox set body = '' where post_id = $1 and octet_length(body) > 0"


async def drop_body_of_post(conn: Connection, post_id: int) -> None:
    """The post is erased: forget what brought it."""
    await conn.execute(DROP_BODY_OF_POST, post_id)


DROP_BODY = "update inbox set body = '' where uri = $1 and octet_length(body) > 0"


async def drop_body(conn: Connection, uri: str) -> None:
    """Forget what an activity said."""
    await conn.execute(DROP_BODY, uri)


DROP_OLD = """
delete from inbox
where id in (
  select id from inbox
  where received_at < $1 and state <> 'waiting'
  order by received_at
  limit $2)
"""


async def drop_old(conn: Connection, before: datetime, limit: int) -> int:
    """Forget processed activities received before then; how many rows went."""
    result = await conn.execute(DROP_OLD, before, limit)
    return int(result.rpartition(" ")[2])
