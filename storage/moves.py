"""People who say that they are another account from now on, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.db import Connection, fetch_all, fetch_one

# In the order of their ids: two moves at once wait for each other, and never in a circle.
HOLD = """
select a.id, a.moved_to from actors a
where a.id = any($1::bigint[])
order by a.id
for no key update
"""

WAS_LATELY = """
select exists (
  select 1 from actors a
  where a.moved_at > $3 and (a.id in ($1, $2) or a.moved_to = $1))
"""

SET = "update actors set moved_to = $2, moved_at = $3 where id = $1"

COME_BACK = "update actors set moved_to = null, moved_at = null where id = $1 and moved_to = $2"

LOOKS_AFTER = """
select exists (
  select 1 from memberships
  where actor_id = $1 and state = 'accepted' and role in ('moderator', 'owner'))
"""

FORGET = """
with told as (delete from move_hosts where actor_id = $1)
update actors set moved_to = null, moved_at = null where id = $1
"""

NOTE_HOSTS = """
insert into move_hosts (actor_id, host)
select $1, h.host from unnest($2::text[]) as h (host)
on conflict do nothing
"""

# When it was stays, so that nobody goes to and fro.
STAY = "update actors set moved_to = null where id = $1"

READ_MOVED = """
select moved_to, moved_at from actors where id = $1
"""

SET_NAMES = "update actors set also_known_as = $2 where id = $1 and is_local"

# Whoever was given a post of theirs, runs a community that they are or were in, or has the account
# that they are now. Who knows only a name for one thread is not among them.
LIST_HOSTS = """
select h.host from (
  select c.host
  from posts p
  join post_copies c on c.post_id = p.id
  where p.author_id = $1
  union
  select g.host from memberships m
  join actors g on g.id = m.community_id and not g.is_local
  where m.actor_id = $1 and m.joined_at is not null
  union
  select n.host from actors n where n.id = $2 and not n.is_local) h
order by h.host
"""

LIST_STANDINGS = """
select m.community_id, m.state, m.role, m.stopped_until
from memberships m
join actors c on c.id = m.community_id and c.is_local
where m.actor_id = $1
order by m.community_id
"""

# It was at that very moment that they left: whoever left before or after did it themselves.
LIST_LEFT = """
select m.community_id
from memberships m
join actors a on a.id = m.actor_id and m.changed_at = a.moved_at
where m.actor_id = $1 and m.state = 'left'
"""

# What a moderator decided about either account stays; what the person only asked does not.
CARRY = """
insert into memberships as m (community_id, actor_id, state, answers, stopped_until, stopped_reason,
  changed_at, joined_at)
select o.community_id, $3, $4::text, case when $4 = 'asked' then o.answers else '{}' end,
  o.stopped_until, o.stopped_reason, $5::timestamptz,
  case when $4 = 'accepted' then o.joined_at end
from memberships o
where o.community_id = $1 and o.actor_id = $2
on conflict (community_id, actor_id) do update
set state = case
    when m.state = 'left' or (m.state = 'asked' and excluded.state = 'accepted')
      then excluded.state
    else m.state end,
  answers = case when m.answers = '{}' then excluded.answers else m.answers end,
  stopped_until = greatest(m.stopped_until, excluded.stopped_until),
  stopped_reason = case
    when excluded.stopped_until > coalesce(m.stopped_until, '-infinity')
      then excluded.stopped_reason
    else m.stopped_reason end,
  changed_at = excluded.changed_at,
  joined_at = coalesce(m.joined_at, excluded.joined_at)
"""

CARRY_BLOCKS = """
insert into blocks (blocker_id, blocked_id, created_at, until)
select b.blocker_id, $2, $3, b.until
from blocks b
where b.blocked_id = $1 and b.blocker_id <> $2
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Moved:
    id: int
    moved_to: int | None


@dataclass(frozen=True, slots=True)
class MovedAway:
    """Who somebody is now, if they moved; and when they last did."""

    moved_to: int | None
    moved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is to a community of this server."""

    community_id: int
    state: str
    role: str
    stopped_until: datetime | None


async def hold(conn: Connection, actor_ids: list[int]) -> dict[int, int | None]:
    """Where each of these has moved to; nobody moves them until the transaction ends."""
    rows = await fetch_all(conn, Moved, HOLD, actor_ids)
    return {row.id: row.moved_to for row in rows}


async def was_lately(conn: Connection, old_id: int, new_id: int, since: datetime) -> bool:
    """Whether one of them moved since then, or somebody moved to the old one."""
    return bool(await conn.fetchval(WAS_LATELY, old_id, new_id, since))


async def move(conn: Connection, old_id: int, new_id: int, now: datetime) -> None:
    """The old one is the new one; who comes back to an account that they left is that again."""
    await conn.execute(COME_BACK, new_id, old_id)
    await conn.execute(SET, old_id, new_id, now)


async def stay(conn: Connection, actor_id: int) -> None:
    """Somebody is the account that they were; when they moved is not forgotten."""
    await conn.execute(STAY, actor_id)


async def looks_after_any(conn: Connection, actor_id: int) -> bool:
    """Whether a community would be without this moderator or owner."""
    return bool(await conn.fetchval(LOOKS_AFTER, actor_id))


async def forget(conn: Connection, actor_id: int) -> None:
    """Nothing tells any more who somebody went on as, who is gone by now, or who was told of it."""
    await conn.execute(FORGET, actor_id)


async def note_hosts(conn: Connection, actor_id: int, hosts: list[str]) -> None:
    """These servers hear of a move, so that they hear of the end of the account too."""
    await conn.execute(NOTE_HOSTS, actor_id, hosts)


async def read_moved_unfiltered(conn: Connection, actor_id: int) -> MovedAway | None:
    """Whether and when an account moved."""
    return await fetch_one(conn, MovedAway, READ_MOVED, actor_id)


async def set_names(conn: Connection, actor_id: int, uris: list[str]) -> None:
    """Other accounts that somebody of this server says to be too."""
    await conn.execute(SET_NAMES, actor_id, uris)


async def list_hosts_unfiltered(conn: Connection, actor_id: int, new_id: int) -> list[str]:
    """Servers that have met this person under their own name, and that of the new account."""
    return [row["host"] for row in await conn.fetch(LIST_HOSTS, actor_id, new_id)]


async def list_standings_unfiltered(conn: Connection, actor_id: int) -> list[Standing]:
    """All communities of this server to which somebody is anything."""
    return await fetch_all(conn, Standing, LIST_STANDINGS, actor_id)


async def list_left_unfiltered(conn: Connection, actor_id: int) -> set[int]:
    """The communities that somebody left by moving, and not otherwise."""
    return {row["community_id"] for row in await conn.fetch(LIST_LEFT, actor_id)}


async def carry(
    conn: Connection, community_id: int, old_id: int, new_id: int, state: str, now: datetime
) -> None:
    """Give the new account this standing, with what stops the old one from posting."""
    await conn.execute(CARRY, community_id, old_id, new_id, state, now)


async def carry_blocks(conn: Connection, old_id: int, new_id: int, now: datetime) -> None:
    """Whoever did not want to meet the old account does not want to meet the new one."""
    await conn.execute(CARRY_BLOCKS, old_id, new_id, now)
