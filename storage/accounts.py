"""Logins of people of this server. A person without a row here lives elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Account:
    actor_id: int
    name: str
    password_hash: str = field(repr=False)
    role: str
    state: str


@dataclass(frozen=True, slots=True)
class WaitingAccount:
    actor_id: int
    name: str
    created_at: datetime
    signup_answer: str


INSERT = """
insert into accounts (actor_id, password_hash, role, state, created_at)
values ($1, $2, $3, $4, $5)
"""


async def insert(
    conn: Connection, actor_id: int, password_hash: str, *, role: str, state: str, now: datetime
) -> None:
    await conn.execute(INSERT, actor_id, password_hash, role, state, now)


READ_BY_NAME = """
select s.actor_id, a.name, s.password_hash, s.role, s.state
from actors a
join accounts s on s.actor_id = a.id
where lower(a.name) = lower($1) and a.is_local
"""


async def read_by_name(conn: Connection, name: str) -> Account | None:
    return await fetch_one(conn, Account, READ_BY_NAME, name)


READ = """
select s.actor_id, a.name, s.password_hash, s.role, s.state
from accounts s
join actors a on a.id = s.actor_id
where s.actor_id = $1
"""


async def read_account(conn: Connection, actor_id: int) -> Account | None:
    return await fetch_one(conn, Account, READ, actor_id)


KEEP_ANSWER = "update accounts set signup_answer = $2 where actor_id = $1"


async def keep_answer(conn: Connection, actor_id: int, answer: str) -> None:
    """What somebody answered who waits to be let in; '' once it is decided."""
    await conn.execute(KEEP_ANSWER, actor_id, answer)


SET_STATE = "update accounts set state = $2 where actor_id = $1"


async def set_state(conn: Connection, actor_id: int, state: str) -> None:
    await conn.execute(SET_STATE, actor_id, state)


SUSPEND = """
update accounts
set was_waiting = case state when 'suspended' then was_waiting else state = 'waiting' end,
  state = 'suspended'
where actor_id = $1
"""


async def suspend(conn: Connection, actor_id: int) -> None:
    """Shut it, and remember whether anybody had let it in."""
    await conn.execute(SUSPEND, actor_id)


UNSUSPEND = """
update accounts set state = case when was_waiting then 'waiting' else 'open' end
where actor_id = $1 and state = 'suspended'
"""


async def unsuspend(conn: Connection, actor_id: int) -> None:
    """As it was before: whoever waited to be let in waits again."""
    await conn.execute(UNSUSPEND, actor_id)


LOCK_ADMINS = """
select actor_id from accounts where role = 'admin' and state = 'open' order by actor_id for update
"""


async def lock_admins(conn: Connection) -> list[int]:
    """Who runs this server; none of them changes until the transaction ends."""
    return [row["actor_id"] for row in await conn.fetch(LOCK_ADMINS)]


SET_ROLE = "update accounts set role = $2 where actor_id = $1"


async def set_role(conn: Connection, actor_id: int, role: str) -> None:
    """What somebody may do on the whole server."""
    await conn.execute(SET_ROLE, actor_id, role)


SET_PASSWORD = "update accounts set password_hash = $2 where actor_id = $1"  # noqa: S105


async def set_password(conn: Connection, actor_id: int, password_hash: str) -> None:
    await conn.execute(SET_PASSWORD, actor_id, password_hash)


SET_LOCALE = "update accounts set locale = $2 where actor_id = $1"


async def set_locale(conn: Connection, actor_id: int, locale: str) -> None:
    """In which language the pages speak to this person."""
    await conn.execute(SET_LOCALE, actor_id, locale)


@dataclass(frozen=True, slots=True)
class Steward:
    """Somebody who looks after the whole server."""

    actor_id: int
    name: str
    role: str


LIST_STEWARDS = """
select s.actor_id, a.name, s.role
from accounts s
join actors a on a.id = s.actor_id
where s.role <> 'member' and s.state = 'open'
order by s.role, lower(a.name)
"""


async def list_stewards(conn: Connection) -> list[Steward]:
    """Who runs this server and who moderates it, for administrators."""
    return await fetch_all(conn, Steward, LIST_STEWARDS)


LIST_WAITING = """
select s.actor_id, a.name, s.created_at, s.signup_answer
from accounts s
join actors a on a.id = s.actor_id
where s.state = 'waiting' and s.actor_id > $1
order by s.actor_id
limit $2
"""


async def list_waiting(conn: Connection, *, after: int = 0, limit: int) -> list[WaitingAccount]:
    """People who wait to be let in, oldest first."""
    return await fetch_all(conn, WaitingAccount, LIST_WAITING, after, limit)
