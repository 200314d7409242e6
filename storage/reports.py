"""Reports of posts, for those who moderate them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class ReportLine:
    """An open report with the post it is about."""

    id: int
    reason: str
    created_at: datetime
    reporter_name: str
    reporter_host: str
    post_id: int
    thread_id: int
    community_id: int | None
    post_state: str
    post_title: str
    post_html: str
    author_id: int
    author_name: str
    author_host: str


@dataclass(frozen=True, slots=True)
class Report:
    id: int
    post_id: int
    community_id: int | None
    state: str


INSERT = """
insert into reports (id, reporter_id, post_id, community_id, reason, created_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (reporter_id, post_id) do nothing
"""


async def insert(
    conn: Connection,
    report_id: int,
    *,
    reporter_id: int,
    post_id: int,
    community_id: int | None,
    reason: str,
    now: datetime,
) -> None:
    """Keep a report; a second one of the same post by the same person changes nothing."""
    await conn.execute(INSERT, report_id, reporter_id, post_id, community_id, reason, now)


LIST_OPEN = """
select r.id, r.reason, r.created_at, t.name as reporter_name, t.host as reporter_host,
  p.id as post_id, p.thread_id, p.community_id, p.state as post_state, p.title as post_title,
  p.html as post_html, p.author_id, a.name as author_name, a.host as author_host
from reports r
join moderated_posts($1::bigint) p on p.id = r.post_id
join actors a on a.id = p.author_id
join actors t on t.id = r.reporter_id
where r.state = 'open' and r.id > $2
  and p.author_id <> all (array(select n.id from names_of($1::bigint) n))
order by r.id
limit $3
"""


async def list_open(
    conn: Connection, viewer: Viewer, *, after: int = 0, limit: int = 50
) -> list[ReportLine]:
    """Open reports of others' posts that the viewer moderates, oldest first."""
    return await fetch_all(conn, ReportLine, LIST_OPEN, viewer.actor_id, after, limit)


READ = """
select r.id, r.post_id, r.community_id, r.state
from reports r
join posts p on p.id = r.post_id
where r.id = $2
  and p.author_id <> all (array(select n.id from names_of($1::bigint) n))
  and (exists (select 1 from moderated_posts($1::bigint) m where m.id = p.id)
    or (p.audience = 'direct' and exists (
      select 1 from accounts s where s.actor_id = $1 and s.role = 'admin' and s.state = 'open')))
"""


async def read_report(conn: Connection, viewer: Viewer, report_id: int) -> Report | None:
    """A report of somebody else's post that the viewer moderates, or of a message."""
    return await fetch_one(conn, Report, READ, viewer.actor_id, report_id)


@dataclass(frozen=True, slots=True)
class MessageReport:
    """An open report of a direct message: neither its words nor who wrote it."""

    id: int
    reason: str
    created_at: datetime
    reporter_name: str
    is_gone: bool


LIST_OF_MESSAGES = """
select r.id, r.reason, r.created_at, t.name as reporter_name, p.state = 'erased' as is_gone
from reports r
join posts p on p.id = r.post_id and p.audience = 'direct' and p.author_id <> $1
join actors t on t.id = r.reporter_id
where r.state = 'open' and r.community_id is null and exists (
  select 1 from accounts s where s.actor_id = $1 and s.role = 'admin' and s.state = 'open')
order by r.id
limit $2
"""


async def list_of_messages(
    conn: Connection, viewer: Viewer, *, limit: int = 50
) -> list[MessageReport]:
    """Open reports of others' direct messages, for administrators, oldest first."""
    return await fetch_all(conn, MessageReport, LIST_OF_MESSAGES, viewer.actor_id, limit)


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """The one message that was reported, and nothing of what was said beside it."""

    id: int
    post_id: int
    reason: str
    reporter_name: str
    author_id: int
    author_name: str
    author_host: str
    author_is_local: bool
    html: str
    content_note: str
    language: str
    published_at: datetime


READ_MESSAGE = """
select r.id, r.post_id, r.reason, t.name as reporter_name, p.author_id, a.name as author_name,
  a.host as author_host, a.is_local as author_is_local, p.html, p.content_note, p.language,
  p.published_at
from reports r
join posts p on p.id = r.post_id and p.audience = 'direct' and p.state = 'live'
join actors a on a.id = p.author_id
join actors t on t.id = r.reporter_id
where r.id = $2 and r.state = 'open' and p.author_id <> $1 and exists (
  select 1 from accounts s where s.actor_id = $1 and s.role = 'admin' and s.state = 'open')
"""


async def read_message(conn: Connection, viewer: Viewer, report_id: int) -> ReportedMessage | None:
    """A direct message of somebody else as long as a report of it is open, for administrators."""
    return await fetch_one(conn, ReportedMessage, READ_MESSAGE, viewer.actor_id, report_id)


CLOSE = "update reports set state = 'closed', closed_by = $2 where id = $1 and state = 'open'"


async def close(conn: Connection, report_id: int, moderator_id: int) -> None:
    await conn.execute(CLOSE, report_id, moderator_id)


CLOSE_OF_POST = """
update reports set state = 'closed', closed_by = $2 where post_id = $1 and state = 'open'
"""


async def close_of_post(conn: Connection, post_id: int, moderator_id: int) -> None:
    """Close every report of a post that was taken down."""
    await conn.execute(CLOSE_OF_POST, post_id, moderator_id)
