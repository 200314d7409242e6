"""Sessions of people in the browser. Only a hash of the token is stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.db import Connection, fetch_one

LIFETIME = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Member:
    """Who is signed in."""

    actor_id: int
    name: str
    display_name: str
    role: str
    locale: str
    state: str
    is_neutral: bool = False


START = """
insert into sessions (token_hash, account_id, created_at, expires_at) values ($1, $2, $3, $4)
"""


async def start(conn: Connection, account_id: int, now: datetime) -> str:
    """Begin a session that ends after 60 days; its token, which is stored nowhere else."""
    token = secrets.token_urlsafe(32)
    await conn.execute(START, _hash(token), account_id, now, now + LIFETIME)
    return token


READ_MEMBER = """
select c.actor_id, a.name, a.display_name, c.role, c.locale, c.state, c.is_neutral
from sessions s
join accounts c on c.actor_id = s.account_id and c.state <> 'suspended'
join actors a on a.id = c.actor_id and a.state = 'live'
where s.token_hash = $1 and s.expires_at > $2
"""


async def read_member(conn: Connection, token: str, now: datetime) -> Member | None:
    """The person behind a token; None once it expired or the account is suspended."""
    return await fetch_one(conn, Member, READ_MEMBER, _hash(token), now)


END = "delete from sessions where token_hash = $1"


async def end(conn: Connection, token: str) -> None:
    await conn.execute(END, _hash(token))


END_ALL = "delete from sessions where account_id = $1"


async def end_all(conn: Connection, account_id: int) -> None:
    await conn.execute(END_ALL, account_id)


TIDY = "delete from sessions where expires_at <= $1"


async def tidy(conn: Connection, now: datetime) -> None:
    """Forget the sessions that expired."""
    await conn.execute(TIDY, now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
