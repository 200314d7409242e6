"""Threads and replies: written once, read through the read rule.

`path` is the chain of ids from the thread to a post, so that ordering by it gives the tree in
reading order. What was erased or removed simply does not come; a page sees from `path` that an
ancestor is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

COLUMNS = """p.id, p.uri, p.url, p.kind, p.author_id, p.community_id, p.thread_id, p.parent_id,
  p.path, p.audience, p.state, p.title, p.source, p.html, p.content_note, p.sensitive, p.language,
  p.is_local, p.published_at, p.edited_at, p.version"""

LINE_COLUMNS = """p.id, p.title, a.name, a.host, a.is_local, a.display_name, p.published_at,
  p.active_at, p.reply_count, p.content_note, p.community_id"""


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


INSERT = f"""
insert into posts as p (id, uri, url, kind, author_id, community_id, thread_id, parent_id, path,
  audience, state, title, source, html, content_note, sensitive, language, is_local, published_at,
  edited_at, version, active_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
  $21, $19)
on conflict (uri) do nothing
returning {COLUMNS}
"""


async def insert(conn: Connection, post: Post) -> Post | None:
    """None when a post with that URI is there already."""
    return await fetch_one(
        conn,
        Post,
        INSERT,
        post.id,
        post.uri,
        post.url,
        post.kind,
        post.author_id,
        post.community_id,
        post.thread_id,
        post.parent_id,
        post.path,
        post.audience,
        post.state,
        post.title,
        post.source,
        post.html,
        post.content_note,
        post.sensitive,
        post.language,
        post.is_local,
        post.published_at,
        post.edited_at,
        post.version,
    )


NOTE_REPLY = """
update posts
set reply_count = reply_count + 1, active_at = greatest(active_at, $2), version = version + 1
where id = $1
"""


async def note_reply(conn: Connection, thread_id: int, at: datetime) -> None:
    """The thread has one more reply."""
    await conn.execute(NOTE_REPLY, thread_id, at)


LOCK_THREAD = "select id from posts where id = $1 for no key update"

ERASE = """
update posts
set state = 'erased', title = '', source = '', html = '', content_note = '', sensitive = false,
  language = '', version = version + 1
where id = $1 and state <> 'erased'
returning id
"""

REMOVE = """
update posts
set state = 'removed', version = version + 1
where id = $1 and state in ('live', 'held')
returning id
"""

RECOUNT = """
update posts t
set version = t.version + 1,
  reply_count = (
    select count(*) from posts r
    where r.thread_id = t.id and r.kind = 'reply' and r.state = 'live'),
  active_at = greatest(t.published_at, (
    select max(r.published_at) from posts r
    where r.thread_id = t.id and r.kind = 'reply' and r.state = 'live'))
where t.id = $1
"""


async def erase(conn: Connection, post_id: int, thread_id: int) -> bool:
    """Empty a post and keep its place; False when that was done before."""
    await conn.execute(LOCK_THREAD, thread_id)
    done = await conn.fetchval(ERASE, post_id)
    if done is not None:
        await conn.execute(RECOUNT, thread_id)
    return done is not None


async def remove(conn: Connection, post_id: int, thread_id: int) -> bool:
    """Hide a post from all but its moderators; False when it is not shown anyway."""
    await conn.execute(LOCK_THREAD, thread_id)
    done = await conn.fetchval(REMOVE, post_id)
    if done is not None:
        await conn.execute(RECOUNT, thread_id)
    return done is not None


NARROW = """
update posts set audience = 'community', version = version + 1
where community_id = $1 and audience = 'public'
"""


async def narrow(conn: Connection, community_id: int) -> None:
    """A community is closed now: what was public in it is for its members."""
    await conn.execute(NARROW, community_id)


LOCK_SUBMISSION = "select pg_advisory_xact_lock(hashtextextended($2::text, $1::bigint))"

READ_SUBMITTED = f"""
select {COLUMNS}
from submissions s
join posts p on p.id = s.post_id
where s.actor_id = $1 and s.key = $2
"""


async def claim_submission(conn: Connection, actor_id: int, key: str) -> Post | None:
    """The post that this form made already; else nobody uses the form until the transaction ends.

    Two statements on purpose: the second one sees what the holder of the lock committed.
    """
    await conn.execute(LOCK_SUBMISSION, actor_id, key)
    return await fetch_one(conn, Post, READ_SUBMITTED, actor_id, key)


KEEP_SUBMISSION = """
insert into submissions (actor_id, key, post_id, at) values ($1, $2, $3, $4)
"""


async def keep_submission(
    conn: Connection, actor_id: int, key: str, post_id: int, now: datetime
) -> None:
    await conn.execute(KEEP_SUBMISSION, actor_id, key, post_id, now)


TIDY_SUBMISSIONS = "delete from submissions where at < $1"


async def tidy_submissions(conn: Connection, older_than: datetime) -> None:
    """Forget forms that nobody sends again."""
    await conn.execute(TIDY_SUBMISSIONS, older_than)


READ_PAGE_VERSION = """
select t.version, s.epoch
from posts t
cross join site s
where t.id = $1 and exists (
  select 1 from visible_posts(null::bigint, null::text) p where p.thread_id = t.id)
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
  p.edited_at, p.version, a.name, a.host, a.is_local, a.display_name, a.url
from visible_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
where p.thread_id = $3 and p.kind <> 'boost' and ($4::bigint[] is null or p.path > $4)
order by p.path
limit $5
"""


async def read_thread(
    conn: Connection, viewer: Viewer, thread_id: int, *, after: list[int] | None = None, limit: int
) -> list[PostView]:
    """A thread and its replies in tree order, from `after` (a path) on. Empty when hidden."""
    return await fetch_all(
        conn, PostView, READ_THREAD, viewer.actor_id, viewer.host, thread_id, after, limit
    )


LIST_THREADS = f"""
select {LINE_COLUMNS}
from visible_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
where p.community_id = $3 and p.kind = 'thread'
  and ($4::timestamptz is null or (p.active_at, p.id) < ($4, $5::bigint))
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
    at, thread_id = before or (None, None)
    return await fetch_all(
        conn,
        ThreadLine,
        LIST_THREADS,
        viewer.actor_id,
        viewer.host,
        community_id,
        at,
        thread_id,
        limit,
    )


LIST_HOME = """
select t.id, t.title, a.name, a.host, a.is_local, a.display_name, t.published_at, t.active_at,
  t.reply_count, t.content_note, t.community_id
from memberships m
cross join lateral (
  select p.id, p.title, p.author_id, p.published_at, p.active_at, p.reply_count, p.content_note,
    p.community_id
  from visible_posts($1::bigint, $2::text) p
  where p.community_id = m.community_id and p.kind = 'thread'
    and ($3::timestamptz is null or (p.active_at, p.id) < ($3, $4::bigint))
  order by p.active_at desc, p.id desc
  limit $5) t
join actors a on a.id = t.author_id
where m.actor_id = $1 and m.state = 'accepted'
order by t.active_at desc, t.id desc
limit $5
"""


async def list_home(
    conn: Connection, viewer: Viewer, *, before: tuple[datetime, int] | None = None, limit: int
) -> list[ThreadLine]:
    """Threads of all the viewer's communities, the latest active first."""
    at, thread_id = before or (None, None)
    return await fetch_all(
        conn, ThreadLine, LIST_HOME, viewer.actor_id, viewer.host, at, thread_id, limit
    )


LIST_LATEST = f"""
select {LINE_COLUMNS}
from visible_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
join actors c on c.id = p.community_id and c.is_local and c.state = 'live'
where p.kind = 'thread' and p.audience = 'public'
  and ($3::timestamptz is null or (p.active_at, p.id) < ($3, $4::bigint))
order by p.active_at desc, p.id desc
limit $5
"""


async def list_latest(
    conn: Connection, viewer: Viewer, *, before: tuple[datetime, int] | None = None, limit: int
) -> list[ThreadLine]:
    """Public threads of this server's communities for its front page, the latest active first."""
    at, thread_id = before or (None, None)
    return await fetch_all(
        conn, ThreadLine, LIST_LATEST, viewer.actor_id, viewer.host, at, thread_id, limit
    )


LIST_BY_AUTHOR = f"""
select {LINE_COLUMNS}
from visible_posts($1::bigint, $2::text) p
join actors a on a.id = p.author_id
where p.author_id = $3 and p.kind = 'thread' and ($4::bigint is null or p.id < $4)
order by p.id desc
limit $5
"""


async def list_by_author(
    conn: Connection, viewer: Viewer, author_id: int, *, before: int | None = None, limit: int
) -> list[ThreadLine]:
    """Threads that a person started, as far as the viewer may see them, newest first."""
    return await fetch_all(
        conn, ThreadLine, LIST_BY_AUTHOR, viewer.actor_id, viewer.host, author_id, before, limit
    )


LIST_OUTBOX = f"""
select {COLUMNS}
from visible_posts($1::bigint, $2::text) p
where p.community_id = $3 and p.kind = 'thread' and ($4::bigint is null or p.id < $4)
order by p.id desc
limit $5
"""


async def list_outbox(
    conn: Connection, viewer: Viewer, community_id: int, *, before: int | None = None, limit: int
) -> list[Post]:
    """Threads of a community in the order in which they were started, newest first."""
    return await fetch_all(
        conn, Post, LIST_OUTBOX, viewer.actor_id, viewer.host, community_id, before, limit
    )
