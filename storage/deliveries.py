"""Deliveries: one row per (activity, inbox) until it is settled, and one destination per host.

A worker leases a host and commits that before it sends; what became of each delivery is settled
afterwards. A worker that dies therefore sends twice at worst, and never loses one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from storage.activities import TAKES_BACK
from storage.audience import Recipient
from storage.db import Connection, fetch_all

PATIENCE = timedelta(days=14)  # a host that fails for longer is parked

QUEUE = """
with known as (
  insert into destinations (host)
  select distinct h.host from unnest($4::text[]) as h (host)
  where not exists (select 1 from destinations d where d.host = h.host)
  order by h.host
  on conflict do nothing)
insert into deliveries (activity_id, inbox, host, object_key, next_at, created_at)
select r.activity_id, r.inbox, r.host, r.object_key, $5, $5
from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) with ordinality
  as r (activity_id, object_key, inbox, host, place)
order by r.place
on conflict (activity_id, inbox) do nothing
"""

# Steps from host to host through the index, to the earliest row of each: as many probes as there
# are hosts with something queued, however many rows or idle hosts there are.
LEASE_HOSTS = """
with recursive waiting (host, next_at) as (
  (select x.host, x.next_at from deliveries x order by x.host, x.next_at limit 1)
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
  where w.next_at <= $2 and d.parked_at is null and d.next_at <= $2
    and (d.leased_until is null or d.leased_until <= $2)
    and exists (select 1 from admitted(d.host))
  order by d.next_at
  limit $4
  for update of d skip locked))
returning host, failures
"""

# Only the first row about each object for each inbox: the next goes when that one is settled. It
# is looked for among the oldest that are due, so that a long queue costs no more than a short one.
# What a host may no longer see is not sent to it, even if it could when the row was queued.
DUE = f"""
select d.id, d.host, d.inbox, d.tries, d.created_at, a.actor_id, a.body,
  a.post_id is null or a.type in {TAKES_BACK}
  or exists (
    select 1 from visible_posts(null::bigint, d.host) v where v.id = a.post_id) as is_allowed
from unnest($1::text[]) as h (host)
cross join lateral (
  select x.id, x.host, x.inbox, x.tries, x.created_at, x.activity_id
  from (
    select c.id, c.host, c.inbox, c.tries, c.created_at, c.activity_id, c.object_key, c.next_at
    from deliveries c
    where c.host = h.host and c.next_at <= $2
    order by c.next_at, c.id
    limit 16 * $3) x
  where x.id = (
    select min(e.id) from deliveries e
    where e.host = x.host and e.object_key = x.object_key and e.inbox = x.inbox)
  order by x.next_at, x.id
  limit $3) d
join activities a on a.id = d.activity_id
"""

SETTLE = """
with settled as (
  delete from deliveries where id = any($3::bigint[])),
held as (
  update deliveries d
  set tries = d.tries + 1, next_at = r.next_at, last_status = r.status, last_error = r.error
  from unnest($4::bigint[], $5::timestamptz[], $6::integer[], $7::text[])
    as r (id, next_at, status, error)
  where d.id = r.id)
update destinations d
set leased_until = null, leased_by = null, next_at = r.next_at,
  failures = case r.state when 'well' then 0 when 'failed' then d.failures + 1
    else d.failures end,
  failing_since = case r.state when 'well' then null
    when 'idle' then d.failing_since else coalesce(d.failing_since, $2) end,
  parked_at = case when r.state in ('failed', 'busy')
    and d.failing_since <= $2::timestamptz - $12::interval then $2 else d.parked_at end,
  last_success_at = case r.state when 'well' then $2 else d.last_success_at end,
  last_error = case r.error when '' then d.last_error else r.error end
from unnest($8::text[], $9::text[], $10::timestamptz[], $11::text[])
  as r (host, state, next_at, error)
where d.host = r.host and d.leased_by = $1
"""

# A host that only asked for patience (429, 503 with Retry-After) has failures = 0 and is left to
# its own time: it talks to us while it is busy.
REVIVE = """
with revived as (
  update destinations set parked_at = null, failures = 0, failing_since = null, next_at = $2
  where host = $1 and (failures > 0 or parked_at is not null)
  returning host)
update deliveries d set next_at = $2
from revived r
where d.host = r.host and d.next_at > $2
"""

CANCEL_POST = f"""
delete from deliveries d
using activities a
where a.id = d.activity_id and a.post_id = $1 and a.type not in {TAKES_BACK}
"""

CANCEL_HOST = """
delete from deliveries where host = $1 or right(host, length($1) + 1) = '.' || $1
"""


@dataclass(frozen=True, slots=True)
class Sending:
    """An activity and who gets it. Rows with one `object_key` reach an inbox in order."""

    activity_id: int
    object_key: int
    recipients: list[Recipient]


@dataclass(frozen=True, slots=True)
class Destination:
    """A host that this worker has leased. `failures` counts whole-host failures in a row."""

    host: str
    failures: int


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery to try now."""

    id: int
    host: str
    inbox: str
    tries: int
    created_at: datetime
    actor_id: int
    body: bytes
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery to try again; it holds back what follows it about the same object."""

    id: int
    next_at: datetime
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class HostReport:
    """How a host did: 'well' (it answered), 'failed', 'busy' (it named a time), 'idle'."""

    host: str
    state: str
    next_at: datetime
    error: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The results of some hosts' leases, written in one statement."""

    done: list[int] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    hosts: list[HostReport] = field(default_factory=list)


async def queue(
    conn: Connection, activity_id: int, object_key: int, recipients: list[Recipient], now: datetime
) -> None:
    """Send an activity to these inboxes. Rows with one `object_key` reach an inbox in order."""
    await queue_all(conn, [Sending(activity_id, object_key, recipients)], now)


async def queue_all(conn: Connection, sendings: list[Sending], now: datetime) -> None:
    """Send many activities, in this order, in one round trip."""
    rows = [(sending, recipient) for sending in sendings for recipient in sending.recipients]
    if rows:
        await conn.execute(
            QUEUE,
            [sending.activity_id for sending, _ in rows],
            [sending.object_key for sending, _ in rows],
            [recipient.inbox for _, recipient in rows],
            [recipient.host for _, recipient in rows],
            now,
        )


async def lease_hosts(
    conn: Connection, worker: str, now: datetime, lease: timedelta, *, limit: int
) -> list[Destination]:
    """Take hosts with something due for this worker alone, until it settles or `lease` passes."""
    return await fetch_all(conn, Destination, LEASE_HOSTS, worker, now, lease, limit)


async def due(conn: Connection, hosts: list[str], now: datetime, *, per_host: int) -> list[Due]:
    """What may be sent to leased hosts now: of each object the first for each inbox, if due."""
    return await fetch_all(conn, Due, DUE, hosts, now, per_host)


async def settle(conn: Connection, worker: str, now: datetime, results: Settlement) -> None:
    """Write results and give the hosts back. A lease that another worker took is left alone."""
    held, hosts = results.held, results.hosts
    await conn.execute(
        SETTLE,
        worker,
        now,
        results.done,
        [row.id for row in held],
        [row.next_at for row in held],
        [row.status for row in held],
        [row.error for row in held],
        [report.host for report in hosts],
        [report.state for report in hosts],
        [report.next_at for report in hosts],
        [report.error for report in hosts],
        PATIENCE,
    )


async def revive(conn: Connection, host: str, now: datetime) -> None:
    """A sign of life: send at once what waited for a host that did not answer."""
    await conn.execute(REVIVE, host, now)


async def cancel_post(conn: Connection, post_id: int) -> None:
    """Forget everything queued that carries the post's words; what takes it back still goes."""
    await conn.execute(CANCEL_POST, post_id)


async def cancel_host(conn: Connection, host: str) -> None:
    """Forget everything queued for a server that the administrator blocked, and for its parts."""
    await conn.execute(CANCEL_HOST, host)
