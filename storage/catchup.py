"""What a server missed that was away for long, blocked, or said to be gone, and speaks again.

Read batch by batch through the activities that were made meanwhile. Where it stands is written in
the transaction that queues what it found, so a batch is queued once, whoever dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.activities import PERSONAL, TAKES_BACK
from storage.db import Connection, fetch_all, fetch_one

CLAIM = """
update destinations set catching_until = $1::timestamptz + $2::interval
where host = (
  select d.host from destinations d
  where d.back_at is not null and d.lost_since is not null
    and d.parked_at is null and d.retired_at is null
    and (d.catching_until is null or d.catching_until <= $1)
    and exists (select 1 from admitted(d.host))
  order by d.catching_until nulls first, d.back_at
  limit 1
  for update of d skip locked)
returning host, lost_since, back_at, caught_up_to
"""

COUNT_WAITING = """
select count(*) from (select 1 from deliveries x where x.host = $1 limit $2) w
"""

FIND_END = """
select max(s.id) from (
  select a.id from activities a
  where a.id > $1 and a.id <= $2
  order by a.id
  limit $3) s
"""

# What still is as it was said: posts that stand and that this server may see, and the end of those
# that do not. Votes and likes are not told again: what is asked there may be something else by now.
LIST_SAID = f"""
select a.id, a.type, p.id as post_id, p.thread_id, p.kind, p.community_id,
  c.is_local as is_ours, c.inbox as community_inbox, p.audience = 'public' as is_public,
  a.actor_id = p.author_id as is_own
from activities a
join posts p on p.id = a.post_id
join actors c on c.id = p.community_id
where a.id > $2 and a.id <= $3 and a.type not in {PERSONAL} and a.type <> 'Recall'
  and (c.is_local or c.host = $1)
  and case
    when a.type in {TAKES_BACK} then p.state <> 'live'
    else octet_length(a.body) > 0 and exists (
      select 1 from visible_posts(null::bigint, $1) v where v.id = p.id)
  end
order by a.id
"""

GO_ON = "update destinations set caught_up_to = $2, catching_until = $3 where host = $1"

FINISH = """
update destinations
set lost_since = null, back_at = null, caught_up_to = null, catching_until = null
where host = $1 and back_at = $2
"""

# People of that server in communities here: what was decided about their Follow.
LIST_ANSWERED = """
select m.community_id, m.actor_id, m.state = 'accepted' as is_accepted, m.follow_body
from actors a
join memberships m on m.actor_id = a.id
join actors c on c.id = m.community_id and c.is_local and c.state = 'live'
where a.host = $1 and not a.is_local and a.state = 'live'
  and m.state in ('accepted', 'refused') and m.changed_at >= $2 and m.follow_body is not null
order by m.community_id, m.actor_id
for update of m
"""

# People here in communities of that server: who still asks, and who has left meanwhile.
LIST_FOLLOWING = """
select m.community_id, m.actor_id, m.state = 'asked' as is_asked, m.follow_uri
from actors c
join memberships m on m.community_id = c.id
join actors a on a.id = m.actor_id and a.is_local
where c.host = $1 and c.kind = 'community' and not c.is_local and c.state = 'live'
  and (m.state = 'asked' or (m.state = 'left' and m.changed_at >= $2))
order by m.community_id, m.actor_id
for update of m
"""

LIST_JOINED = """
select c.id, c.uri
from actors c
where c.host = $1 and c.kind = 'community' and not c.is_local and c.state = 'live'
  and exists (
    select 1 from memberships m
    join actors a on a.id = m.actor_id and a.is_local
    where m.community_id = c.id and m.state = 'accepted')
order by c.id
"""


@dataclass(frozen=True, slots=True)
class Returned:
    """A server that is back. `caught_up_to` is None before the first batch."""

    host: str
    lost_since: datetime
    back_at: datetime
    caught_up_to: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """An activity about a post. `is_own`: of the post's author, here."""

    id: int
    type: str
    post_id: int
    thread_id: int
    kind: str
    community_id: int
    is_ours: bool
    community_inbox: str
    is_public: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class Answered:
    community_id: int
    actor_id: int
    is_accepted: bool
    follow_body: str


@dataclass(frozen=True, slots=True)
class Following:
    community_id: int
    actor_id: int
    is_asked: bool
    follow_uri: str | None


@dataclass(frozen=True, slots=True)
class Joined:
    """A community elsewhere with members here."""

    id: int
    uri: str


async def claim(conn: Connection, now: datetime, lease: timedelta) -> Returned | None:
    """The server that waits the longest for its next batch, for this worker alone."""
    return await fetch_one(conn, Returned, CLAIM, now, lease)


async def count_waiting(conn: Connection, host: str, most: int) -> int:
    """How much is queued for the server, as far as `most`."""
    return int(await conn.fetchval(COUNT_WAITING, host, most) or 0)


async def find_end(conn: Connection, after: int, until: int, limit: int) -> int | None:
    """The last activity of the next batch; None when there is none left."""
    found: int | None = await conn.fetchval(FIND_END, after, until, limit)
    return found


async def list_said_unfiltered(conn: Connection, host: str, after: int, until: int) -> list[Said]:
    """What was said between these activities that this server may have; it may not be for it."""
    return await fetch_all(conn, Said, LIST_SAID, host, after, until)


async def go_on(
    conn: Connection, host: str, caught_up_to: int | None, not_before: datetime
) -> None:
    """This far has it come; the next batch is due at `not_before`."""
    await conn.execute(GO_ON, host, caught_up_to, not_before)


async def finish(conn: Connection, returned: Returned) -> None:
    """Nothing is owed any more, unless it was away again meanwhile."""
    await conn.execute(FINISH, returned.host, returned.back_at)


async def list_answered_unfiltered(conn: Connection, host: str, since: datetime) -> list[Answered]:
    """Follows of its people that were decided since then; they stay so in this transaction."""
    return await fetch_all(conn, Answered, LIST_ANSWERED, host, since)


async def list_following_unfiltered(
    conn: Connection, host: str, since: datetime
) -> list[Following]:
    """Follows of its communities that are open, or were taken back since then; they stay so."""
    return await fetch_all(conn, Following, LIST_FOLLOWING, host, since)


async def list_joined_unfiltered(conn: Connection, host: str) -> list[Joined]:
    """Its communities that people here have joined."""
    return await fetch_all(conn, Joined, LIST_JOINED, host)
