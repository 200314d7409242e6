"""What somebody proves once: a link in a mail, a challenge, half of a sign-in.

Only a hash of the secret is stored, so that whoever reads the database can use none of them.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.db import Connection, fetch_one

LONGEST = 100  # characters of a secret that is looked up at all


@dataclass(frozen=True, slots=True)
class Token:
    """What a secret stands for; `data` is what its kind needs."""

    kind: str
    account_id: int | None
    data: dict[str, Any]
    expires_at: datetime


INSERT = """
insert into one_time_tokens (hash, kind, account_id, data, expires_at)
values ($1, $2, $3, $4, $5)
"""


async def make(
    conn: Connection,
    kind: str,
    *,
    account_id: int | None = None,
    data: dict[str, Any] | None = None,
    expires_at: datetime,
) -> str:
    """A new secret, which is stored nowhere else."""
    secret = secrets.token_urlsafe(32)
    await conn.execute(INSERT, _hash(secret), kind, account_id, data or {}, expires_at)
    return secret


READ = """
select kind, account_id, data, expires_at
from one_time_tokens
where hash = $1 and kind = $2 and expires_at > $3
"""


async def read(conn: Connection, kind: str, secret: str, now: datetime) -> Token | None:
    """What the secret stands for; None when it is unknown, of another kind, used or too old."""
    if not _is_plausible(secret):
        return None
    return await fetch_one(conn, Token, READ, _hash(secret), kind, now)


USE = """
delete from one_time_tokens
where hash = $1 and kind = $2 and expires_at > $3
returning kind, account_id, data, expires_at
"""


async def use(conn: Connection, kind: str, secret: str, now: datetime) -> Token | None:
    """Like `read`, and nobody uses it again."""
    if not _is_plausible(secret):
        return None
    return await fetch_one(conn, Token, USE, _hash(secret), kind, now)


DROP_OF_ACCOUNT = """
delete from one_time_tokens where account_id = $1 and ($2::text is null or kind = $2)
"""


async def drop_of_account(conn: Connection, account_id: int, kind: str | None = None) -> None:
    """Forget what is open of an account: of one kind, or all."""
    await conn.execute(DROP_OF_ACCOUNT, account_id, kind)


DROP_OF_KIND = "delete from one_time_tokens where kind = $1"


async def drop_of_kind(conn: Connection, kind: str) -> None:
    """Forget all that are open of a kind, whoever's they are."""
    await conn.execute(DROP_OF_KIND, kind)


TIDY = "delete from one_time_tokens where expires_at <= $1"


async def tidy(conn: Connection, now: datetime) -> None:
    """Forget those that are too old."""
    await conn.execute(TIDY, now)


def _is_plausible(secret: str) -> bool:
    return 0 < len(secret) <= LONGEST and secret.isascii()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
