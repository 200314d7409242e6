"""What people agreed to and took back: a ledger, in which rows are closed and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Consent:
    """The last word of a person on one purpose."""

    version: int
    given_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """One row of a person's own ledger. The community is there for that purpose only."""

    id: int
    purpose: str
    community_id: int | None
    community_name: str
    community_title: str
    community_host: str
    version: int
    locale: str
    given_at: datetime
    withdrawn_at: datetime | None


READ_LAST = """
select c.version, c.given_at, c.withdrawn_at
from consents c
where c.account_id = $1 and c.purpose = $2 and c.community_id is not distinct from $3::bigint
order by c.id desc
limit 1
"""


async def read_last(
    conn: Connection, account_id: int, purpose: str, community_id: int | None
) -> Consent | None:
    """The latest row, for the rules; None for somebody who was never asked."""
    return await fetch_one(conn, Consent, READ_LAST, account_id, purpose, community_id)


# Nothing for an actor without an account: nobody is asked who does not sign in here.
INSERT = """
insert into consents (account_id, purpose, community_id, version, locale, given_at)
select s.actor_id, $2, $3, $4, coalesce(nullif($5, ''), s.locale), $6
from accounts s
where s.actor_id = $1
"""


async def insert(
    conn: Connection,
    account_id: int,
    purpose: str,
    community_id: int | None,
    *,
    version: int,
    locale: str,
    now: datetime,
) -> None:
    """Note a consent, in the language of the account where `locale` is ''."""
    await conn.execute(INSERT, account_id, purpose, community_id, version, locale, now)


WITHDRAW = """
update consents set withdrawn_at = $4
where account_id = $1 and purpose = $2 and community_id is not distinct from $3::bigint
  and withdrawn_at is null
"""


async def withdraw(
    conn: Connection, account_id: int, purpose: str, community_id: int | None, now: datetime
) -> bool:
    """Close what stands; False when nothing did."""
    status = await conn.execute(WITHDRAW, account_id, purpose, community_id, now)
    return status != "UPDATE 0"


LIST = """
select c.id, c.purpose, c.community_id, coalesce(a.name, '') as community_name,
  coalesce(a.display_name, '') as community_title,
  case when a.is_local then '' else coalesce(a.host, '') end as community_host,
  c.version, c.locale, c.given_at, c.withdrawn_at
from consents c
left join actors a on a.id = c.community_id
where c.account_id = $1
order by c.id desc
limit $2
"""


async def list_own(conn: Connection, viewer: Viewer, *, limit: int = 1000) -> list[ConsentLine]:
    """The viewer's own ledger, the latest first. Nobody reads another person's."""
    return await fetch_all(conn, ConsentLine, LIST, viewer.actor_id, limit)
