"""Servers that we deliver to: whose turn it is, how each does, and what it costs to be away.

A worker leases a host and commits that before it sends. A host that does not answer is asked less
and less often, and parked after two weeks: what waits for it is dropped, and nothing more is
queued until it speaks again. From when on it missed something is remembered (`lost_since`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.db import Connection, fetch_all, fetch_one

PATIENCE = timedelta(days=14)  # a host that fails for longer is parked
MOST_COUNTED = 1000

# Steps from host to host through the index, from $5 on, to the earliest row of each, and stops
# when enough are found: as many probes as hosts are passed, however many rows or idle hosts there
# are. Going on from where the last lease ended is what gives each host its turn.
LEASE_HOSTS = """
with recursive waiting (host, next_at) as (
  (select x.host, x.next_at from deliveries x
  where x.host > $5
  order by x.host, x.next_at
  limit 1)
  union all
  select n.host, n.next_at
  from waiting w
  cross join lateral (
    select x.host, x.next_at from deliveries x
    where x.host > w.host
    order by x.host, x.next_at
    limit 1) n)
update destinations set leased_by = $1, leased_until = $2::timestamptz + $3::interval
where host = any (array(
  select d.host
  from waiting w
  join destinations d on d.host = w.host
  where w.next_at <= $2 and d.parked_at is null and d.retired_at is null and d.next_at <= $2
    and (d.leased_until is null or d.leased_until <= $2)
    and exists (select 1 from admitted(d.host))
  limit $4
  for update of d skip locked))
returning host, failures
"""

# What was missed counts from when it was said, which its id tells: a row may be younger, queued a
# second time for a host that was away before.
# What asked for patience, or answered, is not failing as a whole: `failures` says how long to wait
# where nobody said so, and a sign of life cuts only that short.
REPORT = """
update destinations d
set leased_until = null, leased_by = null, next_at = r.next_at,
  failures = case r.state when 'failed' then d.failures + 1 when 'idle' then d.failures else 0 end,
  failing_since = case r.state when 'well' then null when 'idle' then d.failing_since
    else coalesce(d.failing_since, $2) end,
  parked_at = case when r.is_parked then $2 else d.parked_at end,
  retired_at = case when r.state = 'gone' then $2 else d.retired_at end,
  lost_since = case when r.is_parked or r.state = 'gone'
    then least(d.lost_since, d.failing_since, $2, (
      select to_timestamp((min(x.activity_id) >> 16) / 1000.0)
      from deliveries x where x.host = d.host))
    else d.lost_since end,
  back_at = case when r.is_parked or r.state = 'gone' then null else d.back_at end,
  caught_up_to = case when r.is_parked or r.state = 'gone' then null else d.caught_up_to end,
  last_success_at = case r.state when 'well' then $2 else d.last_success_at end,
  last_error = case r.error when '' then d.last_error else r.error end
from (
  select t.host, t.state, t.next_at, t.error,
    t.state in ('failed', 'busy') and k.failing_since <= $2::timestamptz - $7::interval as is_parked
  from unnest($3::text[], $4::text[], $5::timestamptz[], $6::text[])
    as t (host, state, next_at, error)
  join destinations k on k.host = t.host) r
where d.host = r.host and d.leased_by = $1
"""

# A host that only asked for patience (429, 503 with Retry-After) has failures = 0 and is left to
# its own time: it talks to us while it is busy.
REVIVE = """
with revived as (
  update destinations
  set parked_at = null, retired_at = null, failures = 0, failing_since = null, next_at = $2,
    back_at = case when lost_since is not null then coalesce(back_at, $2) end
  where host = $1 and (failures > 0 or parked_at is not null or retired_at is not null
    or (lost_since is not null and back_at is null))
    and exists (select 1 from admitted($1))
  returning host),
waiting as materialized (
  select x.id from deliveries x
  join revived r on r.host = x.host
  where x.next_at > $2
  order by x.id
  for update of x)
update deliveries d set next_at = $2
from waiting w
where d.id = w.id
"""

SWEEP = """
delete from deliveries
where id in (
  select x.id
  from destinations d
  join deliveries x on x.host = d.host
  where d.parked_at is not null or d.retired_at is not null
  limit $1
  for update of x skip locked)
"""

# Somebody there who has to do with this server: their address is asked, to hear whether it is back.
CLAIM_PARKED = """
update destinations d set next_at = $1::timestamptz + $2::interval
where d.host = (
  select p.host from destinations p
  where p.parked_at is not null and p.retired_at is null and p.next_at <= $1
    and exists (select 1 from admitted(p.host))
  order by p.next_at
  limit 1
  for update of p skip locked)
returning d.host, (
  select a.uri from actors a
  where a.host = d.host and not a.is_local and a.state = 'live'
  order by random()
  limit 1) as actor_uri
"""

# One to which nothing is owed; it is made again with the next delivery.
DROP_IDLE = """
delete from destinations
where host in (
  select d.host from destinations d
  where d.next_at < $1 and coalesce(d.last_success_at, d.next_at) < $1
    and d.lost_since is null and d.back_at is null and d.parked_at is null
    and d.retired_at is null and d.leased_until is null
    and not exists (select 1 from deliveries x where x.host = d.host)
  order by d.host
  limit $2
  for update of d skip locked)
"""

LOSE = """
update destinations
set lost_since = least(lost_since, $2::timestamptz, (
    select to_timestamp((min(x.activity_id) >> 16) / 1000.0)
    from deliveries x where x.host = destinations.host)),
  back_at = null, caught_up_to = null
where host = $1 or right(host, length($1) + 1) = '.' || $1
"""

DROP = """
with locked as materialized (
  select x.id
  from destinations d
  join deliveries x on x.host = d.host
  where d.host = $1 or right(d.host, length($1) + 1) = '.' || $1
  order by x.id
  for update of x)
delete from deliveries x using locked l where x.id = l.id
"""

MOVE_INBOX = """
with moved as (
  update deliveries d set inbox = $3
  where d.host = $1 and d.inbox = $2 and not exists (
    select 1 from deliveries e where e.activity_id = d.activity_id and e.inbox = $3)),
twice as (
  delete from deliveries d
  where d.host = $1 and d.inbox = $2 and exists (
    select 1 from deliveries e where e.activity_id = d.activity_id and e.inbox = $3))
update actors set shared_inbox = $3 where host = $1 and not is_local and shared_inbox = $2
"""

LIST_ILL = """
select d.host, d.failing_since, d.next_at, d.last_success_at, d.last_error, d.parked_at,
  d.retired_at, d.lost_since, d.back_at,
  (select count(*) from (
    select 1 from deliveries x where x.host = d.host limit $3) w) as waiting
from destinations d
where (d.failing_since <= $1::timestamptz or d.parked_at is not null or d.retired_at is not null
    or d.back_at is not null)
  and exists (select 1 from admitted(d.host))
order by d.back_at is null, coalesce(d.retired_at, d.parked_at, d.failing_since), d.host
limit $2
"""


@dataclass(frozen=True, slots=True)
class Destination:
    """A host that this worker has leased. `failures` counts whole-host failures in a row."""

    host: str
    failures: int


@dataclass(frozen=True, slots=True)
class HostReport:
    """How a host did: 'well' (it answered), 'failed', 'busy' (it named a time), 'gone', 'idle'."""

    host: str
    state: str
    next_at: datetime
    error: str = ""


@dataclass(frozen=True, slots=True)
class Parked:
    host: str
    actor_uri: str | None


@dataclass(frozen=True, slots=True)
class Ill:
    """A host that does not take what we send, or did not until lately. `waiting` ends at 1000."""

    host: str
    failing_since: datetime | None
    next_at: datetime
    last_success_at: datetime | None
    last_error: str
    parked_at: datetime | None
    retired_at: datetime | None
    lost_since: datetime | None
    back_at: datetime | None
    waiting: int


async def lease_hosts(
    conn: Connection, worker: str, now: datetime, lease: timedelta, *, limit: int, after: str = ""
) -> list[Destination]:
    """Take hosts with something due for this worker alone, until it reports or `lease` passes.

    Those that come after the host `after` by name: a round through all of them is the caller's.
    """
    return await fetch_all(conn, Destination, LEASE_HOSTS, worker, now, lease, limit, after)


async def report(conn: Connection, worker: str, now: datetime, reports: list[HostReport]) -> None:
    """Give hosts back. A lease that another worker took meanwhile is left alone."""
    await conn.execute(
        REPORT,
        worker,
        now,
        [one.host for one in reports],
        [one.state for one in reports],
        [one.next_at for one in reports],
        [one.error for one in reports],
        PATIENCE,
    )


async def revive(conn: Connection, host: str, now: datetime) -> None:
    """A sign of life: send at once what waited for a host that did not answer."""
    await conn.execute(REVIVE, host, now)


async def sweep(conn: Connection, limit: int) -> int:
    """Drop what waits for parked hosts; how many rows went."""
    return int((await conn.execute(SWEEP, limit)).rpartition(" ")[2])


async def claim_parked(conn: Connection, now: datetime, again: timedelta) -> Parked | None:
    """A parked host whose turn it is to be asked whether it is back; the next time is `again`."""
    return await fetch_one(conn, Parked, CLAIM_PARKED, now, again)


async def cancel_host(conn: Connection, host: str, now: datetime) -> None:
    """Forget everything queued for a server that the administrator blocked, and for its parts."""
    await conn.execute(LOSE, host, now)
    await conn.execute(DROP, host)


async def move_inbox(conn: Connection, host: str, inbox: str, new_inbox: str) -> None:
    """A server has its inbox elsewhere now: what waits goes there, in the same order."""
    await conn.execute(MOVE_INBOX, host, inbox, new_inbox)


async def list_ill(conn: Connection, failing_before: datetime, *, limit: int) -> list[Ill]:
    """Hosts in trouble for the administrator: those that are back first, then the oldest."""
    return await fetch_all(conn, Ill, LIST_ILL, failing_before, limit, MOST_COUNTED)


async def drop_idle(conn: Connection, before: datetime, limit: int) -> int:
    """Forget servers to which nothing went since then and nothing is due; how many rows went."""
    return int((await conn.execute(DROP_IDLE, before, limit)).rpartition(" ")[2])
