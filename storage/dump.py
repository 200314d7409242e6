"""All rows of all tables out of a database and into another, through COPY.

Works with every PostgreSQL that the program runs on and needs no program beside it. Knows tables
only from the catalogue: a new table is in the next backup without anybody thinking of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from storage.db import Connection, fetch_all

# So that the same rows are the same bytes, whatever the server is configured to.
PLAIN_FORMAT = {
    "application_name": "dazzle backup",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "datestyle": "ISO, YMD",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "statement_timeout": "0",
    "synchronize_seqscans": "off",
    "timezone": "UTC",
}

Sink = Callable[[bytes], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, the columns that are stored in it, and the tables that its rows refer to."""

    name: str
    columns: list[str]
    parents: list[str]


@dataclass(frozen=True, slots=True)
class Sequence:
    name: str
    value: int


@asynccontextmanager
async def connect(dsn: str) -> AsyncIterator[Connection]:
    """A connection of one's own, without time limits."""
    connection = await asyncpg.connect(dsn, server_settings=PLAIN_FORMAT, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def snapshot(dsn: str) -> AsyncIterator[Connection]:
    """A connection that sees the database as it is now, however long it looks."""
    async with (
        connect(dsn) as conn,
        conn.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield conn


# Unlogged tables may vanish in any crash, so nothing is lost by leaving them out.
LIST_TABLES = """
select c.relname::text as name,
  array(
    select a.attname::text from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    order by a.attnum) as columns,
  array(
    select distinct p.relname::text from pg_constraint f
    join pg_class p on p.oid = f.confrelid
    where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as parents
from pg_class c
where c.relnamespace = current_schema()::regnamespace
  and c.relkind = 'r' and c.relpersistence = 'p'
  and c.relname not in ('alembic_version', 'media_cache')
order by c.relname
"""


async def list_tables(conn: Connection) -> list[Table]:
    """Every table that is kept, those first to which others refer.

    Not the one of the pictures of other servers: their files are in no backup either.
    """
    return _parents_first(await fetch_all(conn, Table, LIST_TABLES))


def _parents_first(tables: list[Table]) -> list[Table]:
    ordered: list[Table] = []
    known = {table.name for table in tables}
    placed: set[str] = set()
    while len(ordered) < len(tables):
        ready = [
            table
            for table in tables
            if table.name not in placed and placed.issuperset(known & set(table.parents))
        ]
        if not ready:
            raise LookupError("tables refer to each other in a circle")
        ordered += ready
        placed |= {table.name for table in ready}
    return ordered


LIST_SEQUENCES = """
select sequencename::text as name, coalesce(last_value, 0) as value
from pg_sequences
where schemaname = current_schema()
order by sequencename
"""


async def list_sequences(conn: Connection) -> list[Sequence]:
    return await fetch_all(conn, Sequence, LIST_SEQUENCES)


SET_SEQUENCE = "select setval($1::text::regclass, greatest($2::bigint, 1), $2::bigint > 0)"


async def set_sequence(conn: Connection, sequence: Sequence) -> None:
    await conn.execute(SET_SEQUENCE, sequence.name, sequence.value)


async def copy_out(conn: Connection, table: str, columns: list[str], sink: Sink) -> int:
    """All rows of a table, one line each, to `sink`; their number."""
    status = await conn.copy_from_table(table, columns=columns, output=sink)
    return int(status.rsplit(" ", 1)[-1])


async def copy_in(
    conn: Connection, table: str, columns: list[str], source: AsyncIterator[bytes]
) -> int:
    """Rows as `copy_out` wrote them; their number."""
    status = await conn.copy_to_table(table, columns=columns, source=source)
    return int(status.rsplit(" ", 1)[-1])


IS_EMPTY = """
select not exists (
  select 1 from pg_class c
  where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r')
"""


async def is_empty(conn: Connection) -> bool:
    """Whether the database holds no table."""
    return bool(await conn.fetchval(IS_EMPTY))


CLEAR = """
do $$
begin
  execute (
    select 'truncate ' || string_agg(format('%I', c.relname), ', ')
    from pg_class c
    where c.relnamespace = current_schema()::regnamespace
      and c.relkind = 'r' and c.relname <> 'alembic_version');
end $$
"""


async def clear(conn: Connection) -> None:
    """Take out the few rows that a migration put into a database just made."""
    await conn.execute(CLEAR)


DROP_ALL = """
do $$
begin
  execute format('drop schema %1$I cascade; create schema %1$I', current_schema());
end $$
"""


async def drop_all(conn: Connection) -> None:
    """Leave the database as empty as it was made. For a restore that failed halfway."""
    await conn.execute(DROP_ALL)


RELEASE_HOSTS = """
update destinations set leased_until = null, leased_by = null, catching_until = null
"""

RELEASE_CHECKS = "update follower_checks set claimed_until = null where claimed_until is not null"

RELEASE_BACKFILLS = "update backfills set claimed_until = null where claimed_until is not null"

RELEASE_INBOX = "update inbox set claimed_until = null where claimed_until is not null"


async def release_claims(conn: Connection) -> None:
    """The workers that held these are gone: what waits is taken up at once, and only that."""
    await conn.execute(RELEASE_HOSTS)
    await conn.execute(RELEASE_CHECKS)
    await conn.execute(RELEASE_BACKFILLS)
    await conn.execute(RELEASE_INBOX)


ANALYZE = "analyze"


async def analyze(conn: Connection) -> None:
    """Let the planner know how much there is now."""
    await conn.execute(ANALYZE)
