"""Names for one thread. Who is behind one is asked by rules, and by moderators who say why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class OwnName:
    actor_id: int
    display_name: str
    thread_id: int | None
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NameOffer:
    """Whether a community has names for one thread, and the one that the viewer has in a thread."""

    is_allowed: bool
    own: str


INSERT = """
insert into aliases (actor_id, owner_id, community_id, thread_id, created_at)
values ($1, $2, $3, $4, $5)
"""


async def insert(
    conn: Connection,
    actor_id: int,
    owner_id: int,
    community_id: int,
    thread_id: int | None,
    now: datetime,
) -> None:
    await conn.execute(INSERT, actor_id, owner_id, community_id, thread_id, now)


LINK = "update aliases set thread_id = $2 where actor_id = $1"


async def link(conn: Connection, actor_id: int, thread_id: int) -> None:
    """The thread that was started under this name is there now."""
    await conn.execute(LINK, actor_id, thread_id)


READ_OWNER = "select owner_id from aliases where actor_id = $1"


async def owner_unfiltered(conn: Connection, actor_id: int) -> int | None:
    """Who is behind a name; None for what is no such name, and when nobody knows any more."""
    found = await conn.fetchval(READ_OWNER, actor_id)
    return None if found is None else int(found)


IS_ENDED = "select exists (select 1 from aliases where actor_id = $1 and ended_at is not null)"


async def is_ended(conn: Connection, actor_id: int) -> bool:
    return bool(await conn.fetchval(IS_ENDED, actor_id))


IS_ALIAS = "select exists (select 1 from aliases where actor_id = $1)"


async def is_alias(conn: Connection, actor_id: int) -> bool:
    """Whether it is a name for one thread, also of nobody any more."""
    return bool(await conn.fetchval(IS_ALIAS, actor_id))


FIND_OWN = """
select l.actor_id from aliases l
where l.owner_id = $1 and l.thread_id = $2 and l.ended_at is null
"""


async def find_own(conn: Connection, viewer: Viewer, thread_id: int) -> int | None:
    """The viewer's name in that thread."""
    found = await conn.fetchval(FIND_OWN, viewer.actor_id, thread_id)
    return None if found is None else int(found)


IS_NAME_OF = """
select $2::bigint = $1::bigint or exists (
  select 1 from aliases where actor_id = $2 and owner_id = $1)
"""


async def is_name_of(conn: Connection, viewer: Viewer, actor_id: int) -> bool:
    """Whether the viewer is that actor, or the person behind it."""
    return bool(await conn.fetchval(IS_NAME_OF, viewer.actor_id, actor_id))


IS_OF_COMMUNITY = """
select exists (select 1 from aliases where actor_id = $1 and community_id = $2)
"""


async def is_of_community(conn: Connection, actor_id: int, community_id: int) -> bool:
    return bool(await conn.fetchval(IS_OF_COMMUNITY, actor_id, community_id))


COUNT_LIVE = "select count(*) from aliases where owner_id = $1 and ended_at is null"


async def count_live(conn: Connection, owner_id: int) -> int:
    return int(await conn.fetchval(COUNT_LIVE, owner_id) or 0)


# The account's row is held: two forms that are sent at once do not pass the limit together.
HOLD_OWNER = "select created_at from accounts where actor_id = $1 for no key update"


async def hold_owner(conn: Connection, owner_id: int) -> datetime | None:
    """Since when the person has an account; nobody else makes a name for them until the end."""
    found: datetime | None = await conn.fetchval(HOLD_OWNER, owner_id)
    return found


LIST_OWN = """
select l.actor_id, a.display_name, p.id as thread_id, coalesce(p.title, '') as title, l.created_at
from aliases l
join actors a on a.id = l.actor_id
left join visible_posts($1::bigint, $2::text) p on p.id = l.thread_id
where l.owner_id = $1 and l.ended_at is null
order by l.created_at desc
"""


async def list_own(conn: Connection, viewer: Viewer) -> list[OwnName]:
    """The viewer's names that count; without its thread where that is not shown to them."""
    return await fetch_all(conn, OwnName, LIST_OWN, viewer.actor_id, viewer.host)


END = """
update aliases set ended_at = $3 where owner_id = $1 and actor_id = $2 and ended_at is null
"""


async def end(conn: Connection, owner_id: int, actor_id: int, now: datetime) -> None:
    await conn.execute(END, owner_id, actor_id, now)


END_IN_THREAD = """
update aliases set ended_at = coalesce(ended_at, $2) where thread_id = $1
"""

# Who has something standing under a name may take it back; who was stopped under one stays stopped.
FORGET = """
update aliases l set owner_id = null
where l.owner_id is not null and l.ended_at is not null
  and ($1::bigint is null or l.thread_id = $1)
  and exists (select 1 from posts t where t.id = l.thread_id and t.state = 'erased')
  and not exists (
    select 1 from posts p where p.author_id = l.actor_id and p.state <> 'erased')
  and not exists (
    select 1 from memberships m where m.actor_id = l.actor_id and m.stopped_until > $2)
"""


async def forget_thread(conn: Connection, thread_id: int, now: datetime) -> None:
    """A thread was erased: who was behind its names, from now on nobody knows.

    But for names under which something still stands, or that were stopped: see `forget_over`.
    """
    await conn.execute(END_IN_THREAD, thread_id, now)
    await conn.execute(FORGET, thread_id, now)


async def forget_over(conn: Connection, now: datetime) -> None:
    """Forget whose the names of erased threads were, where the reason to remember is over."""
    await conn.execute(FORGET, None, now)


IS_ALLOWED = "select allows_aliases from communities where actor_id = $1"


async def is_allowed(conn: Connection, community_id: int) -> bool:
    """Whether people may post without their name there."""
    return bool(await conn.fetchval(IS_ALLOWED, community_id))


READ_OFFER = """
select c.allows_aliases as is_allowed, coalesce((
  select a.display_name from aliases l join actors a on a.id = l.actor_id
  where l.owner_id = $1 and l.thread_id = $3 and l.ended_at is null limit 1), '') as own
from communities c
where c.actor_id = $2
"""


async def read_offer(
    conn: Connection, viewer: Viewer, community_id: int, thread_id: int | None
) -> NameOffer | None:
    """What a form for writing offers the viewer in a thread, or for a new one."""
    return await fetch_one(conn, NameOffer, READ_OFFER, viewer.actor_id, community_id, thread_id)


SET_ALLOWED = "update communities set allows_aliases = $2 where actor_id = $1"


async def set_allowed(conn: Connection, community_id: int, *, allowed: bool) -> None:
    await conn.execute(SET_ALLOWED, community_id, allowed)
