"""Activities as they were sent, byte for byte: kept once, sent as kept, served at their id.

`type` names the wrapped activity too ("Announce Create"), because what carries a post's words is
emptied when the post is erased, and what takes it back is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

# These hold no word of the post: they are kept, sent and served after it is gone. Whatever else is
# linked to a post is emptied with it.
# A Recall is a Delete for one server alone, of a post that may well stand everywhere else.
TAKES_BACK = "('Delete', 'Announce Delete', 'Undo Announce', 'Recall')"

# These tell others of a post, in full or by its id.
TELLS = "('Create', 'Announce', 'Announce Create')"

# Who votes for what and likes what is between two servers: nobody reads it here, and once it has
# arrived it is forgotten.
PERSONAL = """('Vote', 'Like', 'Dislike', 'EmojiReact', 'Undo Like', 'Undo Dislike',
  'Undo EmojiReact')"""

INSERT = """
insert into activities (id, uri, actor_id, type, post_id, body)
select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bytea[])
"""

READ = f"""
select a.id, a.type, p.audience = 'public' as is_public, a.body, a.post_id
from activities a
join posts p on p.id = a.post_id
where a.id = $1 and octet_length(a.body) > 0 and a.type not in {PERSONAL} and a.type <> 'Recall'
  and (exists (select 1 from visible_posts($2::bigint, $3::text) v where v.id = a.post_id)
    or (a.type in ('Delete', 'Announce Delete')
      and p.state = 'erased' and p.is_local
      and reads_community(p.community_id, $2::bigint, $3::text)))
"""

READ_UNFILTERED = """
select a.id, a.uri, a.actor_id, a.type, a.post_id, a.body
from activities a
where a.id = $1
"""

FIND_OF_POST = """
select a.id, a.uri, a.actor_id, a.type, a.post_id, a.body
from activities a
where a.post_id = $1 and a.type = $2
order by a.id
limit 1
"""

WAS_SENT = f"select exists (select 1 from activities where post_id = $1 and type in {TELLS})"

DROP_BODIES = f"""
update activities set body = ''
where post_id = $1 and type not in {TAKES_BACK} and octet_length(body) > 0
"""

# Of a thread that was edited, the words that it has now.
LIST_OUTBOX = """
select p.id as post_id, l.body
from visible_posts($1::bigint, $2::text) p
cross join lateral (
  select a.body
  from activities a
  where a.post_id = p.id and a.actor_id = $3 and octet_length(a.body) > 0
    and a.type in ('Announce Create', 'Announce Update')
  order by a.id desc
  limit 1) l
where p.community_id = $3 and p.kind = 'thread' and ($4::bigint is null or p.id < $4::bigint)
order by p.id desc
limit $5
"""

HOLD_POSTS = """
select id from posts
where id = any($1::bigint[])
order by id
for share skip locked
"""


@dataclass(frozen=True, slots=True)
class Activity:
    id: int
    uri: str
    actor_id: int
    type: str
    post_id: int | None
    body: bytes


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """What is served at an activity's id."""

    id: int
    type: str
    is_public: bool
    body: bytes
    post_id: int | None


@dataclass(frozen=True, slots=True)
class OutboxItem:
    post_id: int
    body: bytes


async def insert(conn: Connection, activity: Activity) -> None:
    await insert_all(conn, [activity])


async def insert_all(conn: Connection, activities: list[Activity]) -> None:
    """Keep many in one round trip."""
    await conn.execute(
        INSERT,
        [activity.id for activity in activities],
        [activity.uri for activity in activities],
        [activity.actor_id for activity in activities],
        [activity.type for activity in activities],
        [activity.post_id for activity in activities],
        [activity.body for activity in activities],
    )


async def read_activity(conn: Connection, viewer: Viewer, activity_id: int) -> ActivityRow | None:
    """The activity, if the viewer may see the post that it tells of.

    Activities without a post (a Follow, its answer) and votes and likes are nobody's to read. The
    Delete of a post stays readable for those who could read the post: it holds nothing but its URI.
    """
    return await fetch_one(conn, ActivityRow, READ, activity_id, viewer.actor_id, viewer.host)


async def read_unfiltered(conn: Connection, activity_id: int) -> Activity | None:
    return await fetch_one(conn, Activity, READ_UNFILTERED, activity_id)


async def find_of_post_unfiltered(
    conn: Connection, post_id: int, activity_type: str
) -> Activity | None:
    """The first activity of this type about the post."""
    return await fetch_one(conn, Activity, FIND_OF_POST, post_id, activity_type)


async def was_sent(conn: Connection, post_id: int) -> bool:
    """Whether other servers may have heard of the post at all."""
    return bool(await conn.fetchval(WAS_SENT, post_id))


async def drop_bodies_of_post(conn: Connection, post_id: int) -> None:
    """Empty everything that carries the post's words. Ids stay, and so does its Delete."""
    await conn.execute(DROP_BODIES, post_id)


DROP_OLD = f"""
delete from activities
where id in (
  select a.id from activities a
  where (a.post_id is null or a.type in {PERSONAL}) and a.created_at < $1
    and not exists (select 1 from deliveries d where d.activity_id = a.id)
    and not exists (select 1 from erasure_hosts e where e.activity_id = a.id)
  order by a.created_at
  limit $2)
"""


async def drop_old(conn: Connection, before: datetime, limit: int) -> int:
    """Forget who joined, left, voted or liked before then, once it has arrived; how many went."""
    result = await conn.execute(DROP_OLD, before, limit)
    return int(result.rpartition(" ")[2])


async def list_outbox(
    conn: Connection, viewer: Viewer, community_id: int, *, before: int | None, limit: int
) -> list[OutboxItem]:
    """What a community announced last of each thread, newest thread first."""
    return await fetch_all(
        conn, OutboxItem, LIST_OUTBOX, viewer.actor_id, viewer.host, community_id, before, limit
    )


async def hold_posts(conn: Connection, post_ids: list[int]) -> set[int]:
    """Keep these posts as they are until this transaction ends; returns those that could be held.

    A post that somebody is changing at this moment is left out instead of waited for. An erasure
    therefore comes either before what is rendered from the post, or after it is stored: it never
    slips in between and leaves words behind.
    """
    return {row["id"] for row in await conn.fetch(HOLD_POSTS, post_ids)}
