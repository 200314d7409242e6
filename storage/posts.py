"""Threads and replies, written: kept, erased by their authors, removed by moderators.

Reading them is `storage/threads.py`. Each change inside a thread makes the thread's row newer, on
which cached pages depend.
"""

from __future__ import annotations

from datetime import datetime

from storage.db import Connection, fetch_one
from storage.threads import COLUMNS, Post

INSERT = f"""
insert into posts as p (id, uri, url, kind, author_id, community_id, thread_id, parent_id, path,
  audience, state, title, source, html, content_note, sensitive, language, is_local, published_at,
  edited_at, version, active_at, type, parts, about)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
  $21, $19, $22, $23, $24)
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
        post.type,
        post.parts,
        post.about,
    )


NOTE_REPLY = """
update posts
set reply_count = reply_count + 1, active_at = greatest(active_at, $2), version = version + 1
where id = $1
"""


async def note_reply(conn: Connection, thread_id: int, at: datetime) -> None:
    """The thread has one more reply."""
    await conn.execute(NOTE_REPLY, thread_id, at)


# Whatever changes a post holds its thread first, so that two who change a thread wait for each
# other and never in a circle.
LOCK_THREAD = "select id from posts where id = $1 for no key update"

READ = f"select {COLUMNS} from posts p where p.id = $1"


async def hold(conn: Connection, post_id: int, thread_id: int) -> Post | None:
    """The post as it is now; nobody changes it, or its thread, until the transaction ends.

    Two statements on purpose: the second one sees what the holder of the lock committed.
    """
    await conn.execute(LOCK_THREAD, thread_id)
    return await fetch_one(conn, Post, READ, post_id)


REWRITE = f"""
update posts as p
set title = $2, source = $3, html = $4, content_note = $5, sensitive = $6, language = $7,
  type = $8, parts = $9, edited_at = $10, version = p.version + 1
where p.id = $1 and p.state = 'live'
returning {COLUMNS}
"""

TOUCH = "update posts set version = version + 1 where id = $1"


async def rewrite(conn: Connection, post: Post) -> Post | None:
    """What the post says from now on. The caller holds it; None when it is not live."""
    rewritten = await fetch_one(
        conn,
        Post,
        REWRITE,
        post.id,
        post.title,
        post.source,
        post.html,
        post.content_note,
        post.sensitive,
        post.language,
        post.type,
        post.parts,
        post.edited_at,
    )
    if rewritten is not None and post.thread_id != post.id:
        await conn.execute(TOUCH, post.thread_id)
    return rewritten


async def touch(conn: Connection, post_id: int, thread_id: int) -> None:
    """Something that is shown with the post has changed. The caller holds it."""
    await conn.execute(TOUCH, post_id)
    if thread_id != post_id:
        await conn.execute(TOUCH, thread_id)


LOCK_THREADS_OF_AUTHOR = """
select t.id from posts t
where t.id in (
  select p.thread_id from posts p where p.community_id = $1 and p.author_id = $2)
order by t.id
for no key update
"""

TOUCH_OF_AUTHOR = """
update posts set version = version + 1
where id in (
  select p.id from posts p where p.community_id = $1 and p.author_id = $2
  union
  select p.thread_id from posts p where p.community_id = $1 and p.author_id = $2)
"""


async def touch_of_author(conn: Connection, community_id: int, author_id: int) -> None:
    """What stands beside the author's name in that community has changed."""
    await conn.execute(LOCK_THREADS_OF_AUTHOR, community_id, author_id)
    await conn.execute(TOUCH_OF_AUTHOR, community_id, author_id)


ERASE = """
update posts
set state = 'erased', title = '', source = '', html = '', content_note = '', sensitive = false,
  language = '', parts = null, about = '', version = version + 1
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


LOCK_THREADS = """
select id from posts
where community_id = $1 and kind = 'thread' and audience = 'public'
order by id
for no key update
"""

NARROW = """
update posts set audience = 'community', version = version + 1
where community_id = $1 and audience = 'public'
"""


async def narrow(conn: Connection, community_id: int) -> None:
    """A community is closed now: what was public in it is for its members."""
    await conn.execute(LOCK_THREADS, community_id)
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
