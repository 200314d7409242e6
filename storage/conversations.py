"""Direct messages: who is in a conversation, and how each of them stands to it.

A conversation is a thread of direct posts, one for each set of people. Whether somebody may see
what is said in it is the read rule's to say; what they hid from themselves is asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.actors import COLUMNS as ACTOR_COLUMNS
from storage.actors import Actor
from storage.audience import Recipient, Viewer
from storage.db import Connection, fetch_all, fetch_one

HOLD = "select pg_advisory_xact_lock(hashtextextended($1, 4))"

FIND = """
select d.thread_id
from conversation_people d
where d.actor_id = $1 and (
  select array_agg(o.actor_id order by o.actor_id)
  from conversation_people o
  where o.thread_id = d.thread_id) = $2::bigint[]
order by d.thread_id
limit 1
"""


async def hold_between(conn: Connection, actor_ids: list[int]) -> int | None:
    """The conversation of exactly these people; nobody begins one until the transaction ends.

    Two statements on purpose: the second one sees what the holder of the lock committed.
    """
    people = sorted(actor_ids)
    await conn.execute(HOLD, ",".join(map(str, people)))
    found = await conn.fetchval(FIND, people[0], people)
    return None if found is None else int(found)


async def find_between(conn: Connection, actor_ids: list[int]) -> int | None:
    """The conversation of exactly these people, without holding it."""
    people = sorted(actor_ids)
    found = await conn.fetchval(FIND, people[0], people)
    return None if found is None else int(found)


BEGIN = "insert into conversations (thread_id) values ($1)"

ADD_PERSON = """
insert into conversation_people (thread_id, actor_id, state, has_answered)
values ($1, $2, $3, $4)
"""


async def begin(conn: Connection, thread_id: int, people: list[tuple[int, str, bool]]) -> None:
    """A conversation of these people: how each stands to it, and whether they spoke already."""
    await conn.execute(BEGIN, thread_id)
    for actor_id, state, has_answered in people:
        await conn.execute(ADD_PERSON, thread_id, actor_id, state, has_answered)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a conversation. `state` is asked, open, refused or left."""

    actor_id: int
    state: str
    hidden_before: int
    read_before: int
    asked_to_delete_at: datetime | None
    has_answered: bool


LIST_PEOPLE = """
select actor_id, state, hidden_before, read_before, asked_to_delete_at, has_answered
from conversation_people
where thread_id = $1
order by actor_id
"""


async def list_people_unfiltered(conn: Connection, thread_id: int) -> list[Person]:
    return await fetch_all(conn, Person, LIST_PEOPLE, thread_id)


LIST_ACTORS = f"""
select {ACTOR_COLUMNS}
from conversation_people d
join actors a on a.id = d.actor_id
where d.thread_id = $1
order by a.id
"""


async def list_actors_unfiltered(conn: Connection, thread_id: int) -> list[Actor]:
    return await fetch_all(conn, Actor, LIST_ACTORS, thread_id)


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else in a conversation of the viewer's."""

    actor_id: int
    name: str
    host: str
    is_local: bool
    display_name: str
    state: str


LIST_OTHERS = """
select a.id as actor_id, a.name, a.host, a.is_local, a.display_name, d.state
from conversation_people me
join conversation_people d on d.thread_id = me.thread_id and d.actor_id <> me.actor_id
join actors a on a.id = d.actor_id
where me.thread_id = $2 and me.actor_id = $1 and me.state in ('asked', 'open')
order by a.id
"""


async def list_others(conn: Connection, viewer: Viewer, thread_id: int) -> list[Other]:
    """With whom the viewer speaks there; nobody for a conversation of others."""
    return await fetch_all(conn, Other, LIST_OTHERS, viewer.actor_id, thread_id)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as the viewer stands to it."""

    thread_id: int
    state: str
    hidden_before: int
    read_before: int
    asked_to_delete_at: datetime | None
    keep_days: int | None


READ = """
select d.thread_id, d.state, d.hidden_before, d.read_before, d.asked_to_delete_at, d.keep_days
from conversation_people d
where d.thread_id = $2 and d.actor_id = $1 and d.state in ('asked', 'open')
"""


async def read_conversation(
    conn: Connection, viewer: Viewer, thread_id: int
) -> Conversation | None:
    return await fetch_one(conn, Conversation, READ, viewer.actor_id, thread_id)


LAST = "select max(id) from posts where thread_id = $1 and kind <> 'boost'"

LAST_LIVE = """
select id from posts
where thread_id = $1 and kind <> 'boost' and state = 'live'
order by id desc
limit 1
"""


async def last_of_unfiltered(conn: Connection, thread_id: int) -> int:
    """The last message that was ever said there, erased or not."""
    return int(await conn.fetchval(LAST, thread_id) or 0)


async def last_live_unfiltered(conn: Connection, thread_id: int) -> int:
    """The last message that still stands, or the place of the first one."""
    return int(await conn.fetchval(LAST_LIVE, thread_id) or thread_id)


COUNT_UNANSWERED = """
select count(*)
from conversation_people d
join posts p on p.thread_id = d.thread_id and p.author_id = $1 and p.kind <> 'boost'
where d.actor_id = $2 and not d.has_answered and d.state <> 'left'
"""


async def count_unanswered(conn: Connection, author_id: int, actor_id: int) -> int:
    """How much somebody wrote, taken back or not, where the other has said nothing yet."""
    return int(await conn.fetchval(COUNT_UNANSWERED, author_id, actor_id))


LIST_BY = """
select id from posts
where thread_id = $1 and author_id = $2 and kind <> 'boost' and audience = 'direct'
  and state <> 'erased'
order by id
"""


async def list_by_unfiltered(conn: Connection, thread_id: int, author_id: int) -> list[int]:
    """What somebody said there and did not take back."""
    return [row["id"] for row in await conn.fetch(LIST_BY, thread_id, author_id)]


COUNT_ASKED_BY = """
select count(*)
from posts p
join conversation_people d on d.thread_id = p.id and not d.has_answered and d.state <> 'left'
where p.author_id = $1 and p.kind = 'thread' and p.id >= $2 and p.audience = 'direct'
"""


async def count_asked_by(conn: Connection, author_id: int, since: int) -> int:
    """How many people somebody has begun to write to since that id, who have not answered."""
    return int(await conn.fetchval(COUNT_ASKED_BY, author_id, since))


ANSWER = """
update conversation_people set state = 'open', has_answered = true
where thread_id = $1 and actor_id = $2 and (state <> 'open' or not has_answered)
"""


async def answer(conn: Connection, thread_id: int, actor_id: int) -> None:
    """This person speaks there, or lets the others speak."""
    await conn.execute(ANSWER, thread_id, actor_id)


SET_STATE = """
update conversation_people set state = $3
where thread_id = $1 and actor_id = $2 and state <> $3
"""


async def set_state(conn: Connection, thread_id: int, actor_id: int, state: str) -> None:
    await conn.execute(SET_STATE, thread_id, actor_id, state)


HIDE = """
update conversation_people
set hidden_before = greatest(hidden_before, $3), read_before = greatest(read_before, $3)
where thread_id = $1 and actor_id = $2
"""


async def hide(conn: Connection, thread_id: int, actor_id: int, last_id: int) -> None:
    await conn.execute(HIDE, thread_id, actor_id, last_id)


MARK_READ = """
update conversation_people set read_before = $3
where thread_id = $1 and actor_id = $2 and read_before < $3
"""


async def mark_read(conn: Connection, thread_id: int, actor_id: int, last_id: int) -> None:
    await conn.execute(MARK_READ, thread_id, actor_id, last_id)


ASK_TO_DELETE = """
update conversation_people set asked_to_delete_at = $3
where thread_id = $1 and actor_id <> $2 and asked_to_delete_at is null
"""

CLEAR_ASKED = """
update conversation_people set asked_to_delete_at = null where thread_id = $1 and actor_id = $2
"""


async def ask_to_delete(conn: Connection, thread_id: int, actor_id: int, now: datetime) -> None:
    """Everybody else there is asked to delete what they said."""
    await conn.execute(ASK_TO_DELETE, thread_id, actor_id, now)


async def clear_asked(conn: Connection, thread_id: int, actor_id: int) -> None:
    await conn.execute(CLEAR_ASKED, thread_id, actor_id)


KEEP_FOR = """
update conversation_people set keep_days = $3 where thread_id = $1 and actor_id = $2
"""


async def keep_for(conn: Connection, thread_id: int, actor_id: int, days: int | None) -> None:
    await conn.execute(KEEP_FOR, thread_id, actor_id, days)


LIST_DUE = """
select p.id
from conversation_people d
join posts p on p.thread_id = d.thread_id and p.author_id = d.actor_id and p.kind <> 'boost'
where d.keep_days is not null and p.state <> 'erased'
  and p.published_at < $1::timestamptz - make_interval(days => d.keep_days)
order by p.id
limit $2
"""


async def list_due_unfiltered(conn: Connection, now: datetime, limit: int) -> list[int]:
    """Messages whose time, chosen by those who wrote them, is over."""
    return [row["id"] for row in await conn.fetch(LIST_DUE, now, limit)]


SHARE_A_COMMUNITY = """
select exists (
  select 1
  from memberships m
  join memberships o on o.community_id = m.community_id and o.actor_id = $2
    and o.state = 'accepted'
  where m.actor_id = $1 and m.state = 'accepted')
"""


async def share_a_community(conn: Connection, actor_id: int, other_id: int) -> bool:
    return bool(await conn.fetchval(SHARE_A_COMMUNITY, actor_id, other_id))


IS_PROFESSIONAL = """
select exists (
  select 1 from memberships
  where actor_id = $1 and state = 'accepted' and role = 'professional')
"""


async def is_professional(conn: Connection, actor_id: int) -> bool:
    """Whether somebody was invited into any community for their work."""
    return bool(await conn.fetchval(IS_PROFESSIONAL, actor_id))


MEETS = """
select not exists (select 1 from not_met_by($1::bigint) n where n.id = $2)
  and not exists (
    select 1 from host_blocks h
    join actors a on a.id = $1 and not a.is_local and a.host = h.host
    where h.blocker_id = $2 and (h.until is null or h.until > now()))
  and not exists (
    select 1 from host_blocks h
    join actors a on a.id = $2 and not a.is_local and a.host = h.host
    where h.blocker_id = $1 and (h.until is null or h.until > now()))
"""


async def meets(conn: Connection, actor_id: int, other_id: int) -> bool:
    """Whether neither of the two keeps the other, or the other's server, away."""
    return bool(await conn.fetchval(MEETS, actor_id, other_id))


RECIPIENTS = """
select a.inbox, a.host, i.software
from conversation_people d
join actors a on a.id = d.actor_id and not a.is_local and a.state = 'live'
left join instances i on i.host = a.host
where d.thread_id = $1 and d.actor_id <> $2
  and exists (select 1 from admitted(a.host))
order by a.id
"""


async def recipients_of_message(
    conn: Connection, thread_id: int, author_id: int
) -> list[Recipient]:
    """The own inboxes of those elsewhere who are spoken to, and of nobody else."""
    return await fetch_all(conn, Recipient, RECIPIENTS, thread_id, author_id)
