"""The rows of files while several things happen to them at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from storage import media
from storage.db import Database
from storage.ids import new_id
from storage.media import Medium
from tests.factories import make_community, make_person, make_thread

WAITS = "select exists (select 1 from pg_locks where not granted)"


async def test_a_file_that_is_posted_while_old_ones_are_tidied_stays(database: Database) -> None:
    old, name = datetime.now(UTC) - timedelta(days=2), "a2" * 13
    async with database.write() as conn:
        ada = await make_person(conn)
        post = await make_thread(conn, ada, await make_community(conn, ada))
        waiting = Medium(
            new_id(old), name, ada.id, None, "audio", "audio/ogg", 5, None, None, "", [], old
        )
        await media.add(conn, waiting)

    async def tidy() -> int:
        async with database.write() as other:
            return await media.drop_waiting(other, old + timedelta(days=1), 10)

    async with database.write() as conn:
        assert await media.bind(conn, ada.id, [name], post.id, ada.id) == 1
        task = asyncio.create_task(tidy())
        await _until_it_waits(database)
    assert await task == 0
    async with database.read() as conn:
        assert [one.name for one in await media.list_of_post_unfiltered(conn, post.id)] == [name]


async def _until_it_waits(database: Database) -> None:
    async with database.read() as conn:
        while not await conn.fetchval(WAITS):  # noqa: ASYNC110 - another session does it
            await asyncio.sleep(0.01)
