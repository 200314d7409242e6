"""What was erased, who is told of it, and what each of them said: the receipt.

A receipt knows posts by number and servers by name. It is opened with a secret of which only a hash
is stored, and is gone after its time.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.activities import TAKES_BACK
from storage.db import Connection, fetch_all, fetch_one
from storage.ids import new_id

LONGEST = 100  # characters of a secret that is looked up at all


@dataclass(frozen=True, slots=True)
class Erasure:
    """`kind` is post, account or received; `done_at` is when all who are told were known."""

    id: int
    kind: str
    created_at: datetime
    done_at: datetime | None
    expires_at: datetime
    posts: int


@dataclass(frozen=True, slots=True)
class Told:
    """How one server stands: waiting, told, confirmed, gave_up or blocked."""

    host: str
    state: str
    changed_at: datetime


INSERT = """
insert into erasures (id, kind, actor_id, token_hash, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6)
"""


async def begin(
    conn: Connection, kind: str, actor_id: int | None, now: datetime, lifetime: timedelta
) -> tuple[int, str]:
    """A new receipt: its id, and the secret that opens it, which is stored nowhere else."""
    erasure_id, secret = new_id(now), secrets.token_urlsafe(32)
    await conn.execute(INSERT, erasure_id, kind, actor_id, _hash(secret), now, now + lifetime)
    return erasure_id, secret


ADD_POSTS = """
insert into erasure_posts (erasure_id, post_id)
select $1, p.id from unnest($2::bigint[]) as p (id)
on conflict do nothing
"""


async def add_posts(conn: Connection, erasure_id: int, post_ids: list[int]) -> None:
    await conn.execute(ADD_POSTS, erasure_id, post_ids)


ADD_COPIES_OF_HOST = """
insert into erasure_posts (erasure_id, post_id)
select $1, c.post_id
from post_copies c
join posts p on p.id = c.post_id
where c.host = $2 and p.state <> 'erased'
"""


async def add_copies_of_host(conn: Connection, erasure_id: int, host: str) -> None:
    """Everything that a server was given."""
    await conn.execute(ADD_COPIES_OF_HOST, erasure_id, host)


# A server that was told and was blocked later is not asked again.
NOTE_TELLING = f"""
insert into erasure_hosts (erasure_id, activity_id, host)
select e.erasure_id, a.id, r.host
from unnest($1::bigint[], $2::text[]) as r (activity_id, host)
join activities a on a.id = r.activity_id and a.type in {TAKES_BACK}
join erasure_posts e on e.post_id = a.post_id
join erasures s on s.id = e.erasure_id and s.kind <> 'received'
order by e.erasure_id, a.id, r.host
on conflict do nothing
"""


async def note_telling(conn: Connection, tellings: list[tuple[int, str]]) -> None:
    """These activities go to these servers; those that take back what has a receipt stand in it."""
    await conn.execute(NOTE_TELLING, [one[0] for one in tellings], [one[1] for one in tellings])


NOTE_HOSTS = """
insert into erasure_hosts (erasure_id, activity_id, host, state)
select $1, $2, h.host, case when exists (select 1 from admitted(h.host)) then 'waiting'
  else 'blocked' end
from unnest($3::text[]) as h (host)
on conflict do nothing
"""


async def note_hosts(conn: Connection, erasure_id: int, activity_id: int, hosts: list[str]) -> None:
    """This activity is for these servers, and those that are blocked are not told."""
    await conn.execute(NOTE_HOSTS, erasure_id, activity_id, hosts)


# Of each post, each server that has a copy and with which nothing is exchanged.
NOTE_BLOCKED = """
insert into erasure_hosts (erasure_id, activity_id, host, state)
select e.erasure_id, $2, c.host, 'blocked'
from erasure_posts e
join erasures s on s.id = e.erasure_id and s.kind <> 'received'
join post_copies c on c.post_id = e.post_id
where e.post_id = $1 and not exists (select 1 from admitted(c.host))
on conflict do nothing
"""


async def note_blocked(conn: Connection, post_id: int, activity_id: int) -> None:
    await conn.execute(NOTE_BLOCKED, post_id, activity_id)


MARK_POST = "update erasure_posts set is_told = true where post_id = $1 and not is_told"

FINISH_OF_POST = """
update erasures s set done_at = $2
from erasure_posts e
where e.post_id = $1 and s.id = e.erasure_id and s.kind = 'post' and s.done_at is null
  and not exists (select 1 from erasure_posts o where o.erasure_id = s.id and not o.is_told)
"""


async def finish_of_post(conn: Connection, post_id: int, now: datetime) -> None:
    """All who are told of this post are known; the last post of a receipt ends it."""
    await conn.execute(MARK_POST, post_id)
    await conn.execute(FINISH_OF_POST, post_id, now)


FINISH = "update erasures set done_at = $2 where id = $1 and done_at is null"


async def finish(conn: Connection, erasure_id: int, now: datetime) -> None:
    await conn.execute(FINISH, erasure_id, now)


# The word of a server that it has erased somebody's account covers all that they wrote under that
# name, and says nothing of other names: no server knows whose those are.
CONFIRM = """
update erasure_hosts h
set state = 'confirmed', changed_at = $3
from activities a
join erasure_hosts t on t.activity_id = a.id and t.host = $2
where a.uri = $1 and h.erasure_id = t.erasure_id and h.host = $2 and h.state <> 'confirmed'
  and (h.activity_id = a.id or (a.post_id is null and a.type = 'Delete' and exists (
    select 1 from activities w join posts p on p.id = w.post_id
    where w.id = h.activity_id and p.author_id = a.actor_id)))
"""

WAS_TOLD = """
select exists (
  select 1 from activities a join erasure_hosts t on t.activity_id = a.id and t.host = $2
  where a.uri = $1)
"""


async def confirm(conn: Connection, activity_uri: str, host: str, now: datetime) -> bool:
    """A server says that it has erased what this activity takes back; False if it was not told."""
    if not await conn.fetchval(WAS_TOLD, activity_uri, host):
        return False
    await conn.execute(CONFIRM, activity_uri, host, now)
    return True


GIVE_UP = """
update erasure_hosts h set state = 'gave_up', changed_at = $1
from erasures s
where s.id = h.erasure_id and s.created_at < $2 and h.state = 'waiting'
  and not exists (
    select 1 from deliveries d where d.activity_id = h.activity_id and d.host = h.host)
"""


async def give_up(conn: Connection, now: datetime, before: datetime) -> None:
    """Servers that took nothing since then, and to which nothing is on the way any more."""
    await conn.execute(GIVE_UP, now, before)


READ = """
select s.id, s.kind, s.created_at, s.done_at, s.expires_at,
  (select count(*) from erasure_posts p where p.erasure_id = s.id) as posts
from erasures s
where s.token_hash = $1 and s.expires_at > $2
"""


async def read_by_secret(conn: Connection, secret: str, now: datetime) -> Erasure | None:
    if not (0 < len(secret) <= LONGEST and secret.isascii()):
        return None
    return await fetch_one(conn, Erasure, READ, _hash(secret), now)


# A server that was told of a post twice, in two forms, stands as the better one says; of several
# posts, as the worst one does.
LIST_TOLD = """
select w.host,
  (array['blocked', 'gave_up', 'waiting', 'told', 'confirmed'])[min(w.place)] as state,
  max(w.changed_at) as changed_at
from (
  select h.host, a.post_id, max(h.changed_at) as changed_at,
    max(array_position(array['blocked', 'gave_up', 'waiting', 'told', 'confirmed'], h.state))
      as place
  from erasure_hosts h
  join activities a on a.id = h.activity_id
  where h.erasure_id = $1
  group by h.host, a.post_id) w
group by w.host
order by w.host
"""


async def list_told_unfiltered(conn: Connection, erasure_id: int) -> list[Told]:
    """Each server once, for whoever holds the receipt."""
    return await fetch_all(conn, Told, LIST_TOLD, erasure_id)


DROP_OLD = "delete from erasures where expires_at <= $1"


async def drop_old(conn: Connection, now: datetime) -> None:
    """Receipts whose time is over."""
    await conn.execute(DROP_OLD, now)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
