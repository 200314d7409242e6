"""What somebody has beside a password: a code generator, and recovery codes on paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from storage.db import Connection, fetch_one


@dataclass(frozen=True, slots=True)
class Generator:
    """`step` is the last code that was used; it counts once `since` is set."""

    secret_sealed: bytes | None = field(repr=False)
    since: datetime | None
    step: int


READ = """
select totp_secret as secret_sealed, totp_since as since, totp_step as step
from accounts
where actor_id = $1
"""


async def read(conn: Connection, account_id: int) -> Generator | None:
    return await fetch_one(conn, Generator, READ, account_id)


KEEP = """
update accounts set totp_secret = $2, totp_since = null, totp_step = 0 where actor_id = $1
"""


async def keep(conn: Connection, account_id: int, secret_sealed: bytes | None) -> None:
    """A new one that does not count yet; None takes it away."""
    await conn.execute(KEEP, account_id, secret_sealed)


TURN_ON = "update accounts set totp_since = $2 where actor_id = $1 and totp_secret is not null"


async def turn_on(conn: Connection, account_id: int, now: datetime) -> None:
    await conn.execute(TURN_ON, account_id, now)


USE_STEP = """
update accounts set totp_step = $2 where actor_id = $1 and totp_step < $2 returning actor_id
"""


async def use_step(conn: Connection, account_id: int, step: int) -> bool:
    """Whether this code was not used before; now it is."""
    return await conn.fetchval(USE_STEP, account_id, step) is not None


DROP_CODES = "delete from recovery_codes where account_id = $1"
INSERT_CODES = "insert into recovery_codes (account_id, hash) select $1, unnest($2::bytea[])"


async def replace_codes(conn: Connection, account_id: int, hashes: list[bytes]) -> None:
    """The recovery codes of an account, instead of those before."""
    await conn.execute(DROP_CODES, account_id)
    await conn.execute(INSERT_CODES, account_id, hashes)


USE_CODE = "delete from recovery_codes where account_id = $1 and hash = $2 returning account_id"


async def use_code(conn: Connection, account_id: int, code_hash: bytes) -> bool:
    """Whether it is one of theirs; it works once."""
    return await conn.fetchval(USE_CODE, account_id, code_hash) is not None


COUNT_CODES = "select count(*) from recovery_codes where account_id = $1"


async def count_codes(conn: Connection, account_id: int) -> int:
    return int(await conn.fetchval(COUNT_CODES, account_id) or 0)
