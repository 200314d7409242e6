"""An activity that fails whatever is done: five tries, then set aside; nothing waits behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

from server.doctor import examine
from server.settings import Settings
from storage.db import Database
from tests.faults.receiver import open_nursery
from tests.faults.receiving import SITE, keep_replies, make_scene

POISON = "alter table posts add constraint poison check (html not like '%poison%') not valid"


async def test_f24_an_activity_that_always_fails_is_set_aside_and_blocks_nothing(
    own_database: Database, database_url: str, tmp_path: Path
):
    scene = await make_scene(own_database, hosts=2)
    await scene.value(POISON)
    tried = "select tries from inbox order by id limit 1"
    with open_nursery(database_url, SITE.origin, tmp_path) as nursery:
        await keep_replies(scene, 1, text="poison")
        nursery.start()
        for tries in range(1, 6):
            await keep_replies(scene, 20)  # behind it, from the same server and another one
            await _until(scene, {"done": 20 * tries}, is_dead=tries == 5)
            assert await scene.value(tried) == tries
            # Hours pass until the next try.
            await scene.value(
                "update inbox set due_at = now() where state = 'waiting' and claimed_until is null"
            )
    assert await scene.states() == {"dead": 1, "done": 100}
    assert await scene.value("select count(*) from posts where kind = 'reply'") == 100

    said: list[str] = []
    settings = Settings(origin=SITE.origin, database_url=database_url, data_dir=tmp_path)
    await asyncio.to_thread(examine, settings, said.append)
    assert "wrong  1 set aside after five failures" in said
    assert "wrong  set aside: 1 Create from peer0.test (CheckViolationError)" in said


async def _until(scene, done: dict[str, int], *, is_dead: bool) -> None:
    """The others are done, and what fails waits for its next try or is given up."""
    expected = done | ({"dead": 1} if is_dead else {"waiting": 1})
    end = monotonic() + 10
    settled = "select count(*) from inbox where claimed_until is not null"
    while await scene.states() != expected or await scene.value(settled):
        assert monotonic() < end, await scene.states()
        await asyncio.sleep(0.02)
