"""Servers that the walks share, so that each is started once."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def open_to_all(server: Server) -> None:
    """Everybody may sign up, and it federates with everybody."""
    server.run("policy", "mode", "open")
    asyncio.run(_execute(server.dsn, "update site set signup = 'open'"))


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
        a, b = (
            Server(name, walk_directory / name, stack.enter_context(database_of(server_dsn, name)))
            for name in ("a", "b")
        )
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(open_to_all, (a, b)))
        for server in (a, b):
            server.parts = ("web", "work")
            stack.callback(server.stop)
            server.launch()
        for server in (a, b):
            server.wait_ready()
        yield a, b
