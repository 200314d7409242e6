"""Servers that the walks share, so that each is started once."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import TEMPLATE, dsn_of
from tests.walks.harness import Server, new_name


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def database_of(server_dsn: str, word: str) -> Iterator[str]:
    """A fresh migrated database, dropped at the end."""
    name = new_name(f"walk_{word}")
    asyncio.run(_execute(server_dsn, f"create database {name} template {TEMPLATE}"))
    try:
        yield dsn_of(server_dsn, name)
    finally:
        asyncio.run(_execute(server_dsn, f"drop database {name} with (force)"))


@contextmanager
def open_server(name: str, directory: Path, dsn: str) -> Iterator[Server]:
    """A server that everybody may join and that federates with everybody, stopped at the end."""
    server = Server(name, directory / name, dsn, parts=("web", "work"))
    server.run("policy", "mode", "open")
    asyncio.run(_execute(dsn, "update site set signup = 'open'"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def walk_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="dazzle-walks-"))
    directory.chmod(0o711)  # a database of a server's own runs as another user
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def pair(server_dsn: str, walk_directory: Path) -> Iterator[tuple[Server, Server]]:
    """Two servers, `a` and `b`, for the whole run. A walk leaves both running."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                open_server(
                    name, walk_directory, stack.enter_context(database_of(server_dsn, name))
                )
            )
            for name in ("a", "b")
        ]
        yield servers[0], servers[1]


@pytest.fixture
def new_server(server_dsn: str, walk_directory: Path) -> Iterator[Callable[[str], Server]]:
    """Starts a server of this test's own."""
    with ExitStack() as stack:

        def start(word: str) -> Server:
            dsn = stack.enter_context(database_of(server_dsn, word))
            return stack.enter_context(open_server(new_name(word), walk_directory, dsn))

        yield start
