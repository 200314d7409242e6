from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from server import migrate
from server.errors import StartError
from tests.conftest import dsn_of


async def test_a_migrated_database_is_at_the_newest_version(database_url):
    assert await migrate.read_version(database_url) == migrate.newest_version()


async def test_an_empty_database_has_no_version(server_dsn):
    assert await migrate.read_version(dsn_of(server_dsn, "postgres")) is None


def test_versions_of_this_code_are_known_and_others_are_not():
    assert migrate.is_known(migrate.newest_version())
    assert not migrate.is_known("9999")


async def test_a_second_migration_changes_nothing(database_url):
    await asyncio.to_thread(migrate.run, database_url)
    assert await migrate.read_version(database_url) == migrate.newest_version()


async def test_functions_are_replayed_by_several_processes_at_once(own_database, database_url):
    async with own_database.write() as conn:
        await conn.execute("drop function reads_community cascade")
    await migrate.replay_functions(database_url)
    async with own_database.read() as conn:
        found = await conn.fetchval("select count(*) from pg_proc where proname='reads_community'")
    assert found == 1


async def test_an_unreachable_database_is_one_line():
    with pytest.raises(StartError, match=r"Cannot reach the database: [^\n]+$"):
        await migrate.read_version("postgresql://x@/x?host=/nonexistent")


def test_a_failed_migration_says_why():
    with pytest.raises(StartError, match=r"The migration failed: [^\n]+$"):
        migrate.run("postgresql://x@/x?host=/nonexistent")


def test_the_migrating_module_does_not_import_sqlalchemy():
    code = "import sys, server.migrate; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=migrate.ROOT, check=True)
