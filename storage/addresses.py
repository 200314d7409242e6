"""Mail addresses of accounts: one account for a confirmed address, and none that can be listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.db import Connection, fetch_one


@dataclass(frozen=True, slots=True)
class Addressee:
    """An account that mail reaches."""

    account_id: int
    address: str
    locale: str
    state: str


FIND = """
select s.actor_id as account_id, s.email as address, s.locale, s.state
from accounts s
where lower(s.email) = lower($1) and s.email_confirmed_at is not null
  and s.state in ('open', 'waiting')
"""


async def find(conn: Connection, address: str) -> Addressee | None:
    """The account with this confirmed address, unless it is shut."""
    return await fetch_one(conn, Addressee, FIND, address)


READ_OF_ACCOUNT = """
select s.actor_id as account_id, s.email as address, s.locale, s.state
from accounts s
where s.actor_id = $1 and s.email_confirmed_at is not null
"""


async def read_of_account(conn: Connection, account_id: int) -> Addressee | None:
    """Where mail reaches this account; None when it has no confirmed address."""
    return await fetch_one(conn, Addressee, READ_OF_ACCOUNT, account_id)


# Two who confirm one address at once wait for each other here, so that one of them is told.
LOCK_ADDRESS = "select pg_advisory_xact_lock(hashtextextended(lower($1), 20))"

CONFIRM = """
update accounts set email = $2, email_confirmed_at = $3
where actor_id = $1 and not exists (
  select 1 from accounts o
  where lower(o.email) = lower($2) and o.email_confirmed_at is not null and o.actor_id <> $1)
returning actor_id
"""


async def confirm(conn: Connection, account_id: int, address: str, now: datetime) -> bool:
    """It is this account's from now on; False when another account has confirmed it."""
    await conn.execute(LOCK_ADDRESS, address)
    return await conn.fetchval(CONFIRM, account_id, address, now) is not None


REMOVE = "update accounts set email = null, email_confirmed_at = null where actor_id = $1"


async def remove(conn: Connection, account_id: int) -> None:
    await conn.execute(REMOVE, account_id)
