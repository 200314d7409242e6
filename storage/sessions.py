"""Sessions of people in the browser. Only a hash of the token is stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.audience import Viewer
from storage.db import Connection, fetch_all, fetch_one

LIFETIME = timedelta(days=60)
TOUCH_SELDOM = timedelta(minutes=30)
TOUCH_OFTEN = timedelta(minutes=1)


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
    session_id: int = 0
    used_at: datetime | None = None
    idle_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One place where somebody is signed in. Nothing is known of the browser."""

    id: int
    created_at: datetime
    used_at: datetime


START = """
insert into sessions (token_hash, account_id, created_at, used_at, expires_at)
values ($1, $2, $3, $3, $4)
"""


async def start(conn: Connection, account_id: int, now: datetime) -> str:
    """Begin a session that ends after 60 days; its token, which is stored nowhere else."""
    token = secrets.token_urlsafe(32)
    await conn.execute(START, _hash(token), account_id, now, now + LIFETIME)
    return token


READ_MEMBER = """
select c.actor_id, a.name, a.display_name, c.role, c.locale, c.state, c.is_neutral,
  s.id as session_id, s.used_at, c.idle_minutes
from sessions s
join accounts c on c.actor_id = s.account_id and c.state in ('waiting', 'open')
join actors a on a.id = c.actor_id and a.state = 'live'
where s.token_hash = $1 and s.expires_at > $2
  and (c.idle_minutes is null or s.used_at > $2 - make_interval(mins => c.idle_minutes))
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


TOUCH = "update sessions set used_at = $2 where token_hash = $1 and used_at < $2"


async def touch(conn: Connection, token: str, member: Member, now: datetime) -> None:
    """Note that the session is used, seldom enough to cost nothing."""
    step = TOUCH_SELDOM if member.idle_minutes is None else TOUCH_OFTEN
    if member.used_at is not None and now - member.used_at >= step:
        await conn.execute(TOUCH, _hash(token), now)


LIST = """
select s.id, s.created_at, s.used_at
from sessions s
where s.account_id = $1 and s.expires_at > $2
order by s.used_at desc, s.id desc
limit 100
"""


async def list_own(conn: Connection, viewer: Viewer, now: datetime) -> list[Session]:
    """Where the viewer is signed in, the latest used first."""
    return await fetch_all(conn, Session, LIST, viewer.actor_id, now)


END_ONE = "delete from sessions where account_id = $1 and id = $2"


async def end_one(conn: Connection, account_id: int, session_id: int) -> None:
    await conn.execute(END_ONE, account_id, session_id)


END_OTHERS = "delete from sessions where account_id = $1 and id <> $2"


async def end_others(conn: Connection, account_id: int, session_id: int) -> None:
    """All but this one."""
    await conn.execute(END_OTHERS, account_id, session_id)


SET_IDLE = "update accounts set idle_minutes = $2 where actor_id = $1"
USE_NOW = "update sessions set used_at = $2 where id = $1"


async def set_idle(conn: Connection, member: Member, minutes: int | None, now: datetime) -> None:
    """After how many quiet minutes the account's sessions end; None for never."""
    await conn.execute(SET_IDLE, member.actor_id, minutes)
    await conn.execute(USE_NOW, member.session_id, now)  # noted seldom until now


TIDY = "delete from sessions where expires_at <= $1"


async def tidy(conn: Connection, now: datetime) -> None:
    """Forget the sessions that expired."""
    await conn.execute(TIDY, now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
