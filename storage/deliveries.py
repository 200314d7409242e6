"""Deliveries: one row per (activity, inbox) until it is settled.

A worker has leased the host (storage/destinations.py) before it sends; what became of a delivery
is settled before the next one goes the same way. A worker that dies therefore sends one again for
each request that it had under way, and never loses any.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from storage.activities import PERSONAL, TAKES_BACK
from storage.audience import Recipient
from storage.db import Connection, fetch_all

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
where not exists (
  select 1 from destinations d
  where d.host = r.host and (d.parked_at is not null or d.retired_at is not null))
order by r.place
on conflict (activity_id, inbox) do nothing
"""

# Only the first row about each object for each inbox: the next goes when that one is settled. It
# is looked for among the oldest that are due, so that a long queue costs no more than a short one.
# What a host may no longer see is not sent to it, even if it could when the row was queued.
DUE = f"""
select d.id, d.host, d.inbox, d.tries, d.created_at, a.actor_id, a.type, a.body,
  a.post_id is null or a.type in {TAKES_BACK}
  or exists (
    select 1 from visible_posts(null::bigint, d.host) v where v.id = a.post_id)
  or exists (
    select 1
    from posts p
    join conversation_people c on c.thread_id = p.thread_id
    join actors t on t.id = c.actor_id and not t.is_local and t.state = 'live'
      and t.host = d.host and t.inbox = d.inbox
    cross join lateral visible_posts(t.id, d.host) v
    where p.id = a.post_id and p.audience = 'direct' and v.id = p.id) as is_allowed
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

# All rows are locked first and by id: two who settle do not wait in a circle. Whoever was sent a
# post has a copy, whatever it answered; whoever took what takes it back stands in the receipt.
SETTLE = f"""
with locked as materialized (
  select d.id from deliveries d where d.id = any($1::bigint[]) order by d.id for update),
settled as (
  delete from deliveries d using locked l where d.id = l.id and d.id = any($2::bigint[])),
held as (
  update deliveries d
  set tries = d.tries + 1, next_at = r.next_at, last_status = r.status, last_error = r.error
  from unnest($3::bigint[], $4::timestamptz[], $5::integer[], $6::text[])
    as r (id, next_at, status, error)
  join locked l on l.id = r.id
  where d.id = r.id),
sent as materialized (
  select d.host, d.activity_id, a.post_id, a.type in {TAKES_BACK} as takes_back,
    d.id = any($2::bigint[]) as is_over, d.id = any($9::bigint[]) as is_taken
  from deliveries d
  join locked l on l.id = d.id
  join activities a on a.id = d.activity_id
  where d.id = any($8::bigint[]) and a.type not in {PERSONAL}),
copied as (
  insert into post_copies (post_id, host)
  select distinct s.post_id, s.host from sent s
  where s.post_id is not null and not s.takes_back
    and not exists (select 1 from post_copies c where c.post_id = s.post_id and c.host = s.host)
  order by s.post_id, s.host
  on conflict do nothing),
heard as (
  update erasure_hosts e
  set state = case when s.is_taken then 'told' else 'gave_up' end, changed_at = now()
  from sent s
  where s.takes_back and s.is_over and e.activity_id = s.activity_id and e.host = s.host
    and e.state <> 'confirmed' and (s.is_taken or e.state <> 'told'))
select d.id from deliveries d where d.id = any($7::bigint[])
"""

# What waits behind a held one steps back with it, so that it does not fill the sight of DUE.
POSTPONE = """
with behind as materialized (
  select b.id, h.next_at
  from deliveries h
  join deliveries b on b.host = h.host and b.object_key = h.object_key and b.inbox = h.inbox
    and b.id > h.id and b.next_at < h.next_at
  where h.id = any($1::bigint[])
  for update of b skip locked)
update deliveries d set next_at = b.next_at from behind b where d.id = b.id
"""

# What a worker is settling at this moment is left to it: whoever takes back several posts would
# wait for it, and it for them. If such a row stays, `due` does not allow it any more.
CANCEL_POST = f"""
with locked as materialized (
  select d.id
  from activities a
  join deliveries d on d.activity_id = a.id
  where a.post_id = $1 and a.type not in {TAKES_BACK}
  for update of d skip locked)
delete from deliveries d using locked l where d.id = l.id
"""


@dataclass(frozen=True, slots=True)
class Sending:
    """An activity and who gets it. Rows with one `object_key` reach an inbox in order."""

    activity_id: int
    object_key: int
    recipients: list[Recipient]


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery to try now."""

    id: int
    host: str
    inbox: str
    tries: int
    created_at: datetime
    actor_id: int
    type: str
    body: bytes
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery to try again; it holds back what follows it about the same object."""

    id: int
    next_at: datetime
    status: int | None
    error: str


@dataclass(slots=True)
class Results:
    """What became of deliveries, and which of those to be sent next may have been cancelled.

    Of those that are `done`, `sent` got an answer, and `taken` a kind one.
    """

    done: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    upcoming: list[int] = field(default_factory=list)


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


async def due(conn: Connection, hosts: list[str], now: datetime, *, per_host: int) -> list[Due]:
    """What may be sent to leased hosts now: of each object the first for each inbox, if due."""
    return await fetch_all(conn, Due, DUE, hosts, now, per_host)


async def settle(conn: Connection, results: Results) -> set[int]:
    """Write results, all at once; those of `upcoming` that are still to be sent."""
    held = results.held
    rows = await conn.fetch(
        SETTLE,
        [*results.done, *(row.id for row in held)],
        results.done,
        [row.id for row in held],
        [row.next_at for row in held],
        [row.status for row in held],
        [row.error for row in held],
        results.upcoming,
        results.sent + [row.id for row in held if row.status is not None],
        results.taken,
    )
    if held:
        await conn.execute(POSTPONE, [row.id for row in held])
    return {row["id"] for row in rows}


async def cancel_post(conn: Connection, post_id: int) -> None:
    """Forget everything queued that carries the post's words; what takes it back still goes."""
    await conn.execute(CANCEL_POST, post_id)
