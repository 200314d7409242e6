"""Other servers: what the administrator decided about them, and what software they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Standing:
    """`policy` is default, allowed or refused; `mode` is what this server allows in general."""

    host: str
    policy: str
    mode: str | None


@dataclass(frozen=True, slots=True)
class Instance:
    host: str
    policy: str
    software: str | None
    version: str | None
    software_checked_at: datetime | None
    last_alive_at: datetime | None


READ_STANDING = """
select $1::text as host,
  case
    when exists (select 1 from refusals_of($1::text)) then 'refused'
    else coalesce((select i.policy from instances i where i.host = $1), 'default')
  end as policy,
  s.federation_mode as mode
from site s
"""


async def read_standing(conn: Connection, host: str) -> Standing:
    """What a server may do here; it need not be known. A refusal covers its subdomains."""
    host = host.lower()
    row = await fetch_one(conn, Standing, READ_STANDING, host)
    return row or Standing(host, "default", None)


COLUMNS = "i.host, i.policy, i.software, i.version, i.software_checked_at, i.last_alive_at"

READ = f"select {COLUMNS} from instances i where i.host = $1"


async def read_instance(conn: Connection, host: str) -> Instance | None:
    return await fetch_one(conn, Instance, READ, host.lower())


SAVE_SOFTWARE = """
insert into instances (host, software, version, software_checked_at)
values (lower($1), $2, $3, $4)
on conflict (host) do update
set software = excluded.software, version = excluded.version,
  software_checked_at = excluded.software_checked_at
"""


async def save_software(
    conn: Connection, host: str, software: str | None, version: str | None, now: datetime
) -> None:
    """What NodeInfo said; None when it said nothing, so that it is not asked again at once."""
    await conn.execute(SAVE_SOFTWARE, host, software, version, now)


NOTE_ALIVE = """
insert into instances as i (host, last_alive_at)
values (lower($1), $2)
on conflict (host) do update set last_alive_at = excluded.last_alive_at
where i.last_alive_at is null or i.last_alive_at < excluded.last_alive_at - interval '1 hour'
"""


async def note_alive(conn: Connection, host: str, now: datetime) -> None:
    """A sign of life, written at most once an hour per server."""
    await conn.execute(NOTE_ALIVE, host, now)


LIST_DECIDED = f"""
select {COLUMNS} from instances i
where i.host > $1 and i.policy <> 'default'
order by i.host
limit $2
"""


async def list_decided(conn: Connection, *, after: str = "", limit: int) -> list[Instance]:
    """Servers that the administrator blocked or allowed, by name."""
    return await fetch_all(conn, Instance, LIST_DECIDED, after, limit)


SET_POLICY = """
insert into instances (host, policy) values (lower($1), $2)
on conflict (host) do update set policy = excluded.policy
"""

# Servers below the named one: their people are refused too, and let in again with it.
SET_POLICY_BELOW = """
insert into instances (host, policy)
select distinct h.host, $2
from (select host from instances union select host from actors where not is_local) h
where right(h.host, length($1) + 1) = '.' || lower($1)
on conflict (host) do update set policy = excluded.policy
"""

BUMP_EPOCH = "update site set epoch = epoch + 1"


async def set_policy(conn: Connection, host: str, policy: str) -> None:
    """Decide about a server; a refusal, and its end, go for its subdomains too."""
    await conn.execute(SET_POLICY, host, policy)
    if policy != "allowed":
        await conn.execute(SET_POLICY_BELOW, host, policy)
    await conn.execute(BUMP_EPOCH)


LIST_SIGNATURES = """
select i.host, i.signature
from instances i
where i.signature is not null
order by i.host
limit $1
"""


async def list_signatures(conn: Connection, *, limit: int) -> dict[str, str]:
    """Which kind of signature servers want, for those that have shown it."""
    return {row["host"]: row["signature"] for row in await conn.fetch(LIST_SIGNATURES, limit)}


SAVE_SIGNATURE = """
insert into instances (host, signature) values (lower($1), $2)
on conflict (host) do update set signature = excluded.signature
"""


async def save_signature(conn: Connection, host: str, form: str) -> None:
    """Remember the kind of signature, cavage or rfc9421, that a server took."""
    await conn.execute(SAVE_SIGNATURE, host, form)


# What was decided stays, and so does what is known of a server whose people are known.
DROP_IDLE = """
delete from instances
where host in (
  select i.host from instances i
  where i.policy = 'default' and i.first_seen_at < $1
    and coalesce(i.last_alive_at, i.first_seen_at) < $1
    and coalesce(i.software_checked_at, i.first_seen_at) < $1
    and not exists (select 1 from actors a where a.host = i.host and not a.is_local)
  order by i.host
  limit $2)
"""


async def drop_idle(conn: Connection, before: datetime, limit: int) -> int:
    """Forget servers that were silent since then and have nobody here; how many rows went.

    Anybody can name a server, and whoever owns a domain has as many below it as they like.
    """
    return int((await conn.execute(DROP_IDLE, before, limit)).rpartition(" ")[2])
