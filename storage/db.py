"""Connections, transactions and rows.

A read borrows a connection; a write is one transaction, and rings the doorbell after its commit.
Rows become frozen dataclasses by position: a statement lists its columns in the order of the
fields, which `tests/test_statements.py` checks against the migrated schema.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from storage.doorbell import Doorbell

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Row = TypeVar("Row")

COMMAND_TIMEOUT = 15.0  # seconds; a page that waits longer is a fault, not patience

# The read rule takes longer to plan than to run, so a statement is planned once per connection;
# for the same reason nothing is worth compiling.
SETTINGS = {
    "application_name": "dazzle",
    "timezone": "UTC",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}


class Database:
    """A pool of connections to one PostgreSQL database."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], doorbell: Doorbell) -> None:
        self.pool = pool
        self.doorbell = doorbell

    @classmethod
    async def open(cls, dsn: str, *, min_size: int = 1, max_size: int = 8) -> Database:
        """Connect. Raises OSError or asyncpg.PostgresError when the database cannot be reached."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            init=_prepare_connection,
            reset=_keep_session,
            command_timeout=COMMAND_TIMEOUT,
            server_settings=SETTINGS,
        )
        return cls(pool, Doorbell(dsn))

    async def close(self) -> None:
        await self.doorbell.close()
        await self.pool.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A connection for reading, outside any transaction."""
        async with self.pool.acquire() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self.quiet_write() as connection:
            yield connection
        self.doorbell.ring()

    @asynccontextmanager
    async def quiet_write(self) -> AsyncIterator[Connection]:
        """A transaction that wakes nobody, for loops that look for work: an empty look must not
        ring the bell that makes them look again."""
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection


async def _prepare_connection(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


async def _keep_session(_: Any) -> None:
    """Skips the statement that asyncpg sends after each use to undo what a session changed.

    Nothing here changes a session, and it would be a round trip for every read. An open
    transaction is rolled back by asyncpg before this.
    """


async def fetch_one(
    conn: Connection, row_type: type[Row], statement: str, *arguments: object
) -> Row | None:
    """The first row as `row_type`, or None."""
    record = await conn.fetchrow(statement, *arguments)
    return None if record is None else row_type(*record)


async def fetch_all(
    conn: Connection, row_type: type[Row], statement: str, *arguments: object
) -> list[Row]:
    """All rows as `row_type`."""
    return [row_type(*record) for record in await conn.fetch(statement, *arguments)]
