"""Standing of an actor in a community, wherever either lives.

Rules and workers read single rows here; the lists are for the community's moderators only, since
to be a member of a condition's community is health information.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

COLUMNS = """m.community_id, m.actor_id, m.state, m.role, m.answers, m.follow_uri, m.follow_body,
  m.stopped_until, m.stopped_reason, m.reason, m.decided_at, m.rules_version, m.label,
  m.shows_label, m.role_until"""

LINE_COLUMNS = """m.actor_id, a.name, a.host, a.is_local, a.display_name, m.state, m.role,
  m.answers, m.reason, m.decided_at, m.stopped_until, m.stopped_reason, m.role_until,
  m.changed_at"""


@dataclass(frozen=True, slots=True)
class Membership:
    community_id: int
    actor_id: int
    state: str
    role: str
    answers: list[str]
    follow_uri: str | None
    follow_body: str | None
    stopped_until: datetime | None
    stopped_reason: str
    reason: str = ""
    decided_at: datetime | None = None
    rules_version: int = 0
    label: str | None = None
    shows_label: bool = False
    role_until: datetime | None = None


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
    answers: list[str]
    reason: str
    decided_at: datetime | None
    stopped_until: datetime | None
    stopped_reason: str
    role_until: datetime | None
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
insert into memberships as m (community_id, actor_id, state, role, answers, follow_uri, follow_body,
  changed_at, joined_at, rules_version)
values ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz,
  case when $3::text = 'accepted' then $8::timestamptz end, $10)
on conflict (community_id, actor_id) do update
set state = excluded.state, role = excluded.role, role_until = null, answers = excluded.answers,
  follow_uri = excluded.follow_uri, follow_body = excluded.follow_body,
  changed_at = excluded.changed_at, joined_at = coalesce(m.joined_at, excluded.joined_at),
  reason = case when excluded.state = 'asked' then m.reason else '' end,
  rules_version = greatest(m.rules_version, excluded.rules_version)
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

    What stops somebody from posting outlives leaving and coming back; why they were not accepted
    before stays for the moderator who reads that they ask again.
    """
    return await fetch_one(
        conn,
        Membership,
        ENTER,
        membership.community_id,
        membership.actor_id,
        membership.state,
        membership.role,
        membership.answers,
        membership.follow_uri,
        membership.follow_body,
        now,
        list(unless),
        membership.rules_version,
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
  role_until = case when $3 = 'accepted' then m.role_until end,
  label = case when $3 = 'accepted' then m.label end,
  shows_label = $3 = 'accepted' and m.shows_label,
  answers = case when $3 = 'left' then '{{}}' else m.answers end,
  reason = $6, decided_at = case when $3 = 'left' then m.decided_at else $5::timestamptz end,
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
    reason: str = "",
) -> Membership | None:
    """Move a standing from one of the states in `when`; None when it is in none of them.

    Who is no member any more keeps neither label nor role; who leaves, no answers either.
    """
    return await fetch_one(
        conn, Membership, CHANGE_STATE, community_id, actor_id, state, list(when), now, reason
    )


END_ALL = """
update memberships
set state = 'left', role = 'member', role_until = null, answers = '{}', reason = '', label = null,
  shows_label = false, follow_uri = null, follow_body = null, changed_at = $2
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


STOP_NAME = """
insert into memberships (community_id, actor_id, state, stopped_until, stopped_reason)
values ($1, $2, 'left', $3, $4)
on conflict (community_id, actor_id)
do update set stopped_until = excluded.stopped_until, stopped_reason = excluded.stopped_reason
"""


async def stop_name(
    conn: Connection, community_id: int, alias_id: int, until: datetime | None, reason: str
) -> None:
    """The same for a name for one thread, in a row of its own: none says whose it is."""
    await conn.execute(STOP_NAME, community_id, alias_id, until, reason)


IS_STOPPED_NAME = """
select exists (
  select 1 from aliases l
  join memberships m on m.actor_id = l.actor_id and m.community_id = $1
  where l.owner_id = $2 and m.stopped_until > $3)
"""


async def is_stopped_under_a_name(
    conn: Connection, community_id: int, actor_id: int, now: datetime
) -> bool:
    """Whether a moderator stopped this person there by one of their names for one thread."""
    return bool(await conn.fetchval(IS_STOPPED_NAME, community_id, actor_id, now))


IS_ANY_NAME_STOPPED = """
select exists (
  select 1 from aliases l
  join memberships m on m.actor_id = l.actor_id
  where l.owner_id = $1 and m.stopped_until > $2)
"""


async def is_any_name_stopped(conn: Connection, actor_id: int, now: datetime) -> bool:
    """Whether this person is stopped anywhere by one of their names for one thread."""
    return bool(await conn.fetchval(IS_ANY_NAME_STOPPED, actor_id, now))


ACCEPT_RULES = """
update memberships set rules_version = $3
where community_id = $1 and actor_id = $2 and rules_version < $3
"""


async def accept_rules(conn: Connection, community_id: int, actor_id: int, version: int) -> None:
    """The member agrees to the rules of that version."""
    await conn.execute(ACCEPT_RULES, community_id, actor_id, version)


DROP_ANSWERS = """
update memberships as m set answers = '{}'
where (m.community_id, m.actor_id) in (
  select o.community_id, o.actor_id from memberships o
  where o.decided_at < $1 and o.answers <> '{}' and o.state <> 'asked'
  order by o.decided_at
  limit $2
  for update skip locked)
"""


async def drop_answers(conn: Connection, decided_before: datetime, limit: int) -> int:
    """Erase what people answered when they asked, once that was decided long enough ago."""
    return int((await conn.execute(DROP_ANSWERS, decided_before, limit)).rpartition(" ")[2])


COUNT_OWNERS = """
select count(*) from (
  select 1 from memberships
  where community_id = $1 and state = 'accepted' and role = 'owner'
  for update) as owners
"""


async def count_owners(conn: Connection, community_id: int) -> int:
    """How many owners there are; they stay so until the transaction ends."""
    return int(await conn.fetchval(COUNT_OWNERS, community_id) or 0)


HAS_ROLE = """
select exists (
  select 1 from memberships
  where actor_id = $1 and state = 'accepted' and role in ('moderator', 'owner', 'professional'))
"""


async def has_role(conn: Connection, actor_id: int) -> bool:
    """Whether somebody is more than a member anywhere."""
    return bool(await conn.fetchval(HAS_ROLE, actor_id))


HAS_LOCAL = """
select exists (
  select 1 from memberships m
  join actors a on a.id = m.actor_id and a.is_local
  where m.community_id = $1 and m.state = 'accepted')
"""


async def has_local(conn: Connection, community_id: int) -> bool:
    """Whether anybody of this server is an accepted member."""
    return bool(await conn.fetchval(HAS_LOCAL, community_id))


LIST_ASKED = f"""
select {LINE_COLUMNS}
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


LIST_MEMBERS = f"""
select {LINE_COLUMNS}
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


LIST_REFUSED = f"""
select {LINE_COLUMNS}
from memberships m
join actors a on a.id = m.actor_id and a.state = 'live'
where m.community_id = $2 and m.state = 'refused'
  and moderates($2, $1)
order by m.changed_at desc, m.actor_id
limit $3
"""


async def list_refused(
    conn: Connection, viewer: Viewer, community_id: int, *, limit: int = 200
) -> list[MemberLine]:
    """Who was not accepted or taken out, the latest first. Empty for anybody but moderators."""
    return await fetch_all(conn, MemberLine, LIST_REFUSED, viewer.actor_id, community_id, limit)


LIST_STOPPED = f"""
select {LINE_COLUMNS}
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
