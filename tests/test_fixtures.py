"""The ground that all other tests stand on."""

from __future__ import annotations


async def test_a_connection_sees_a_migrated_database(conn):
    assert await conn.fetchval("select count(*) from site") == 1
    await conn.execute("insert into instances (host) values ('left.example')")


async def test_nothing_is_left_by_the_test_before(conn):
    assert await conn.fetchval("select count(*) from instances") == 0


async def test_each_test_may_have_a_database_of_its_own(database):
    async with database.write() as conn:
        await conn.execute("insert into instances (host) values ('own.example')")
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from instances") == 1


async def test_two_databases_are_apart(new_database):
    assert await new_database() != await new_database()
