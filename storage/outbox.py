"""Events: recorded in the transaction of what they tell, claimed in order, finished once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from storage.db import Connection, fetch_all

RECORD = "insert into events (kind, payload) values ($1, $2)"

# What is said of memberships: a later one never goes before an earlier one of the same person,
# be that in another worker's hands or waiting to be tried again.
OF_MEMBERS = "('MembershipAsked', 'MembershipLeft', 'FollowAnswered')"

# That nothing is left is not said before the files of what that author wrote are gone as well.
IS_LEFT = """
e.kind = 'DeletionDone' and exists (
  select 1 from media_cache c
  join posts p on p.id = c.post_id
  where c.state = 'dropped' and p.author_id = (e.payload ->> 'author_id')::bigint)
"""

CLAIM = f"""
select e.id, e.kind, e.payload, e.tries from events e
where e.state = 'waiting' and e.due_at <= now()
  and (e.kind not in {OF_MEMBERS} or not exists (
    select 1 from events f
    where f.state = 'waiting' and f.kind in {OF_MEMBERS} and f.id < e.id
      and f.payload -> 'actor_id' = e.payload -> 'actor_id'))
  and not ({IS_LEFT})
order by e.id
limit $1
for update of e skip locked
"""

FINISH = "delete from events where id = any($1::bigint[])"

POSTPONE = """
update events set tries = tries + 1, due_at = now() + $2::interval, reason = $3,
  state = case when tries + 1 >= $4::integer then 'dead' else 'waiting' end
where id = $1
"""


@dataclass(frozen=True, slots=True)
class EventRow:
    id: int
    kind: str
    payload: Any
    tries: int


async def record(conn: Connection, kind: str, payload: dict[str, Any]) -> None:
    """Keep an event; it is published after this transaction commits."""
    await conn.execute(RECORD, kind, payload)


async def claim(conn: Connection, limit: int) -> list[EventRow]:
    """Lock the oldest due events for this transaction; another worker skips them."""
    return await fetch_all(conn, EventRow, CLAIM, limit)


async def finish(conn: Connection, ids: list[int]) -> None:
    await conn.execute(FINISH, ids)


async def postpone(
    conn: Connection, event_id: int, wait: timedelta, reason: str, *, max_tries: int
) -> None:
    """Try again after `wait`; after `max_tries` set aside for the administrator."""
    await conn.execute(POSTPONE, event_id, wait, reason, max_tries)


# Who takes a post back is still told of, so whatever does that is left.
DROP_DEAD = """
delete from events
where state = 'dead' and payload ->> 'post_id' = $1::bigint::text
  and kind not in ('PostErased', 'PostRemoved')
"""


async def drop_dead_of_post(conn: Connection, post_id: int) -> None:
    """Forget what was set aside about an erased post: a vote says who chose what.

    What still waits finds nothing to tell when its turn comes.
    """
    await conn.execute(DROP_DEAD, post_id)
