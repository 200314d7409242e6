"""Which migration the database is at, and the SQL functions that belong to it."""

from __future__ import annotations

from pathlib import Path

from storage.db import Connection

FUNCTIONS = Path(__file__).parent / "functions.sql"

HAS_VERSION = "select to_regclass('alembic_version') is not null"

READ_VERSION = "select version_num from alembic_version"

LOCK_FUNCTIONS = "select pg_advisory_xact_lock(7240301)"


async def read_version(conn: Connection) -> str | None:
    """The last migration that ran, or None in an empty database."""
    if not await conn.fetchval(HAS_VERSION):
        return None
    version: str | None = await conn.fetchval(READ_VERSION)
    return version


async def replay_functions(conn: Connection) -> None:
    """Define the functions of the read rule as this code knows them.

    Done at every start: an upgrade that changed only the rule must not leave the old one behind.
    """
    async with conn.transaction():
        await conn.execute(LOCK_FUNCTIONS)
        await conn.execute(FUNCTIONS.read_text(encoding="utf-8"))
