"""Threads and replies, read through the read rule.

`path` is the chain of ids from the thread to a post, so that ordering by it gives the tree in
reading order. What was erased or removed simply does not come; a page sees from `path` that an
ancestor is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one
from storage.ids import MAX_ID

COLUMNS = """p.id, p.uri, p.url, p.kind, p.author_id, p.community_id, p.thread_id, p.parent_id,
  p.path, p.audience, p.state, p.title, p.source, p.html, p.content_note, p.sensitive, p.language,
  p.is_local, p.published_at, p.edited_at, p.version, p.type, p.parts, p.about"""

LINE_COLUMNS = """p.id, p.title, a.name as author_name, a.host as author_host,
  a.is_local as author_is_local, a.display_name as author_display, p.published_at, p.active_at,
  p.reply_count, p.content_note, p.community_id"""

# Where a first page begins: a bound that is always there keeps each list on its index.
PAST_ALL = (datetime(9999, 1, 1, tzinfo=UTC), MAX_ID)


@dataclass(frozen=True, slots=True)
class Post:
    id: int
    uri: str
    url: str | None
    kind: str
    author_id: int
    community_id: int | None
    thread_id: int
    parent_id: int | None
    path: list[int]
    audience: str
    state: str
    title: str
    source: str
    html: str
    content_note: str
    sensitive: bool
    language: str
    is_local: bool
    published_at: datetime
    edited_at: datetime | None
    version: int
    type: str
    parts: Any  # read with storage.parts.parts_of
    about: str = ""


@dataclass(frozen=True, slots=True)
class PostView:
    """A post as it stands in a thread's page."""

    id: int
    uri: str
    url: str | None
    kind: str
    author_id: int
    community_id: int | None
    thread_id: int
    parent_id: int | None
    path: list[int]
    title: str
    html: str
    content_note: str
    sensitive: bool
    language: str
    is_local: bool
    published_at: datetime
    edited_at: datetime | None
    version: int
    author_name: str
    author_host: str
    author_is_local: bool
    author_display: str
    author_url: str | None
    about: str = ""
    label: str | None = None
    professional_until: datetime | None = None
    is_alias: bool = False
    is_muted: bool = False
    parts: Any = None  # read with storage.parts.parts_of


@dataclass(frozen=True, slots=True)
class PostMark:
    """Everything that the look of a post in its thread depends on."""

    id: int
    version: int
    author_display: str
    community_id: int | None
    is_muted: bool = False


@dataclass(frozen=True, slots=True)
class ThreadLine:
    """A thread in a list."""

    id: int
    title: str
    author_name: str
    author_host: str
    author_is_local: bool
    author_display: str
    published_at: datetime
    active_at: datetime
    reply_count: int
    content_note: str
    community_id: int | None


@dataclass(frozen=True, slots=True)
class PageVersion:
    """What an anonymous page of a thread depends on."""

    version: int
    epoch: int


# The order by is for the planner: it takes the thread's index, and stops at the first post.
READ_PAGE_VERSION = """
select t.version, s.epoch
from posts t
cross join site s
cross join lateral (
  select p.id
  from visible_posts(null::bigint, null::text) p
  where p.thread_id = t.id and p.kind <> 'boost'
  order by p.path
  limit 1) first
where t.id = $1
"""


async def read_page_version(conn: Connection, thread_id: int) -> PageVersion | None:
    """The version of a thread's page as nobody in particular sees it; None when hidden."""
    return await fetch_one(conn, PageVersion, READ_PAGE_VERSION, thread_id)


READ = f"select {COLUMNS} from visible_posts($1::bigint, $2::text) p where p.id = $3"


async def read_post(conn: Connection, viewer: Viewer, post_id: int) -> Post | None:
    return await fetch_one(conn, Post, READ, viewer.actor_id, viewer.host, post_id)


READ_BY_URI = f"select {COLUMNS} from visible_posts($1::bigint, $2::text) p where p.uri = $3"


async def read_post_by_uri(conn: Connection, viewer: Viewer, uri: str) -> Post | None:
    return await fetch_one(conn, Post, READ_BY_URI, viewer.actor_id, viewer.host, uri)


READ_UNFILTERED = f"select {COLUMNS} from posts p where p.id = $1"


async def read_unfiltered(conn: Connection, post_id: int) -> Post | None:
    return await fetch_one(conn, Post, READ_UNFILTERED, post_id)


LIST_UNFILTERED = f"select {COLUMNS} from posts p where p.id = any($1::bigint[])"


async def list_unfiltered(conn: Connection, post_ids: list[int]) -> list[Post]:
    """These posts, in any state and in no order."""
    return await fetch_all(conn, Post, LIST_UNFILTERED, post_ids)


READ_BY_URI_UNFILTERED = f"select {COLUMNS} from posts p where p.uri = $1"


async def read_by_uri_unfiltered(conn: Connection, uri: str) -> Post | None:
    return await fetch_one(conn, Post, READ_BY_URI_UNFILTERED, uri)


READ_MODERATED = f"select {COLUMNS} from moderated_posts($1::bigint) p where p.id = $2"


async def read_moderated_post(conn: Connection, viewer: Viewer, post_id: int) -> Post | None:
    """A post that the viewer moderates, in any state but erased."""
    return await fetch_one(conn, Post, READ_MODERATED, viewer.actor_id, post_id)


READ_THREAD = """
select p.id, p.uri, p.url, p.kind, p.author_id, p.community_id, p.thread_id, p.parent_id, p.path,
  p.title, p.html, p.content_note, p.sensitive, p.language, p.is_local, p.published_at,
  p.edited_at, p.version, a.name as author_name, a.host as author_host,
  a.is_local as author_is_local, a.display_name as author_display, a.url as author_url, p.about,
  case when m.shows_label then m.label end as label,
  case when m.role = 'professional' then m.role_until end as professional_until,
  exists (select 1 from aliases l where l.actor_id = p.author_id) as is_alias,
  exists (
    select 1 from hidden_by_mutes(
      $1::bigint, p.author_id, p.title, p.content_note, p.html, p.parts)) as is_muted,
  p.parts
from visible_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
left join memberships m on m.community_id = p.community_id and m.actor_id = p.author_id
  and m.state = 'accepted'
where p.thread_id = $3 and p.kind <> 'boost' and p.path > $4::bigint[]
order by p.path
limit $5
"""


async def read_thread(
    conn: Connection, viewer: Viewer, thread_id: int, *, after: list[int] | None = None, limit: int
) -> list[PostView]:
    """A thread and its replies in tree order, from `after` (a path) on. Empty when hidden."""
    return await fetch_all(
        conn, PostView, READ_THREAD, viewer.actor_id, viewer.host, thread_id, after or [], limit
    )


LIST_MARKS = """
select p.id, p.version, a.display_name as author_display, p.community_id,
  exists (
    select 1 from hidden_by_mutes(
      $1::bigint, p.author_id, p.title, p.content_note, p.html, p.parts)) as is_muted
from visible_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
where p.thread_id = $3 and p.kind <> 'boost' and p.path > $4::bigint[]
order by p.path
limit $5
"""


async def list_marks(
    conn: Connection, viewer: Viewer, thread_id: int, *, after: list[int] | None = None, limit: int
) -> list[PostMark]:
    """What `read_thread` would bring, without the texts: enough to know a page that is kept."""
    return await fetch_all(
        conn, PostMark, LIST_MARKS, viewer.actor_id, viewer.host, thread_id, after or [], limit
    )


COUNT_UP_TO = """
select count(*)
from visible_posts($1::bigint, $2::text) p
where p.thread_id = $3 and p.kind <> 'boost' and p.path <= $4::bigint[]
"""


async def count_up_to(conn: Connection, viewer: Viewer, thread_id: int, path: list[int]) -> int:
    """How many posts of a thread the viewer passes before and with the one at `path`."""
    return int(await conn.fetchval(COUNT_UP_TO, viewer.actor_id, viewer.host, thread_id, path) or 0)


LIST_PATHS_BEFORE = """
select p.path
from visible_posts($1::bigint, $2::text) p
where p.thread_id = $3 and p.kind <> 'boost' and p.path < $4::bigint[]
order by p.path desc
limit $5
"""


async def list_paths_before(
    conn: Connection, viewer: Viewer, thread_id: int, path: list[int], *, limit: int
) -> list[list[int]]:
    """The paths of the posts just before the one at `path`, the nearest first."""
    rows = await conn.fetch(LIST_PATHS_BEFORE, viewer.actor_id, viewer.host, thread_id, path, limit)
    return [list(row[0]) for row in rows]


LIST_THREADS = f"""
select {LINE_COLUMNS}
from wanted_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
where p.community_id = $3 and p.kind = 'thread'
  and (p.active_at, p.id) < ($4::timestamptz, $5::bigint)
order by p.active_at desc, p.id desc
limit $6
"""


async def list_threads(
    conn: Connection,
    viewer: Viewer,
    community_id: int,
    *,
    before: tuple[datetime, int] | None = None,
    limit: int,
) -> list[ThreadLine]:
    """Threads of a community, the latest active first; `before` is (active_at, id)."""
    place = (community_id, *(before or PAST_ALL), limit)
    return await fetch_all(conn, ThreadLine, LIST_THREADS, viewer.actor_id, viewer.host, *place)


LIST_LATEST = f"""
select {LINE_COLUMNS}
from wanted_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
join actors c on c.id = p.community_id and c.is_local and c.state = 'live'
where p.kind = 'thread' and p.audience = 'public'
  and (p.active_at, p.id) < ($3::timestamptz, $4::bigint)
order by p.active_at desc, p.id desc
limit $5
"""


async def list_latest(
    conn: Connection, viewer: Viewer, *, before: tuple[datetime, int] | None = None, limit: int
) -> list[ThreadLine]:
    """Public threads of this server's communities for its front page, the latest active first."""
    at, thread_id = before or PAST_ALL
    return await fetch_all(
        conn, ThreadLine, LIST_LATEST, viewer.actor_id, viewer.host, at, thread_id, limit
    )


LIST_BY_AUTHOR = f"""
select {LINE_COLUMNS}
from wanted_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
where p.author_id = $3 and p.kind = 'thread' and p.id < $4 and p.audience <> 'direct'
  and (p.audience = 'public' or not $6::boolean)
order by p.id desc
limit $5
"""


async def list_by_author(
    conn: Connection,
    viewer: Viewer,
    author_id: int,
    *,
    is_public: bool = False,
    before: int | None = None,
    limit: int,
) -> list[ThreadLine]:
    """Threads that a person started, as far as the viewer may see them, newest first."""
    place = (author_id, before or MAX_ID, limit, is_public)
    return await fetch_all(conn, ThreadLine, LIST_BY_AUTHOR, viewer.actor_id, viewer.host, *place)


LIST_OUTBOX = f"""
select {COLUMNS}
from visible_posts($1::bigint, $2::text) p
where p.community_id = $3 and p.kind = 'thread' and p.id < $4
order by p.id desc
limit $5
"""


async def list_outbox(
    conn: Connection, viewer: Viewer, community_id: int, *, before: int | None = None, limit: int
) -> list[Post]:
    """Threads of a community in the order in which they were started, newest first."""
    return await fetch_all(
        conn, Post, LIST_OUTBOX, viewer.actor_id, viewer.host, community_id, before or MAX_ID, limit
    )
