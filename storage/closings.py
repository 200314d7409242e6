"""Accounts that their owners close: what goes at once, who is told, and when the keys go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Recipient
from storage.db import Connection, fetch_all, fetch_one

# The name stays, so that nobody else is ever taken for this person.
CLOSE_ACCOUNT = """
update accounts
set state = 'closed', role = 'member', password_hash = $2, email = null,
  email_confirmed_at = null, locale = 'en', totp_secret = null, totp_since = null, totp_step = 0,
  signup_answer = '', idle_minutes = null, is_neutral = false, tells_likes = false,
  message_mail_after = null
where actor_id = $1 and state <> 'closed'
returning actor_id
"""

EMPTY_PROFILE = """
update actors
set state = 'gone', display_name = '', summary_html = '', also_known_as = '{}'
where id = $1 and is_local
"""


async def close(conn: Connection, actor_id: int, password_hash: str) -> bool:
    """Shut an account for good and empty its profile; False when that was done before."""
    if await conn.fetchval(CLOSE_ACCOUNT, actor_id, password_hash) is None:
        return False
    await conn.execute(EMPTY_PROFILE, actor_id)
    return True


DROP_ACCOUNTS_OWN = """
with sessions as (delete from sessions where account_id = $1),
tokens as (delete from one_time_tokens where account_id = $1),
codes as (delete from recovery_codes where account_id = $1),
passkeys as (delete from passkeys where account_id = $1),
mails as (delete from mails where account_id = $1),
consents as (delete from consents where account_id = $1),
imports as (delete from imports where account_id = $1)
delete from exports where account_id = $1
"""

DROP_PERSONS_OWN = """
with names as (select n.id from names_of($1) n),
blocks as (
  delete from blocks where blocker_id = $1 or blocked_id in (select n.id from names n)),
hosts as (delete from host_blocks where blocker_id = $1),
mutes as (delete from mutes where owner_id = $1 or actor_id in (select n.id from names n)),
submissions as (delete from submissions where actor_id = $1),
people as (
  update conversation_people set state = 'left' where actor_id = $1 and state <> 'left'),
reports as (update reports set reason = '' where reporter_id = $1 and reason <> ''),
stops as (
  update memberships set stopped_until = null, stopped_reason = ''
  where actor_id in (select n.id from names n) and stopped_reason <> '')
delete from invitations where created_by = $1
"""


async def drop_belongings(conn: Connection, actor_id: int) -> None:
    """All that was kept for or about this person and is no post, vote, like or membership."""
    await conn.execute(DROP_ACCOUNTS_OWN, actor_id)
    await conn.execute(DROP_PERSONS_OWN, actor_id)


# The one who has moderated for longest goes on; a community without any is the server's to look
# after.
HAND_ON = """
update memberships m set role = 'owner', role_until = null
from (
  select distinct on (o.community_id) n.community_id, n.actor_id
  from memberships o
  join memberships n on n.community_id = o.community_id and n.state = 'accepted'
    and n.role = 'moderator' and n.actor_id <> o.actor_id
  join actors a on a.id = n.actor_id and a.state = 'live'
  where o.actor_id = $1 and o.state = 'accepted' and o.role = 'owner'
    and not exists (
      select 1 from memberships x
      where x.community_id = o.community_id and x.actor_id <> o.actor_id
        and x.state = 'accepted' and x.role = 'owner')
  order by o.community_id, n.joined_at, n.actor_id) s
where m.community_id = s.community_id and m.actor_id = s.actor_id
"""


async def hand_on_communities(conn: Connection, actor_id: int) -> None:
    """Where this person is the only owner, another moderator becomes it."""
    await conn.execute(HAND_ON, actor_id)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A community on another server that somebody asked or joined."""

    community_id: int
    follow_uri: str


LIST_ELSEWHERE = """
select m.community_id, m.follow_uri
from memberships m
join actors c on c.id = m.community_id and not c.is_local
where m.actor_id = $1 and m.state in ('asked', 'accepted') and m.follow_uri is not null
order by m.community_id
"""


async def list_elsewhere_unfiltered(conn: Connection, actor_id: int) -> list[Elsewhere]:
    return await fetch_all(conn, Elsewhere, LIST_ELSEWHERE, actor_id)


ADD_POSTS = """
insert into erasure_posts (erasure_id, post_id)
select $1, p.id from posts p
where p.author_id = any (array(
    select $2::bigint union select l.actor_id from aliases l where l.owner_id = $2))
  and p.state <> 'erased' and p.kind <> 'boost'
on conflict do nothing
"""


async def add_posts(conn: Connection, erasure_id: int, actor_id: int) -> None:
    """All that somebody wrote, under their name or another, is in this erasure."""
    await conn.execute(ADD_POSTS, erasure_id, actor_id)


LIST_ALIASES = """
select l.actor_id from aliases l where l.owner_id = $1 order by l.actor_id
"""


async def list_aliases_unfiltered(conn: Connection, actor_id: int) -> list[int]:
    return [row["actor_id"] for row in await conn.fetch(LIST_ALIASES, actor_id)]


FORGET_ALIASES = """
update aliases set owner_id = null, ended_at = coalesce(ended_at, $2) where owner_id = $1
"""


async def forget_aliases(conn: Connection, actor_id: int, now: datetime) -> None:
    """Nobody can find out any more whose names these were."""
    await conn.execute(FORGET_ALIASES, actor_id, now)


LIST_HOSTS = """
select h.host from (
  select t.host from erasure_hosts t
  join activities s on s.id = t.activity_id
  join posts p on p.id = s.post_id and p.author_id = $2
  where t.erasure_id = $1
  union
  select c.host from erasure_posts e
  join post_copies c on c.post_id = e.post_id
  join posts p on p.id = e.post_id and p.author_id = $2
  where e.erasure_id = $1
  union
  select g.host from memberships m
  join actors g on g.id = m.community_id and not g.is_local
  where m.actor_id = $2 and m.joined_at is not null
  union
  select v.host from move_hosts v
  where v.actor_id = $2) h
order by h.host
"""


async def list_hosts_unfiltered(conn: Connection, erasure_id: int, actor_id: int) -> list[str]:
    """Servers that have met this person: by a post under their own name, in a community there, or
    because it was told that they moved.

    What knows only a name for one thread is not told whose it was.
    """
    return [row["host"] for row in await conn.fetch(LIST_HOSTS, erasure_id, actor_id)]


RECIPIENTS_ON = """
select r.inbox, h.host, i.software
from unnest($1::text[]) as h (host)
cross join lateral (
  select coalesce(a.shared_inbox, a.inbox) as inbox
  from actors a
  where a.host = h.host and not a.is_local
  order by a.state <> 'live', a.shared_inbox is null, a.id
  limit 1) r
left join instances i on i.host = h.host
where exists (select 1 from admitted(h.host))
"""


async def recipients_on(conn: Connection, hosts: list[str]) -> list[Recipient]:
    """One inbox of each of these servers with which anything may be exchanged."""
    return await fetch_all(conn, Recipient, RECIPIENTS_ON, hosts)


@dataclass(frozen=True, slots=True)
class Closing:
    erasure_id: int
    actor_id: int


# All posts are erased and each deletion was told to whoever answers: a server that heard first that
# the account is gone would look for its key in vain.
CLAIM_ERASED = """
select s.id as erasure_id, s.actor_id
from erasures s
where s.kind = 'account' and s.done_at is null and s.actor_id is not null
  and not exists (select 1 from departures d where d.actor_id = s.actor_id)
  and not exists (
    select 1 from erasure_posts e join posts p on p.id = e.post_id
    where e.erasure_id = s.id and p.state <> 'erased')
  and not exists (
    select 1 from events v
    where v.state = 'waiting' and (
      (v.kind = 'AccountClosed' and (v.payload ->> 'erasure_id')::bigint = s.id)
      or (v.kind = 'PostErased' and exists (
        select 1 from erasure_posts e
        where e.erasure_id = s.id and e.post_id = (v.payload ->> 'post_id')::bigint))))
  and not exists (
    select 1 from erasure_hosts h
    join deliveries d on d.activity_id = h.activity_id and d.host = h.host
    join destinations x on x.host = h.host
    where h.erasure_id = s.id and x.failing_since is null and x.parked_at is null
      and x.retired_at is null)
order by s.id
limit 1
for update of s skip locked
"""


async def claim_erased(conn: Connection) -> Closing | None:
    """An account of which nothing is left but to say that it is gone."""
    return await fetch_one(conn, Closing, CLAIM_ERASED)


# Nothing that somebody must sign is on the way any more.
DROP_KEYS = """
delete from actor_keys k
using actors a
where a.id = k.actor_id and a.is_local and a.kind = 'person' and a.state = 'gone'
  and not exists (select 1 from departures d where d.actor_id = a.id)
  and not exists (
    select 1 from erasures s where s.actor_id = a.id and s.kind = 'account' and s.done_at is null)
  and not exists (
    select 1 from deliveries d join activities v on v.id = d.activity_id where v.actor_id = a.id)
  and not exists (
    select 1 from events v
    join posts p on p.id = (v.payload ->> 'post_id')::bigint and p.author_id = a.id
    where v.state = 'waiting' and v.kind = 'PostErased')
"""


async def drop_keys(conn: Connection) -> int:
    """Destroy the keys of people who are gone and have nothing left to say; how many went."""
    return int((await conn.execute(DROP_KEYS)).rpartition(" ")[2])
