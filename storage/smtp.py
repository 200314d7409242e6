"""How mail leaves this server: one row, set by the administrator."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from storage.db import Connection, fetch_one


@dataclass(frozen=True, slots=True)
class Smtp:
    """`tested_at` is when a mail that was sent so was seen to arrive."""

    host: str
    port: int
    security: str
    username: str
    password_sealed: bytes | None = field(repr=False)
    sender: str
    tested_at: datetime | None

    @property
    def is_set(self) -> bool:
        return bool(self.host and self.sender)


READ = """
select host, port, security, username, password_sealed, sender, tested_at from smtp
"""


async def read(conn: Connection) -> Smtp:
    row = await fetch_one(conn, Smtp, READ)
    if row is None:
        raise LookupError("the row of mail settings is missing: the database is not migrated")
    return row


SAVE = """
update smtp set host = $1, port = $2, security = $3, username = $4, password_sealed = $5,
  sender = $6, tested_at = null
"""


async def save(conn: Connection, smtp: Smtp) -> None:
    """Keep new settings: they are to be tested before they are used."""
    await conn.execute(
        SAVE, smtp.host, smtp.port, smtp.security, smtp.username, smtp.password_sealed,
        smtp.sender,
    )  # fmt: skip


MARK_TESTED = "update smtp set tested_at = $1"


async def mark_tested(conn: Connection, now: datetime) -> None:
    await conn.execute(MARK_TESTED, now)
