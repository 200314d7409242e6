"""Two workers take the same job: one effect."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storage.db import Database
from tests.faults.receiver import open_nursery
from tests.faults.receiving import SITE, keep_replies, make_scene

ACTIVITIES = 600


async def test_f23_two_workers_that_take_the_same_jobs_do_each_once(
    own_database: Database, database_url: str, tmp_path: Path
):
    scene = await make_scene(own_database)
    with open_nursery(database_url, SITE.origin, tmp_path) as nursery:
        nursery.start()
        nursery.start()
        await keep_replies(scene, ACTIVITIES)
        async with asyncio.timeout(35):
            while (await scene.states()).get("waiting"):
                await scene.end_leases()
                await asyncio.sleep(0.01)
    taken_twice = "select count(*) from inbox where tries > 1"
    if not await scene.value(taken_twice):
        pytest.skip("one worker was done before the other began")
    await scene.require_each_once(ACTIVITIES)
