"""The read rule: who may see, and its second face, who receives.

The rule itself is SQL (`storage/functions.sql`), so that a list, a single read, a count and a
delivery all share it. Every read of the program takes a Viewer right after the connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.db import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: a member here, an actor elsewhere, a server elsewhere, or nobody.

    `host` is None in the browser; at the ActivityPub door it is always set, to '' when the
    request was not signed.
    """

    actor_id: int | None = None
    host: str | None = None


NOBODY = Viewer()
UNKNOWN_SERVER = Viewer(host="")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One inbox to deliver to, shared inboxes preferred."""

    inbox: str
    host: str
    software: str | None


# Inboxes first, then what holds for their servers: thousands of members are on few servers.
RECIPIENTS_OF_COMMUNITY = """
select r.inbox, r.host, i.software
from (
  select distinct coalesce(a.shared_inbox, a.inbox) as inbox, a.host
  from memberships m
  join actors a on a.id = m.actor_id and not a.is_local and a.state = 'live'
  where m.community_id = $1 and m.state = 'accepted') r
left join instances i on i.host = r.host
where exists (select 1 from travelling_communities(r.host) t where t.actor_id = $1)
  and exists (select 1 from admitted(r.host))
"""


async def recipients_of_community(conn: Connection, community_id: int) -> list[Recipient]:
    """The inboxes of servers elsewhere that hold accepted members of a local community."""
    return await fetch_all(conn, Recipient, RECIPIENTS_OF_COMMUNITY, community_id)


# Who left or was taken out still holds a copy: what takes a post back reaches them too, wherever
# it may travel now. Who was never let in holds none, and it would tell them who writes there.
RECIPIENTS_OF_RETRACTION = """
select r.inbox, r.host, i.software
from (
  select coalesce(a.shared_inbox, a.inbox) as inbox, a.host,
    bool_or(m.state <> 'accepted') as was_here
  from memberships m
  join actors a on a.id = m.actor_id and not a.is_local and a.state = 'live'
  where m.community_id = $1 and m.joined_at is not null
    and m.state in ('accepted', 'left', 'refused')
  group by 1, 2) r
left join instances i on i.host = r.host
where (r.was_here or exists (
    select 1 from travelling_communities(r.host) t where t.actor_id = $1))
  and exists (select 1 from admitted(r.host))
"""


async def recipients_of_retraction(conn: Connection, community_id: int) -> list[Recipient]:
    """The inboxes of servers elsewhere that hold, or may hold, posts of a local community."""
    return await fetch_all(conn, Recipient, RECIPIENTS_OF_RETRACTION, community_id)


RECIPIENTS_IN_THREAD = """
select r.inbox, r.host, i.software
from (
  select distinct coalesce(a.shared_inbox, a.inbox) as inbox, a.host, p.community_id
  from posts p
  join actors a on a.id = p.author_id and not a.is_local and a.state = 'live'
  join memberships m on m.community_id = p.community_id and m.actor_id = a.id
    and m.state = 'accepted'
  where p.thread_id = $1 and p.kind <> 'boost' and p.state = 'live' and p.audience = 'public') r
left join instances i on i.host = r.host
where exists (
    select 1 from travelling_communities(r.host) t where t.actor_id = r.community_id)
  and exists (select 1 from admitted(r.host))
"""


async def recipients_in_thread(conn: Connection, thread_id: int) -> list[Recipient]:
    """The inboxes of members elsewhere who wrote in a public thread."""
    return await fetch_all(conn, Recipient, RECIPIENTS_IN_THREAD, thread_id)


# A vote goes to the author of the poll alone, and a like to the author of the post. In a closed
# community only to one who is known to be in it: a member, or somebody of the server that runs it.
RECIPIENTS_OF_AUTHOR = """
select a.inbox, a.host, i.software
from actors a
join communities c on c.actor_id = $1
join actors g on g.id = c.actor_id
left join instances i on i.host = a.host
where a.id = $2 and not a.is_local and a.state = 'live'
  and (c.readers = 'anyone' or a.host = g.host or exists (
    select 1 from memberships m
    where m.community_id = c.actor_id and m.actor_id = a.id and m.state = 'accepted'))
  and exists (select 1 from travelling_communities(a.host) t where t.actor_id = c.actor_id)
  and exists (select 1 from admitted(a.host))
"""


async def recipients_of_author(
    conn: Connection, community_id: int, author_id: int
) -> list[Recipient]:
    """The own inbox of somebody elsewhere who wrote in a community; nothing if it may not know."""
    return await fetch_all(conn, Recipient, RECIPIENTS_OF_AUTHOR, community_id, author_id)


READS_COMMUNITY = """
select exists (
  select 1 from readable_communities($2::bigint, $3::text) c where c.actor_id = $1)
"""


async def reads_community(conn: Connection, viewer: Viewer, community_id: int) -> bool:
    """Whether the viewer may read what is written in the community."""
    return bool(await conn.fetchval(READS_COMMUNITY, community_id, viewer.actor_id, viewer.host))


MODERATES = "select moderates($1::bigint, $2::bigint)"


async def moderates(conn: Connection, viewer: Viewer, community_id: int) -> bool:
    """Whether the viewer moderates what is written in the community."""
    return bool(await conn.fetchval(MODERATES, community_id, viewer.actor_id))
