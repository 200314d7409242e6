"""Actors: people, communities and servers, here and elsewhere.

A row is never deleted, so a name that was used once can not be taken by somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

COLUMNS = """a.id, a.uri, a.kind, a.type, a.host, a.is_local, a.name, a.display_name,
  a.summary_html, a.url, a.inbox, a.shared_inbox, a.followers, a.state, a.moved_to,
  a.also_known_as"""


@dataclass(frozen=True, slots=True)
class Actor:
    """`moved_to` is who it is now; `also_known_as` are others that it says it is too."""

    id: int
    uri: str
    kind: str
    type: str
    host: str
    is_local: bool
    name: str
    display_name: str
    summary_html: str
    url: str | None
    inbox: str
    shared_inbox: str | None
    followers: str | None
    state: str
    moved_to: int | None = None
    also_known_as: list[str] = field(default_factory=list)


INSERT = """
insert into actors (id, uri, kind, type, host, is_local, name, display_name, summary_html, url,
  inbox, shared_inbox, followers, state, also_known_as)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict do nothing
returning id
"""


async def insert(conn: Connection, actor: Actor) -> bool:
    """False when the URI is known already or the local name was ever used."""
    row = await conn.fetchval(INSERT, *_values(actor))
    return row is not None


UPSERT_REMOTE = f"""
insert into actors as a (id, uri, kind, type, host, is_local, name, display_name, summary_html, url,
  inbox, shared_inbox, followers, state, also_known_as, fetched_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (uri) do update
set type = excluded.type, host = excluded.host, name = excluded.name,
  display_name = excluded.display_name, summary_html = excluded.summary_html, url = excluded.url,
  inbox = excluded.inbox, shared_inbox = excluded.shared_inbox, followers = excluded.followers,
  state = case when a.state = 'gone' then excluded.state else a.state end,
  also_known_as = excluded.also_known_as, fetched_at = excluded.fetched_at
where not a.is_local and a.kind = excluded.kind
returning {COLUMNS}
"""

READ_BY_URI = f"select {COLUMNS} from actors a where a.uri = $1"


async def upsert_remote(conn: Connection, actor: Actor, now: datetime) -> Actor:
    """Store or refresh an actor of another server; the row that stands for its URI afterwards.

    The stored id is kept. A suspension is not lifted by a fetch, a local actor is never touched,
    and a person does not turn into a community: then the row comes back as it was. Nobody moves
    by a fetch.
    """
    if actor.is_local:
        raise ValueError("a local actor is inserted, not fetched")
    row = await fetch_one(conn, Actor, UPSERT_REMOTE, *_values(actor), now)
    return row or await fetch_one(conn, Actor, READ_BY_URI, actor.uri) or actor


READ = f"select {COLUMNS} from actors a where a.id = $1"


async def read_unfiltered(conn: Connection, actor_id: int) -> Actor | None:
    return await fetch_one(conn, Actor, READ, actor_id)


async def read_by_uri_unfiltered(conn: Connection, uri: str) -> Actor | None:
    return await fetch_one(conn, Actor, READ_BY_URI, uri)


LIST_BY_URIS = f"select {COLUMNS} from actors a where a.uri = any($1::text[])"


async def list_by_uris_unfiltered(conn: Connection, uris: list[str]) -> list[Actor]:
    return await fetch_all(conn, Actor, LIST_BY_URIS, uris)


LIST_BY_IDS = f"select {COLUMNS} from actors a where a.id = any($1::bigint[])"


async def list_by_ids_unfiltered(conn: Connection, actor_ids: list[int]) -> list[Actor]:
    return await fetch_all(conn, Actor, LIST_BY_IDS, actor_ids)


# The shared inbox of a server is everybody's: two rows are enough to know it.
LIST_BY_INBOX = f"""
select {COLUMNS} from actors a
where a.host = $1 and not a.is_local and a.state = 'live'
  and (a.shared_inbox = $2 or a.inbox = $2)
order by a.shared_inbox = $2 desc nulls last, a.id
limit 2
"""


async def list_by_inbox_unfiltered(conn: Connection, host: str, inbox: str) -> list[Actor]:
    """One or two actors of a server that are reached at this inbox."""
    return await fetch_all(conn, Actor, LIST_BY_INBOX, host, inbox)


READ_OWN = f"select {COLUMNS} from actors a where a.id = $1 and a.is_local and a.state = 'live'"


async def read_own(conn: Connection, viewer: Viewer) -> Actor | None:
    """The viewer's own actor, if the viewer is a person of this server."""
    return await fetch_one(conn, Actor, READ_OWN, viewer.actor_id)


FIND_LOCAL = f"select {COLUMNS} from actors a where lower(a.name) = lower($1) and a.is_local"


async def find_local_unfiltered(conn: Connection, name: str) -> Actor | None:
    """The local actor of that name, in any spelling and any state."""
    return await fetch_one(conn, Actor, FIND_LOCAL, name)


READ_PERSON = f"""
select {COLUMNS}
from actors a
left join accounts s on s.actor_id = a.id
where lower(a.name) = lower($3) and coalesce(s.state, 'open') = 'open' and a.is_local
  and a.kind = 'person' and a.state = 'live'
  and not refuses($2::text)
  and not is_kept_away(array[a.id], $1)
"""


async def read_person(conn: Connection, viewer: Viewer, name: str) -> Actor | None:
    """A person of this server, or its reader; None for whom it is hidden, and for the blocked."""
    return await fetch_one(conn, Actor, READ_PERSON, viewer.actor_id, viewer.host, name)


READ_VISIBLE = f"""
select {COLUMNS}
from actors a
left join instances i on i.host = a.host
where a.id = $3 and a.kind = 'person' and a.state = 'live'
  and (a.is_local or i.policy is distinct from 'refused')
  and not refuses($2::text)
  and not is_kept_away(array[a.id], $1)
"""


async def read_person_by_id(conn: Connection, viewer: Viewer, actor_id: int) -> Actor | None:
    """A live person, here or elsewhere."""
    return await fetch_one(conn, Actor, READ_VISIBLE, viewer.actor_id, viewer.host, actor_id)


MARK_GONE = "update actors set state = 'gone' where id = $1 and not is_local"


async def mark_gone(conn: Connection, actor_id: int) -> None:
    """Another server says that the actor is deleted; its posts are no longer seen."""
    await conn.execute(MARK_GONE, actor_id)


MARK_GONE_BY_URI = """
update actors set state = 'gone' where uri = $1 and not is_local and state = 'live'
"""


async def mark_gone_by_uri(conn: Connection, uri: str) -> bool:
    """As `mark_gone`; False for an actor who is not known here, or not seen anyway."""
    return await conn.execute(MARK_GONE_BY_URI, uri) == "UPDATE 1"


IS_GONE_FROM_HERE = """
select exists (
  select 1 from actors where id = $1 and is_local and kind = 'person' and state = 'gone')
"""


async def is_gone_from_here(conn: Connection, actor_id: int) -> bool:
    """Whether somebody of this server closed their account."""
    return bool(await conn.fetchval(IS_GONE_FROM_HERE, actor_id))


LIST_STALE = """
select a.uri from actors a
where a.uri = any($1::text[]) and not a.is_local and a.state <> 'suspended'
  and (a.fetched_at is null or a.fetched_at < $2)
"""


async def list_stale_unfiltered(conn: Connection, uris: list[str], before: datetime) -> list[str]:
    """Those among known actors elsewhere whose documents were not read since then."""
    return [row["uri"] for row in await conn.fetch(LIST_STALE, uris, before)]


SET_STATE = """
update actors set state = $2
where id = any (array(
  select $1::bigint union select l.actor_id from aliases l where l.owner_id = $1))
"""


async def set_state(conn: Connection, actor_id: int, state: str) -> None:
    """Of the actor and of the names for one thread that they have."""
    await conn.execute(SET_STATE, actor_id, state)


MOVE_INSTANCE_ACTOR = """
update actors
set uri = $1, host = $2, name = $2, url = $3, inbox = $4, shared_inbox = $4
where kind = 'instance' and is_local
"""

MOVE_INSTANCE_KEY = """
update actor_keys set uri = $1
where actor_id = (select id from actors where kind = 'instance' and is_local)
"""


async def move_instance_actor(
    conn: Connection, *, uri: str, host: str, url: str, inbox: str, key_uri: str
) -> None:
    """Give this server's own actor another address, while nobody else has one here yet."""
    await conn.execute(MOVE_INSTANCE_ACTOR, uri, host, url, inbox)
    await conn.execute(MOVE_INSTANCE_KEY, key_uri)


HAS_LOCAL = "select exists (select 1 from actors where is_local and kind <> 'instance')"


async def has_local(conn: Connection) -> bool:
    """Whether any person or community was ever made here."""
    return bool(await conn.fetchval(HAS_LOCAL))


def _values(actor: Actor) -> tuple[object, ...]:
    return (
        actor.id,
        actor.uri,
        actor.kind,
        actor.type,
        actor.host,
        actor.is_local,
        actor.name,
        actor.display_name,
        actor.summary_html,
        actor.url,
        actor.inbox,
        actor.shared_inbox,
        actor.followers,
        actor.state,
        actor.also_known_as,
    )
