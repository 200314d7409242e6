"""Standing of an actor in a community, wherever either lives.

Rules and workers read single rows here; the lists are for the community's moderators only, since
to be a member of a condition's community is health information.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

COLUMNS = """m.community_id, m.actor_id, m.state, m.role, m.answer, m.follow_uri, m.follow_body,
  m.stopped_until, m.stopped_reason"""


@dataclass(frozen=True, slots=True)
class Membership:
    community_id: int
    actor_id: int
    state: str
    role: str
    answer: str
    follow_uri: str | None
    follow_body: str | None
    stopped_until: datetime | None
    stopped_reason: str


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A person in a moderator's list."""

    actor_id: int
    name: str
    host: str
    is_local: bool
    display_name: str
    state: str
    role: str
    answer: str
    stopped_until: datetime | None
    stopped_reason: str
    changed_at: datetime


READ = f"""
select {COLUMNS} from memberships m where m.community_id = $1 and m.actor_id = $2
"""


async def read_membership(conn: Connection, community_id: int, actor_id: int) -> Membership | None:
    return await fetch_one(conn, Membership, READ, community_id, actor_id)


READ_BY_FOLLOW_URI = f"""
select {COLUMNS} from memberships m where m.follow_uri = $1 order by m.changed_at desc limit 1
"""


async def read_by_follow_uri(conn: Connection, follow_uri: str) -> Membership | None:
    return await fetch_one(conn, Membership, READ_BY_FOLLOW_URI, follow_uri)


ENTER = f"""
insert into memberships as m (community_id, actor_id, state, role, answer, follow_uri, follow_body,
  changed_at, joined_at)
values ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz,
  case when $3::text = 'accepted' then $8::timestamptz end)
on conflict (community_id, actor_id) do update
set state = excluded.state, role = excluded.role, answer = excluded.answer,
  follow_uri = excluded.follow_uri, follow_body = excluded.follow_body,
  changed_at = excluded.changed_at, joined_at = coalesce(m.joined_at, excluded.joined_at)
where m.state <> all($9::text[])
returning {COLUMNS}
"""


async def enter(
    conn: Connection,
    membership: Membership,
    now: datetime,
    *,
    unless: tuple[str, ...],
) -> Membership | None:
    """Write a standing, unless one of these states stands already: then None.

    What stops somebody from posting outlives leaving and coming back.
    """
    return await fetch_one(
        conn,
        Membership,
        ENTER,
        membership.community_id,
        membership.actor_id,
        membership.state,
        membership.role,
        membership.answer,
        membership.follow_uri,
        membership.follow_body,
        now,
        list(unless),
    )


KEEP_FOLLOW = f"""
update memberships as m set follow_uri = $3, follow_body = $4
where m.community_id = $1 and m.actor_id = $2
returning {COLUMNS}
"""


async def keep_follow(
    conn: Connection, community_id: int, actor_id: int, follow_uri: str | None, follow_body: str
) -> Membership | None:
    """Remember the latest Follow: an answer must embed that one."""
    return await fetch_one(
        conn, Membership, KEEP_FOLLOW, community_id, actor_id, follow_uri, follow_body
    )


CHANGE_STATE = f"""
update memberships as m
set state = $3, role = case when $3 = 'accepted' then m.role else 'member' end,
  changed_at = $5::timestamptz,
  joined_at = case when $3 = 'accepted' then coalesce(m.joined_at, $5::timestamptz)
    else m.joined_at end
where m.community_id = $1 and m.actor_id = $2 and m.state = any($4::text[])
returning {COLUMNS}
"""


async def change_state(
    conn: Connection,
    community_id: int,
    actor_id: int,
    state: str,
    now: datetime,
    *,
    when: tuple[str, ...],
) -> Membership | None:
    """Move a standing from one of the states in `when`; None when it is in none of them."""
    return await fetch_one(
        conn, Membership, CHANGE_STATE, community_id, actor_id, state, list(when), now
    )


END_ALL = """
update memberships
set state = 'left', role = 'member', answer = '', follow_uri = null, follow_body = null,
  changed_at = $2
where actor_id = $1 and state in ('asked', 'accepted')
"""


async def end_all(conn: Connection, actor_id: int, now: datetime) -> None:
    """The person is gone, and so is what they asked and where they were."""
    await conn.execute(END_ALL, actor_id, now)


SET_STOP = """
update memberships set stopped_until = $3, stopped_reason = $4
where community_id = $1 and actor_id = $2
"""


async def set_stop(
    conn: Connection, community_id: int, actor_id: int, until: datetime | None, reason: str
) -> None:
    """Until when the actor cannot post there; None lets them again."""
    await conn.execute(SET_STOP, community_id, actor_id, until, reason)


SET_ROLE = """
update memberships set role = $3
where community_id = $1 and actor_id = $2 and state = 'accepted'
"""


async def set_role(conn: Connection, community_id: int, actor_id: int, role: str) -> None:
    await conn.execute(SET_ROLE, community_id, actor_id, role)


COUNT_OWNERS = """
select count(*) from (
  select 1 from memberships
  where community_id = $1 and state = 'accepted' and role = 'owner'
  for update) as owners
"""


async def count_owners(conn: Connection, community_id: int) -> int:
    """How many owners there are; they stay so until the transaction ends."""
    return int(await conn.fetchval(COUNT_OWNERS, community_id) or 0)


HAS_LOCAL = """
select exists (
  select 1 from memberships m
  join actors a on a.id = m.actor_id and a.is_local
  where m.community_id = $1 and m.state = 'accepted')
"""


async def has_local(conn: Connection, community_id: int) -> bool:
    """Whether anybody of this server is an accepted member."""
    return bool(await conn.fetchval(HAS_LOCAL, community_id))


LIST_ASKED = """
select m.actor_id, a.name, a.host, a.is_local, a.display_name, m.state, m.role, m.answer,
  m.stopped_until, m.stopped_reason, m.changed_at
from memberships m
join actors a on a.id = m.actor_id and a.state = 'live'
where m.community_id = $2 and m.state = 'asked'
  and moderates($2, $1)
  and ($3::timestamptz is null or (m.changed_at, m.actor_id) > ($3, $4::bigint))
order by m.changed_at, m.actor_id
limit $5
"""


async def list_asked(
    conn: Connection,
    viewer: Viewer,
    community_id: int,
    *,
    after: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> list[MemberLine]:
    """Who asks to join, longest wait first. Empty for anybody but moderators."""
    at, actor_id = after or (None, None)
    return await fetch_all(
        conn, MemberLine, LIST_ASKED, viewer.actor_id, community_id, at, actor_id, limit
    )


LIST_MEMBERS = """
select m.actor_id, a.name, a.host, a.is_local, a.display_name, m.state, m.role, m.answer,
  m.stopped_until, m.stopped_reason, m.changed_at
from memberships m
join actors a on a.id = m.actor_id
where m.community_id = $2 and m.state = 'accepted'
  and moderates($2, $1)
  and m.actor_id > $3
order by m.actor_id
limit $4
"""


async def list_members(
    conn: Connection, viewer: Viewer, community_id: int, *, after: int = 0, limit: int = 50
) -> list[MemberLine]:
    """The accepted members. Empty for anybody but moderators."""
    return await fetch_all(
        conn, MemberLine, LIST_MEMBERS, viewer.actor_id, community_id, after, limit
    )


LIST_STOPPED = """
select m.actor_id, a.name, a.host, a.is_local, a.display_name, m.state, m.role, m.answer,
  m.stopped_until, m.stopped_reason, m.changed_at
from memberships m
join actors a on a.id = m.actor_id
where m.community_id = $2 and m.stopped_until > $3
  and moderates($2, $1)
order by m.stopped_until, m.actor_id
limit $4
"""


async def list_stopped(
    conn: Connection, viewer: Viewer, community_id: int, now: datetime, *, limit: int = 200
) -> list[MemberLine]:
    """Who cannot post for now. Empty for anybody but moderators."""
    return await fetch_all(
        conn, MemberLine, LIST_STOPPED, viewer.actor_id, community_id, now, limit
    )
