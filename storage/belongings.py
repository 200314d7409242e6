"""What belongs to one person, for that person alone: all of it is read for a copy to take along.

Every statement takes the viewer and gives only what is theirs. What others wrote is never in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all
from storage.threads import COLUMNS, Post


@dataclass(frozen=True, slots=True)
class OwnMembership:
    name: str
    host: str
    is_local: bool
    title: str
    state: str
    role: str
    joined_at: datetime | None
    changed_at: datetime
    answers: list[str]
    label: str | None


@dataclass(frozen=True, slots=True)
class OwnReading:
    """A public community elsewhere where the viewer only reads along."""

    name: str
    host: str
    title: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OwnConsent:
    purpose: str
    community: str | None
    version: int
    locale: str
    given_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnPerson:
    """Somebody whom the viewer blocks or mutes."""

    name: str
    host: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class OwnHost:
    host: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class OwnWord:
    kind: str
    word: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class OwnMark:
    """A like, a reaction or a vote: on which post, what, when."""

    uri: str
    kind: str
    content: str
    at: datetime


READ_LOCALE = "select locale from accounts where actor_id = $1"


async def read_locale(conn: Connection, viewer: Viewer) -> str | None:
    """The language of the viewer's pages; None for who has no account here any more."""
    locale: str | None = await conn.fetchval(READ_LOCALE, viewer.actor_id)
    return locale


COUNT_POSTS = """
select count(*) from posts p
where p.author_id = any(array(
    select $1::bigint union all select l.actor_id from aliases l where l.owner_id = $1))
  and p.state <> 'erased' and p.kind <> 'boost'
  and (p.audience <> 'direct' or exists (
    select 1 from conversation_people c
    where c.thread_id = p.thread_id and c.actor_id = $1 and c.state <> 'left'))
"""


async def count_posts(conn: Connection, viewer: Viewer) -> int:
    return int(await conn.fetchval(COUNT_POSTS, viewer.actor_id) or 0)


LIST_POSTS = f"""
select {COLUMNS}
from posts p
where p.author_id = any(array(
    select $1::bigint union all select l.actor_id from aliases l where l.owner_id = $1))
  and p.state <> 'erased' and p.kind <> 'boost' and p.id > $2
  and (p.audience <> 'direct' or exists (
    select 1 from conversation_people c
    where c.thread_id = p.thread_id and c.actor_id = $1 and c.state <> 'left'))
order by p.id
limit $3
"""


async def list_posts(
    conn: Connection, viewer: Viewer, *, after: int = 0, limit: int = 100
) -> list[Post]:
    """What the viewer wrote, oldest first: also what a moderator removed, and direct messages.

    Also under a name for one thread: `author_id` says which.
    """
    return await fetch_all(conn, Post, LIST_POSTS, viewer.actor_id, after, limit)


LIST_MEMBERSHIPS = """
select a.name, a.host, a.is_local, a.display_name as title, m.state, m.role, m.joined_at,
  m.changed_at, m.answers, m.label
from memberships m
join actors a on a.id = m.community_id
where m.actor_id = $1
order by m.changed_at, m.community_id
"""


async def list_memberships(conn: Connection, viewer: Viewer) -> list[OwnMembership]:
    return await fetch_all(conn, OwnMembership, LIST_MEMBERSHIPS, viewer.actor_id)


LIST_READING = """
select a.name, a.host, a.display_name as title, s.created_at as since
from subscriptions s
join actors a on a.id = s.community_id
where s.actor_id = $1
order by s.created_at, s.community_id
"""


async def list_reading(conn: Connection, viewer: Viewer) -> list[OwnReading]:
    return await fetch_all(conn, OwnReading, LIST_READING, viewer.actor_id)


LIST_CONSENTS = """
select c.purpose, a.name as community, c.version, c.locale, c.given_at, c.withdrawn_at
from consents c
left join actors a on a.id = c.community_id
where c.account_id = $1
order by c.id
"""


async def list_consents(conn: Connection, viewer: Viewer) -> list[OwnConsent]:
    return await fetch_all(conn, OwnConsent, LIST_CONSENTS, viewer.actor_id)


LIST_BLOCKED = """
select a.name, a.host, b.until
from blocks b
join actors a on a.id = b.blocked_id
where b.blocker_id = $1
order by a.id
"""


async def list_blocked(conn: Connection, viewer: Viewer) -> list[OwnPerson]:
    return await fetch_all(conn, OwnPerson, LIST_BLOCKED, viewer.actor_id)


LIST_MUTED = """
select a.name, a.host, m.until
from mutes m
join actors a on a.id = m.actor_id
where m.owner_id = $1 and m.kind = 'person'
order by m.id
"""


async def list_muted(conn: Connection, viewer: Viewer) -> list[OwnPerson]:
    return await fetch_all(conn, OwnPerson, LIST_MUTED, viewer.actor_id)


LIST_BLOCKED_HOSTS = """
select h.host, h.until from host_blocks h where h.blocker_id = $1 order by h.host
"""


async def list_blocked_hosts(conn: Connection, viewer: Viewer) -> list[OwnHost]:
    return await fetch_all(conn, OwnHost, LIST_BLOCKED_HOSTS, viewer.actor_id)


LIST_MUTED_WORDS = """
select m.kind, coalesce(m.word, m.host) as word, m.until
from mutes m
where m.owner_id = $1 and m.kind <> 'person'
order by m.id
"""


async def list_muted_words(conn: Connection, viewer: Viewer) -> list[OwnWord]:
    """Words, topics and servers."""
    return await fetch_all(conn, OwnWord, LIST_MUTED_WORDS, viewer.actor_id)


LIST_MARKS = """
select p.uri, r.kind, r.content, r.at
from reactions r
join posts p on p.id = r.post_id
where r.actor_id = $1
union all
select p.uri, 'vote', o.name, v.at
from poll_votes v
join poll_options o on o.post_id = v.post_id and o.position = v.position
join posts p on p.id = v.post_id
where v.actor_id = $1
order by 4
"""


async def list_marks(conn: Connection, viewer: Viewer) -> list[OwnMark]:
    """What the viewer liked and voted for."""
    return await fetch_all(conn, OwnMark, LIST_MARKS, viewer.actor_id)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a post of the viewer stands: what it answers, in which community, under which name."""

    post_id: int
    parent_uri: str | None
    community_uri: str | None
    community: str
    name: str


LIST_PLACES = """
select p.id as post_id, q.uri as parent_uri, a.uri as community_uri,
  coalesce(a.display_name, '') as community, w.name
from posts p
join actors w on w.id = p.author_id
left join posts q on q.id = p.parent_id
left join actors a on a.id = p.community_id
where p.author_id = any(array(
    select $1::bigint union all select l.actor_id from aliases l where l.owner_id = $1))
  and p.id = any($2::bigint[])
"""


async def list_places(conn: Connection, viewer: Viewer, post_ids: list[int]) -> list[Place]:
    return await fetch_all(conn, Place, LIST_PLACES, viewer.actor_id, post_ids)
