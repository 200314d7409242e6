"""How much work waits: for an operator's figures, and nobody's content."""

from __future__ import annotations

from dataclasses import dataclass

from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Lengths:
    inbox: int
    dead_inbox: int
    events: int
    dead_events: int
    deliveries: int
    oldest_event: float
    failing: int  # other servers that do not answer, and those that were given up for now
    parked: int


READ_LENGTHS = """
select
  (select count(*) from inbox where state = 'waiting') as inbox,
  (select count(*) from inbox where state = 'dead') as dead_inbox,
  (select count(*) from events where state = 'waiting') as events,
  (select count(*) from events where state = 'dead') as dead_events,
  (select count(*) from deliveries) as deliveries,
  (select coalesce(extract(epoch from now() - min(at)), 0)::float8 from events
    where state = 'waiting') as oldest_event,
  (select count(*) from destinations
    where failing_since <= now() - interval '15 minutes' and parked_at is null
      and retired_at is null) as failing,
  (select count(*) from destinations
    where parked_at is not null or retired_at is not null) as parked
"""


async def read_lengths(conn: Connection) -> Lengths:
    lengths = await fetch_one(conn, Lengths, READ_LENGTHS)
    if lengths is None:
        raise LookupError("a statement without a condition always answers")
    return lengths


@dataclass(frozen=True, slots=True)
class SetAside:
    """Work of one kind that was given up, for one reason; `host` sent it, or '' for our own."""

    kind: str
    host: str
    reason: str
    number: int


LIST_SET_ASIDE = """
select i.type as kind, i.host, i.reason, count(*) as number
from inbox i
where i.state = 'dead'
group by i.type, i.host, i.reason
union all
select e.kind, '' as host, e.reason, count(*)
from events e
where e.state = 'dead'
group by e.kind, e.reason
order by number desc, kind, host, reason
limit $1
"""


async def list_set_aside(conn: Connection, limit: int = 20) -> list[SetAside]:
    """What was given up after five failures, the most frequent first."""
    return await fetch_all(conn, SetAside, LIST_SET_ASIDE, limit)
