"""What a person reads of direct messages, and whether a mail tells them that there is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.audience import Viewer
from storage.db import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class Line:
    """A conversation in the viewer's list, with the last thing that stands in it."""

    thread_id: int
    state: str
    last_id: int
    last_at: datetime
    is_unread: bool
    names: list[str]


LIST = """
select d.thread_id, d.state, last.id as last_id, last.published_at as last_at,
  last.id > d.read_before and last.author_id <> d.actor_id as is_unread,
  array(
    select coalesce(nullif(a.display_name, ''), a.name)
      || case when a.is_local then '' else ' @' || a.host end
    from conversation_people o
    join actors a on a.id = o.actor_id
    where o.thread_id = d.thread_id and o.actor_id <> d.actor_id
    order by a.id) as names
from conversation_people d
cross join lateral (
  select p.id, p.published_at, p.author_id
  from visible_posts($1::bigint, $2::text) p
  where p.thread_id = d.thread_id and p.kind <> 'boost' and p.id > d.hidden_before
  order by p.id desc
  limit 1) last
where d.actor_id = $1 and d.state in ('asked', 'open') and last.id < $3
order by last.id desc
limit $4
"""


async def list_conversations(
    conn: Connection, viewer: Viewer, *, before: int, limit: int
) -> list[Line]:
    """The viewer's conversations in which something is shown, the latest first."""
    return await fetch_all(conn, Line, LIST, viewer.actor_id, viewer.host, before, limit)


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    author_id: int
    author_name: str
    html: str
    content_note: str
    language: str
    published_at: datetime
    is_local: bool
    version: int
    parts: Any  # read with storage.parts.parts_of


LIST_MESSAGES = """
select p.id, p.author_id, coalesce(nullif(a.display_name, ''), a.name) as author_name, p.html,
  p.content_note, p.language, p.published_at, p.is_local, p.version, p.parts
from conversation_people d
join visible_posts($1::bigint, $2::text) p on p.thread_id = d.thread_id
join actors a on a.id = p.author_id
where d.thread_id = $3 and d.actor_id = $1 and p.kind <> 'boost' and p.audience = 'direct'
  and p.id > d.hidden_before and p.id < $4
order by p.id desc
limit $5
"""


async def list_messages(
    conn: Connection, viewer: Viewer, thread_id: int, *, before: int, limit: int
) -> list[Message]:
    """What was said and not hidden, the latest first."""
    return await fetch_all(
        conn, Message, LIST_MESSAGES, viewer.actor_id, viewer.host, thread_id, before, limit
    )


IS_KNOWN_TO = """
select exists (
  select 1
  from actors a
  left join accounts s on s.actor_id = a.id
  where a.id = $3 and a.kind = 'person'
    and not exists (select 1 from aliases l where l.actor_id = a.id)
    and case when a.is_local then s.state = 'open' else
      exists (select 1 from visible_posts($1::bigint, $2::text) p where p.author_id = a.id)
      or exists (
        select 1 from conversation_people d
        join conversation_people o on o.thread_id = d.thread_id and o.actor_id = a.id
        where d.actor_id = $1 and d.state in ('asked', 'open'))
    end)
"""


async def is_known_to(conn: Connection, viewer: Viewer, actor_id: int) -> bool:
    """Whether it is a person with an account here, or one elsewhere whom the viewer meets."""
    return bool(await conn.fetchval(IS_KNOWN_TO, viewer.actor_id, viewer.host, actor_id))


WANTS_MAIL = "select message_mail_after is not null from accounts where actor_id = $1"

CHOOSE_MAIL = """
update accounts
set message_mail_after = case when $2 then coalesce(message_mail_after, $3::timestamptz) end
where actor_id = $1
"""

TAKE_MAIL = """
update accounts set message_mail_after = $3
where actor_id = $1 and message_mail_after <= $2
returning actor_id
"""


async def wants_mail(conn: Connection, account_id: int) -> bool:
    """Whether somebody is told by mail that there is a message."""
    return bool(await conn.fetchval(WANTS_MAIL, account_id))


async def choose_mail(conn: Connection, account_id: int, now: datetime, *, wants: bool) -> None:
    await conn.execute(CHOOSE_MAIL, account_id, wants, now)


async def take_mail(conn: Connection, account_id: int, now: datetime, until: datetime) -> bool:
    """Whether a mail is due now; then none is before `until`."""
    return await conn.fetchval(TAKE_MAIL, account_id, now, until) is not None
