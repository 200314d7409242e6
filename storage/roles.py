"""Who is more than a member of a community, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one
from storage.memberships import LINE_COLUMNS, MemberLine


@dataclass(frozen=True, slots=True)
class Ended:
    """A role that had its time."""

    community_id: int
    actor_id: int


SET_ROLE = """
update memberships set role = $3, role_until = $4
where community_id = $1 and actor_id = $2 and state = 'accepted'
"""


async def set_role(
    conn: Connection, community_id: int, actor_id: int, role: str, until: datetime | None = None
) -> None:
    """What a member is from now on; `until` for a role that ends by itself."""
    await conn.execute(SET_ROLE, community_id, actor_id, role, until)


END_ROLES = """
update memberships as m set role = 'member', role_until = null
where (m.community_id, m.actor_id) in (
  select e.community_id, e.actor_id from memberships e
  where e.role_until is not null and e.role_until <= $1
  order by e.role_until
  limit $2
  for update skip locked)
returning m.community_id, m.actor_id
"""


async def end_roles(conn: Connection, now: datetime, limit: int) -> list[Ended]:
    """End the roles whose time is over, and say whose they were."""
    return await fetch_all(conn, Ended, END_ROLES, now, limit)


LIST_ROLES = f"""
select {LINE_COLUMNS}
from memberships m
join actors a on a.id = m.actor_id
where m.community_id = $2 and m.state = 'accepted' and m.role <> 'member'
  and moderates($2, $1)
order by m.role, lower(a.name), a.id
limit $3
"""


async def list_roles(
    conn: Connection, viewer: Viewer, community_id: int, *, limit: int = 100
) -> list[MemberLine]:
    """Who is more than a member: owners, moderators, invited professionals. For moderators."""
    return await fetch_all(conn, MemberLine, LIST_ROLES, viewer.actor_id, community_id, limit)


FIND_MEMBER = f"""
select {LINE_COLUMNS}
from memberships m
join actors a on a.id = m.actor_id and a.state = 'live'
where m.community_id = $2 and m.state = 'accepted' and a.is_local and lower(a.name) = lower($3)
  and moderates($2, $1)
"""


async def find_member(
    conn: Connection, viewer: Viewer, community_id: int, name: str
) -> MemberLine | None:
    """The member of this server with that name; None for anybody but moderators."""
    return await fetch_one(conn, MemberLine, FIND_MEMBER, viewer.actor_id, community_id, name)
