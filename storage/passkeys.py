"""Keys of devices that sign in without a password: their public halves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Passkey:
    id: bytes
    account_id: int
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime


INSERT = """
insert into passkeys (id, account_id, public_key, sign_count, name, created_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (id) do nothing
returning id
"""


async def insert(conn: Connection, passkey: Passkey) -> bool:
    """False when some account has this key already."""
    found = await conn.fetchval(
        INSERT, passkey.id, passkey.account_id, passkey.public_key, passkey.sign_count,
        passkey.name, passkey.created_at,
    )  # fmt: skip
    return found is not None


FIND = """
select id, account_id, public_key, sign_count, name, created_at
from passkeys
where id = $1
for update
"""


async def find(conn: Connection, passkey_id: bytes) -> Passkey | None:
    """The key, held until the transaction ends, so that its counter is compared once at a time."""
    return await fetch_one(conn, Passkey, FIND, passkey_id)


COUNT_USE = "update passkeys set sign_count = $2 where id = $1"


async def count_use(conn: Connection, passkey_id: bytes, sign_count: int) -> None:
    await conn.execute(COUNT_USE, passkey_id, sign_count)


LIST = """
select id, account_id, public_key, sign_count, name, created_at
from passkeys
where account_id = $1
order by created_at, id
"""


async def list_own(conn: Connection, viewer: Viewer) -> list[Passkey]:
    """The viewer's own keys, oldest first."""
    return await fetch_all(conn, Passkey, LIST, viewer.actor_id)


DROP = "delete from passkeys where account_id = $1 and id = $2"


async def drop(conn: Connection, account_id: int, passkey_id: bytes) -> None:
    await conn.execute(DROP, account_id, passkey_id)


DROP_ALL = "delete from passkeys where account_id = $1"


async def drop_all(conn: Connection, account_id: int) -> None:
    await conn.execute(DROP_ALL, account_id)
