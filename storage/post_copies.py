"""Which servers were ever given a post: they are told when it goes."""

from __future__ import annotations

from storage.audience import Recipient
from storage.db import Connection, fetch_all

NOTE = """
insert into post_copies (post_id, host)
select p.id, $2
from unnest($1::bigint[]) as p (id)
where $2 <> '' and not exists (
  select 1 from post_copies c where c.post_id = p.id and c.host = $2)
order by p.id
on conflict do nothing
"""


async def note(conn: Connection, post_ids: list[int], host: str | None) -> None:
    """That server has read these posts; nothing for one that did not say who it is."""
    if host and post_ids:
        await conn.execute(NOTE, post_ids, host)


# One inbox for each server: that of all its people, if any of them names one.
RECIPIENTS_OF_POST = """
select r.inbox, c.host, i.software
from post_copies c
cross join lateral (
  select coalesce(a.shared_inbox, a.inbox) as inbox
  from actors a
  where a.host = c.host and not a.is_local
  order by a.state <> 'live', a.shared_inbox is null, a.id
  limit 1) r
left join instances i on i.host = c.host
where c.post_id = $1 and exists (select 1 from admitted(c.host))
"""


async def recipients_of_post(conn: Connection, post_id: int) -> list[Recipient]:
    """The servers that were given the post and that anything may be exchanged with."""
    return await fetch_all(conn, Recipient, RECIPIENTS_OF_POST, post_id)


LIST_HOSTS = "select host from post_copies where post_id = $1 order by host"


async def list_hosts_unfiltered(conn: Connection, post_id: int) -> list[str]:
    return [row["host"] for row in await conn.fetch(LIST_HOSTS, post_id)]


LIST_OF_HOST = """
select c.post_id
from post_copies c
join posts p on p.id = c.post_id
where c.host = $1 and c.post_id > $2 and p.state <> 'erased'
order by c.post_id
limit $3
"""


async def list_of_host_unfiltered(
    conn: Connection, host: str, *, after: int, limit: int
) -> list[int]:
    """Posts that a server was given and that still stand here."""
    return [row["post_id"] for row in await conn.fetch(LIST_OF_HOST, host, after, limit)]


COUNT_OF_HOST = """
select count(*) from post_copies c join posts p on p.id = c.post_id
where c.host = $1 and p.state <> 'erased'
"""


async def count_of_host(conn: Connection, host: str) -> int:
    return int(await conn.fetchval(COUNT_OF_HOST, host))
