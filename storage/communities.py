"""Communities: their name cards, their answers to the plain questions, the servers they name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

COLUMNS = """c.actor_id as id, a.uri, a.host, a.is_local, a.name, a.display_name as title,
  a.url, c.readers,
  c.travels, c.listed, c.indexed, c.joining, c.description_source, c.description_html,
  c.questions, c.rules_version, c.condition, a.inbox, a.shared_inbox, a.followers"""


@dataclass(frozen=True, slots=True)
class Community:
    id: int
    uri: str
    host: str
    is_local: bool
    name: str
    title: str
    url: str | None
    readers: str
    travels: str
    listed: bool
    indexed: bool
    joining: str
    description_source: str
    description_html: str
    questions: list[str]
    rules_version: int
    condition: str | None
    inbox: str
    shared_inbox: str | None
    followers: str | None


@dataclass(frozen=True, slots=True)
class CommunityView(Community):
    """A name card with the viewer's own standing. A closed community shows no number outside."""

    can_read: bool
    my_state: str | None
    my_role: str | None
    my_stopped_until: datetime | None
    member_band: int


@dataclass(frozen=True, slots=True)
class RemoteCommunity:
    """What another server says of its community, in our words."""

    id: int
    readers: str
    travels: str
    listed: bool
    joining: str
    description_html: str
    condition: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What members agree to. Version 0 is that there are none yet."""

    source: str
    html: str
    version: int


READ = f"""
select {COLUMNS}
from visible_communities($1::bigint, $2::text) c
join actors a on a.id = c.actor_id
where lower(a.name) = lower($3) and a.is_local
"""

READ_ELSEWHERE = f"""
select {COLUMNS}
from visible_communities($1::bigint, $2::text) c
join actors a on a.id = c.actor_id
where a.host = lower($4) and lower(a.name) = lower($3) and not a.is_local
"""


async def read_community(
    conn: Connection, viewer: Viewer, name: str, host: str | None = None
) -> Community | None:
    """The name card of a community here (`host` None) or elsewhere."""
    if host is None:
        return await fetch_one(conn, Community, READ, viewer.actor_id, viewer.host, name)
    return await fetch_one(
        conn, Community, READ_ELSEWHERE, viewer.actor_id, viewer.host, name, host
    )


READ_BY_ID = f"""
select {COLUMNS}
from visible_communities($1::bigint, $2::text) c
join actors a on a.id = c.actor_id
where c.actor_id = $3
"""


async def read_community_by_id(
    conn: Connection, viewer: Viewer, community_id: int
) -> Community | None:
    return await fetch_one(conn, Community, READ_BY_ID, viewer.actor_id, viewer.host, community_id)


READ_MANY = f"""
select {COLUMNS}
from visible_communities($1::bigint, $2::text) c
join actors a on a.id = c.actor_id
where c.actor_id = any($3::bigint[])
"""


async def read_communities(
    conn: Connection, viewer: Viewer, community_ids: list[int]
) -> list[Community]:
    """The name cards of these communities, as far as the viewer may know of them."""
    return await fetch_all(conn, Community, READ_MANY, viewer.actor_id, viewer.host, community_ids)


READ_UNFILTERED = f"""
select {COLUMNS}
from communities c
join actors a on a.id = c.actor_id
where c.actor_id = $1
"""


async def read_unfiltered(conn: Connection, community_id: int) -> Community | None:
    return await fetch_one(conn, Community, READ_UNFILTERED, community_id)


READ_VIEW = f"""
select {COLUMNS}, r.can_read, m.state as my_state, m.role as my_role,
  greatest(m.stopped_until, (
    select max(s.stopped_until) from aliases l
    join memberships s on s.actor_id = l.actor_id and s.community_id = c.actor_id
    where l.owner_id = $1)) as my_stopped_until,
  case when r.can_read then (select b from member_bands(c.actor_id) as b) else 0 end as member_band
from visible_communities($1::bigint, $2::text) c
join actors a on a.id = c.actor_id
left join memberships m on m.community_id = c.actor_id and m.actor_id = $1
cross join lateral (
  select exists (
    select 1 from readable_communities($1::bigint, $2::text) r where r.actor_id = c.actor_id
  ) as can_read
  offset 0) r
where c.actor_id = $3
"""


async def read_view(conn: Connection, viewer: Viewer, community_id: int) -> CommunityView | None:
    """The name card with what this viewer is to the community."""
    return await fetch_one(
        conn, CommunityView, READ_VIEW, viewer.actor_id, viewer.host, community_id
    )


LIST = f"""
select {COLUMNS}
from visible_communities($1::bigint, $2::text) c
join actors a on a.id = c.actor_id
where a.is_local and a.kind = 'community' and lower(a.name) > lower($3)
order by lower(a.name)
limit $4
"""


async def list_communities(
    conn: Connection, viewer: Viewer, *, after: str = "", limit: int
) -> list[Community]:
    """Communities of this server by name.

    Those of other servers are left out: that one is known here at all would tell that somebody
    here joined it.
    """
    return await fetch_all(conn, Community, LIST, viewer.actor_id, viewer.host, after, limit)


LIST_MINE = f"""
select {COLUMNS}
from memberships m
join visible_communities($1::bigint, $2::text) c on c.actor_id = m.community_id
join actors a on a.id = c.actor_id
where m.actor_id = $1 and m.state = 'accepted'
order by lower(a.display_name), a.id
limit 500
"""


async def list_my_communities(conn: Connection, viewer: Viewer) -> list[Community]:
    """Where the viewer is an accepted member, here and elsewhere."""
    return await fetch_all(conn, Community, LIST_MINE, viewer.actor_id, viewer.host)


LIST_HOSTS = "select host from community_hosts where community_id = $1 order by host"


async def list_hosts(conn: Connection, community_id: int) -> list[str]:
    """The servers that the community names."""
    return [record[0] for record in await conn.fetch(LIST_HOSTS, community_id)]


COUNT_BAND = """
select (select b from member_bands(c.actor_id) as b)
from visible_communities($1::bigint, $2::text) c
join readable_communities($1::bigint, $2::text) r on r.actor_id = c.actor_id
where c.actor_id = $3
"""


async def count_members_band(conn: Connection, viewer: Viewer, community_id: int) -> int:
    """The lower bound of the band (0, 10, 20, 50, 100, …) that the number of members falls in."""
    return await conn.fetchval(COUNT_BAND, viewer.actor_id, viewer.host, community_id) or 0


INSERT = """
insert into communities (actor_id, readers, travels, listed, indexed, joining, description_source,
  description_html, questions, condition, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


async def insert(conn: Connection, community: Community, now: datetime) -> None:
    """Store the answers of a community whose actor is stored already."""
    await conn.execute(
        INSERT,
        community.id,
        community.readers,
        community.travels,
        community.listed,
        community.indexed,
        community.joining,
        community.description_source,
        community.description_html,
        community.questions,
        community.condition,
        now,
    )


READ_RULES = """
select c.rules_source as source, c.rules_html as html, c.rules_version as version
from visible_communities($1::bigint, $2::text) c
where c.actor_id = $3
"""


async def read_rules(conn: Connection, viewer: Viewer, community_id: int) -> Rules | None:
    """The rules, for whoever may see the name card: they are read before joining."""
    return await fetch_one(conn, Rules, READ_RULES, viewer.actor_id, viewer.host, community_id)


READ_RULES_UNFILTERED = """
select c.rules_source as source, c.rules_html as html, c.rules_version as version
from communities c
where c.actor_id = $1
"""


async def read_rules_unfiltered(conn: Connection, community_id: int) -> Rules | None:
    """The rules for whoever holds an invitation, which the caller has checked."""
    return await fetch_one(conn, Rules, READ_RULES_UNFILTERED, community_id)


SET_RULES = """
update communities
set rules_source = $2, rules_html = $3, rules_version = rules_version + 1
where actor_id = $1
returning rules_version
"""


async def set_rules(conn: Connection, community_id: int, source: str, html: str) -> int:
    """Put other rules in place of those that stand; the number of their version."""
    return int(await conn.fetchval(SET_RULES, community_id, source, html) or 0)


SET_QUESTIONS = "update communities set questions = $2 where actor_id = $1"


async def set_questions(conn: Connection, community_id: int, questions: list[str]) -> None:
    """What people are asked from now on when they ask to join."""
    await conn.execute(SET_QUESTIONS, community_id, questions)


UPSERT_REMOTE = """
insert into communities as c (actor_id, readers, travels, listed, indexed, joining,
  description_html, condition, created_at)
select a.id, $2, $3, $4, false, $5, $6, $7, $8
from actors a
where a.id = $1 and not a.is_local and a.kind = 'community'
on conflict (actor_id) do update
set readers = excluded.readers, travels = excluded.travels, listed = excluded.listed,
  joining = excluded.joining, description_html = excluded.description_html,
  condition = excluded.condition
"""


async def upsert_remote(conn: Connection, community: RemoteCommunity, now: datetime) -> None:
    """Store or refresh what another server answered for its community."""
    await conn.execute(
        UPSERT_REMOTE,
        community.id,
        community.readers,
        community.travels,
        community.listed,
        community.joining,
        community.description_html,
        community.condition,
        now,
    )


DROP_HOSTS = """
delete from community_hosts where community_id = $1 and host <> all($2::text[])
"""

ADD_HOSTS = """
insert into community_hosts (community_id, host)
select $1::bigint, host from unnest($2::text[]) as host
on conflict do nothing
"""


async def set_hosts(conn: Connection, community_id: int, hosts: list[str]) -> None:
    """Name exactly these servers."""
    await conn.execute(DROP_HOSTS, community_id, hosts)
    await conn.execute(ADD_HOSTS, community_id, hosts)
