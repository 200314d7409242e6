"""One real PostgreSQL for the whole run.

Most tests of a worker share one database, which is emptied after each (`database`) or only seen
from inside a transaction that is rolled back (`conn`). A database of their own (`own_database`) is
for tests that start a program on it, that break it, or that commit although an autouse fixture
holds a transaction open on the shared one.

The server is a child of the process that was started (with xdist: of the controller), so it ends
with the run even when the run is killed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import hypothesis
import pytest

from server import migrate
from server.embedded_pg import EmbeddedPostgres
from storage.db import Connection, Database

pytest_plugins = ["tests.walks.servers"]

# A busy machine draws slowly too: neither is a fault of what is tested.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

TEMPLATE = "template_of_tests"
SERVER = pytest.StashKey["TestServer"]()

_numbers = count(1)


class TestServer:
    """The server and its migrated template, made when the first test asks for them."""

    __test__ = False

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dazzle-tests-"))
        self.directory.chmod(0o711)
        named = os.environ.get("DAZZLE_PG_BIN")
        self.postgres = EmbeddedPostgres(
            self.directory / "data", binaries=Path(named) if named else None, durable=False
        )
        self.dsn = self.postgres.start()
        asyncio.run(_execute(self.dsn, f"create database {TEMPLATE}"))
        migrate.run(dsn_of(self.dsn, TEMPLATE))

    def stop(self) -> None:
        self.postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def dsn_of(server_dsn: str, database: str) -> str:
    return urlsplit(server_dsn)._replace(path=f"/{database}").geturl()


def _server_of(config: pytest.Config) -> str:
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        return str(worker_input["database_server"])
    if SERVER not in config.stash:
        config.stash[SERVER] = TestServer()
    return config.stash[SERVER].dsn


# What takes longest begins first, so that at the end no worker waits for another.
LONGEST = ("tests/server", "tests/faults", "tests/walks", "tests/browser", "tests/matrix")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """The controller of xdist starts the server and tells its workers where it is."""
    node.workerinput["database_server"] = _server_of(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(SERVER, None)
    if server is not None:
        server.stop()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server_dsn(request: pytest.FixtureRequest) -> str:
    """A server that holds no database of a test yet, for tests that make their own."""
    return _server_of(request.config)


@pytest.fixture
async def new_database(server_dsn: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Makes fresh migrated databases, for tests that need more than one."""
    made: list[str] = []

    async def make() -> str:
        name = f"test_{os.getpid()}_{next(_numbers)}"
        await _execute(server_dsn, f"create database {name} template {TEMPLATE}")
        made.append(name)
        return dsn_of(server_dsn, name)

    yield make
    for name in made:
        await _execute(server_dsn, f"drop database {name} with (force)")


@pytest.fixture
async def database_url(new_database: Callable[[], Awaitable[str]]) -> str:
    """A fresh migrated database of this test's own."""
    return await new_database()


@pytest.fixture
async def own_database(database_url: str) -> AsyncIterator[Database]:
    """Connections to a database of this test's own, for tests that start a program on it, break it,
    or commit while an autouse fixture of theirs has `conn` open on the shared one."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def shared_database(server_dsn: str) -> str:
    name = f"shared_{os.getpid()}"
    asyncio.run(_execute(server_dsn, f"create database {name} template {TEMPLATE}"))
    return dsn_of(server_dsn, name)


LIST_TABLES = """
select relname from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version'
"""
# Rows that the schema makes itself.
ONLY_ROWS = ("site", "smtp", "media_use")


async def empty(conn: Connection) -> None:
    """Without triggers the order does not matter; deleting is quicker than truncating so much."""
    tables = [row["relname"] for row in await conn.fetch(LIST_TABLES)]
    await conn.execute(
        "\n".join(
            [
                "begin;",
                "set local session_replication_role = replica;",
                *(f"delete from {table};" for table in tables),
                *(f"insert into {table} default values;" for table in ONLY_ROWS),
                "commit;",
            ]
        )
    )


# Waits until they are gone, because a transaction that dies later could still hold rows.
END_OTHERS = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""
CLOSING = 2.0  # seconds; a connection that a test never gave back would be waited for for ever


async def close_at_last(opened: Database) -> None:
    """Close the pool. A test that still holds one of its connections fails by that."""
    try:
        await asyncio.wait_for(opened.close(), CLOSING)
    except TimeoutError:
        pytest.fail("a connection was not given back")


async def clear(dsn: str) -> None:
    """Empty a database whatever was left open on it."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(END_OTHERS)
        await empty(connection)
    finally:
        await connection.close()


@pytest.fixture
async def database(shared_database: str) -> AsyncIterator[Database]:
    """The shared database, emptied afterwards: quicker than a new one, for tests that commit."""
    opened = await Database.open(shared_database)
    try:
        yield opened
    finally:
        try:
            await close_at_last(opened)
        finally:
            await clear(shared_database)


@pytest.fixture(scope="module")
def module_database(server_dsn: str) -> Iterator[str]:
    """A fresh migrated database for all tests of one file."""
    name = f"module_{os.getpid()}_{next(_numbers)}"
    asyncio.run(_execute(server_dsn, f"create database {name} template {TEMPLATE}"))
    yield dsn_of(server_dsn, name)
    asyncio.run(_execute(server_dsn, f"drop database {name} with (force)"))


@pytest.fixture
async def conn(shared_database: str) -> AsyncIterator[Connection]:
    """A connection inside a transaction that is rolled back: quick, and leaves nothing."""
    opened = await Database.open(shared_database, max_size=1)
    async with opened.read() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            yield connection
        finally:
            await transaction.rollback()
    await opened.close()
