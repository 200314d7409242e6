"""Conversations and communities elsewhere that are to be read again, because something was missed.

A server is read by one worker at a time. What is done stays known for a day, so that nobody makes
us read the same thing again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.db import Connection, fetch_all, fetch_one

MAX_TRIES = 5

# What is being read at this moment is read once more afterwards: `due_at` is newer then. Each
# community has rows of its own: none takes away what is to be read for another by naming it.
ADD = """
insert into backfills as b (uri, kind, community_id, host, due_at)
values ($1, $2, $3, $4, $5)
on conflict (uri, community_id) do update
set due_at = case when b.done_at is null and b.claimed_until is null
    then least(b.due_at, excluded.due_at) else excluded.due_at end,
  tries = 0, reason = '', done_at = null
where b.done_at is null or $6::timestamptz is null or b.done_at < $6
"""

LOCK_CLAIMING = "select pg_advisory_xact_lock(hashtext('backfills'))"

CLAIM = """
update backfills set claimed_until = $1::timestamptz + $2::interval, tries = tries + 1
where (uri, community_id) = (
  select b.uri, b.community_id from backfills b
  where b.done_at is null and b.due_at <= $1
    and (b.claimed_until is null or b.claimed_until <= $1)
    and not exists (
      select 1 from backfills o
      where o.host = b.host and o.done_at is null and o.claimed_until > $1)
    and exists (select 1 from admitted(b.host))
  order by b.due_at, b.uri
  limit 1)
returning uri, kind, community_id, host, tries, due_at
"""

FINISH = """
update backfills
set claimed_until = null, reason = '',
  done_at = case when due_at <= $2 then $3::timestamptz end,
  tries = case when due_at <= $2 then tries else 0 end
where uri = $1 and community_id = $4
"""

RETRY = """
update backfills
set claimed_until = null, reason = $2, due_at = $3::timestamptz + $4::interval,
  done_at = case when tries >= $5::integer then $3 end
where uri = $1 and community_id = $6
"""

DROP_OLD = """
delete from backfills
where (uri, community_id) in (
  select b.uri, b.community_id from backfills b where b.done_at < $1 order by b.uri limit $2)
"""

# Of people elsewhere only: whether something that was written here stands is said here.
LIST_STANDING = """
select p.id, p.uri, p.author_id
from posts p
where p.thread_id in (
    select k.thread_id from posts k where k.uri = any($2::text[]) and k.community_id = $1)
  and p.kind <> 'boost' and p.state = 'live' and not p.is_local
order by p.id
limit $3
"""


FIND_THREAD = """
select p.thread_id from posts p
where p.uri = any($2::text[]) and p.community_id = $1
order by p.id
limit 1
"""

KNOWN = "select p.uri from posts p where p.uri = any($1::text[])"


@dataclass(frozen=True, slots=True)
class Backfill:
    """Something to read. `due_at` tells whether it was asked for again meanwhile."""

    uri: str
    kind: str
    community_id: int
    host: str
    tries: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A post of somebody elsewhere that is shown here."""

    id: int
    uri: str
    author_id: int


async def add(
    conn: Connection,
    uri: str,
    kind: str,
    community_id: int,
    host: str,
    now: datetime,
    *,
    unless_since: datetime | None = None,
) -> None:
    """Read a 'community' or a 'thread' of that server; not if it was read since `unless_since`.

    A thread is named by its own URI or by that of its conversation.
    """
    await conn.execute(ADD, uri, kind, community_id, host, now, unless_since)


async def claim(conn: Connection, now: datetime, lease: timedelta) -> Backfill | None:
    """What waits the longest on a server that nobody reads now. In a transaction of its own."""
    await conn.execute(LOCK_CLAIMING)
    return await fetch_one(conn, Backfill, CLAIM, now, lease)


async def finish(conn: Connection, backfill: Backfill, now: datetime) -> None:
    """It was read; once more is still due if that was asked for meanwhile."""
    await conn.execute(FINISH, backfill.uri, backfill.due_at, now, backfill.community_id)


async def retry(
    conn: Connection, backfill: Backfill, reason: str, now: datetime, wait: timedelta
) -> None:
    """Read it again after `wait`; after five tries no more, until somebody asks for it."""
    await conn.execute(RETRY, backfill.uri, reason, now, wait, MAX_TRIES, backfill.community_id)


async def list_standing_unfiltered(
    conn: Connection, community_id: int, uris: list[str], limit: int
) -> list[Standing]:
    """What is shown of the threads that these posts are in, but for posts of people here."""
    return await fetch_all(conn, Standing, LIST_STANDING, community_id, uris, limit)


async def list_known_unfiltered(conn: Connection, uris: list[str]) -> set[str]:
    """Those of these posts that are here, or were."""
    return {row["uri"] for row in await conn.fetch(KNOWN, uris)}


async def find_thread_unfiltered(
    conn: Connection, community_id: int, uris: list[str]
) -> int | None:
    """The thread that one of these posts is in."""
    found: int | None = await conn.fetchval(FIND_THREAD, community_id, uris)
    return found


async def drop_old(conn: Connection, before: datetime, limit: int) -> int:
    """Forget what was done before then; how many rows went."""
    return int((await conn.execute(DROP_OLD, before, limit)).rpartition(" ")[2])
