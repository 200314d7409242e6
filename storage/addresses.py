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


IS_OTHERS = """
select exists (
  select 1 from accounts
  where lower(email) = lower($1) and email_confirmed_at is not null and actor_id <> $2)
"""


async def is_others(conn: Connection, address: str, account_id: int) -> bool:
    """Whether another account has confirmed it."""
    return bool(await conn.fetchval(IS_OTHERS, address, account_id))


CONFIRM = "update accounts set email = $2, email_confirmed_at = $3 where actor_id = $1"


async def confirm(conn: Connection, account_id: int, address: str, now: datetime) -> None:
    await conn.execute(CONFIRM, account_id, address, now)


REMOVE = "update accounts set email = null, email_confirmed_at = null where actor_id = $1"


async def remove(conn: Connection, account_id: int) -> None:
    await conn.execute(REMOVE, account_id)
