"""Who follows whom across two servers, for these two to compare (FEP-8fcf).

A server is told of its own people only, in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

CHECKED_AGAIN = timedelta(hours=1)

# XOR of the SHA-256 of each follower's id, as bits; all zero for nobody. From server to person to
# membership, each by its index: the planner is left no other way, since it often knows nothing yet
# of tables that have just been filled.
DIGESTS = """
select k.community_id, k.host,
  coalesce(f.digest, repeat('0', 256)::bit(256))::text as bits,
  f.number
from unnest($1::bigint[], $2::text[]) as k (community_id, host)
join actors c on c.id = k.community_id and c.is_local and c.kind = 'community'
cross join lateral (
  select count(*) as number,
    bit_xor(('x' || encode(sha256(convert_to(p.uri, 'UTF8')), 'hex'))::bit(256)) as digest
  from (
    select a.id, a.uri from actors a
    where a.host = k.host and not a.is_local and a.state = 'live'
    offset 0) p
  where (
    select m.state from memberships m
    where m.community_id = k.community_id and m.actor_id = p.id) = 'accepted'
  offset 0) f
"""

LIST_THERE = """
select a.uri
from actors a
join memberships m on m.community_id = $2 and m.actor_id = a.id and m.state = 'accepted'
where a.host = $1 and not a.is_local and a.state = 'live'
order by a.uri
"""

LIST_HERE = """
select m.actor_id, a.uri, m.state, m.follow_uri, m.changed_at
from memberships m
join actors a on a.id = m.actor_id and a.is_local and a.state = 'live'
where m.community_id = $1
order by m.actor_id
"""

HOLD_HERE = """
select m.actor_id, a.uri, m.state, m.follow_uri, m.changed_at
from memberships m
join actors a on a.id = m.actor_id and a.is_local and a.state = 'live'
where m.community_id = $1
order by m.actor_id
for update of m
"""

# A list that was asked for lately is not asked for again.
NOTE = """
insert into follower_checks as f (community_id, url, digest)
select a.id, $3, $4
from actors a
join communities c on c.actor_id = a.id
where a.id = $1 and not a.is_local and a.state = 'live' and a.followers = $2
on conflict (community_id) do update
set url = excluded.url, digest = excluded.digest, is_due = true
where f.checked_at is null or f.checked_at <= $5::timestamptz - $6::interval
"""

CLAIM = """
update follower_checks f set claimed_until = $1::timestamptz + $2::interval
from actors a
where f.community_id = (
    select w.community_id from follower_checks w
    where w.is_due and (w.claimed_until is null or w.claimed_until <= $1)
    order by w.community_id
    limit 1
    for update skip locked)
  and a.id = f.community_id
returning f.community_id, a.uri, a.host, f.url, f.digest
"""

FINISH = """
update follower_checks set is_due = false, claimed_until = null, checked_at = $2
where community_id = $1
"""


@dataclass(frozen=True, slots=True)
class HostDigest:
    """What `number` followers of a community on one server come to."""

    community_id: int
    host: str
    bits: str
    number: int


@dataclass(frozen=True, slots=True)
class Follower:
    """A person here, and what they are to a community elsewhere."""

    actor_id: int
    uri: str
    state: str
    follow_uri: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Check:
    """A community elsewhere whose list is to be compared; `digest` is what it says of its own."""

    community_id: int
    uri: str
    host: str
    url: str
    digest: str


async def read_digests_unfiltered(
    conn: Connection, community_ids: list[int], hosts: list[str]
) -> list[HostDigest]:
    """Of each local community the followers on one server; the lists go side by side."""
    return await fetch_all(conn, HostDigest, DIGESTS, community_ids, hosts)


async def list_there(conn: Connection, viewer: Viewer, community_id: int) -> list[str]:
    """The followers of a local community on the server that asks; nobody for any other viewer."""
    rows = await conn.fetch(LIST_THERE, viewer.host or "", community_id)
    return [row["uri"] for row in rows]


async def list_here_unfiltered(conn: Connection, community_id: int) -> list[Follower]:
    """Every person of this server that ever followed the community."""
    return await fetch_all(conn, Follower, LIST_HERE, community_id)


async def hold_here_unfiltered(conn: Connection, community_id: int) -> list[Follower]:
    """The same; they stay what they are until the transaction ends."""
    return await fetch_all(conn, Follower, HOLD_HERE, community_id)


async def note(
    conn: Connection, community_id: int, followers: str, url: str, digest: str, now: datetime
) -> None:
    """A community elsewhere says what its followers here come to, if that is its collection."""
    await conn.execute(NOTE, community_id, followers, url, digest, now, CHECKED_AGAIN)


async def claim(conn: Connection, now: datetime, lease: timedelta) -> Check | None:
    return await fetch_one(conn, Check, CLAIM, now, lease)


async def finish(conn: Connection, community_id: int, checked_at: datetime | None) -> None:
    """Compared; `checked_at` is None when its list did not have to be asked for."""
    await conn.execute(FINISH, community_id, checked_at)
