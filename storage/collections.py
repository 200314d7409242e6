"""What collections at the ActivityPub door list, each through the read rule."""

from __future__ import annotations

from dataclasses import dataclass

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

READ_CONVERSATION = """
select p.thread_id, c.id as community_id, c.uri as community_uri, p.audience = 'public' as is_public
from visible_posts($1::bigint, $2::text) p
join actors c on c.id = p.community_id and c.is_local
where p.thread_id = $3 and p.kind <> 'boost'
limit 1
"""

LIST_CONVERSATION = """
select p.id, p.uri
from visible_posts($1::bigint, $2::text) p
where p.thread_id = $3 and p.kind <> 'boost' and p.id > $4
order by p.id
limit $5
"""

LIST_REPLIES = """
select p.id, p.uri
from visible_posts($1::bigint, $2::text) p
where p.parent_id = $3 and p.kind = 'reply' and p.id > $4
order by p.id
limit $5
"""

FIND_ERASED = """
select p.uri, p.type, p.audience = 'public' as is_public
from posts p
where p.id = $3 and p.is_local and p.state = 'erased'
  and reads_community(p.community_id, $1::bigint, $2::text)
"""

LIST_MODERATORS = """
select a.uri
from memberships m
join actors a on a.id = m.actor_id and a.state = 'live'
where m.community_id = $3 and m.state = 'accepted' and m.role in ('moderator', 'owner')
  and reads_community($3::bigint, $1::bigint, $2::text)
order by a.id
limit 100
"""

COUNT_PEOPLE = "select count(*) from accounts where state = 'open'"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread in a community of this server, and that community."""

    thread_id: int
    community_id: int
    community_uri: str
    is_public: bool


@dataclass(frozen=True, slots=True)
class Erased:
    uri: str
    type: str
    is_public: bool


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    uri: str


async def read_conversation(
    conn: Connection, viewer: Viewer, thread_id: int
) -> Conversation | None:
    """None unless the viewer may see some post of the thread."""
    return await fetch_one(
        conn, Conversation, READ_CONVERSATION, viewer.actor_id, viewer.host, thread_id
    )


async def list_conversation(
    conn: Connection, viewer: Viewer, thread_id: int, *, after: int, limit: int
) -> list[Entry]:
    """A thread and all its replies as they came."""
    return await fetch_all(
        conn, Entry, LIST_CONVERSATION, viewer.actor_id, viewer.host, thread_id, after, limit
    )


async def list_replies(
    conn: Connection, viewer: Viewer, post_id: int, *, after: int, limit: int
) -> list[Entry]:
    """Direct replies to a post as they came."""
    return await fetch_all(
        conn, Entry, LIST_REPLIES, viewer.actor_id, viewer.host, post_id, after, limit
    )


async def find_erased(conn: Connection, viewer: Viewer, post_id: int) -> Erased | None:
    """What is left of a post of this server that its author erased, for those who could read it."""
    return await fetch_one(conn, Erased, FIND_ERASED, viewer.actor_id, viewer.host, post_id)


async def list_moderators(conn: Connection, viewer: Viewer, community_id: int) -> list[str]:
    """Who looks after a community, for those who may read it."""
    rows = await conn.fetch(LIST_MODERATORS, viewer.actor_id, viewer.host, community_id)
    return [row["uri"] for row in rows]


async def count_people(conn: Connection) -> int:
    """How many people have an account here. Shown to others only as a band."""
    return int(await conn.fetchval(COUNT_PEOPLE) or 0)
