"""kill -9 of the worker that receives, at many points of its work: each activity acts once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from time import monotonic

from federation import receive
from storage.db import Database
from tests.faults.receiver import open_nursery
from tests.faults.receiving import SITE, keep_replies, make_scene

KILLS = 100
ACTIVITIES = 1000
SECONDS = 12.0


async def test_f03_a_worker_killed_at_many_points_does_each_thing_once(
    own_database: Database, database_url: str, tmp_path: Path
):
    scene = await make_scene(own_database)
    await keep_replies(scene, ACTIVITIES)
    kills, end = 0, monotonic() + SECONDS
    with open_nursery(database_url, SITE.origin, tmp_path) as nursery:
        while kills < KILLS and monotonic() < end and (await scene.states()).get("waiting"):
            pid = nursery.start()
            # From while it connects to several batches later, and never twice the same.
            await asyncio.sleep(0.03 + kills * 37 % 211 / 1000)
            nursery.kill(pid)
            await scene.end_leases()
            kills += 1
        nursery.start()
        await scene.end_leases()
        await scene.until_drained(30)
    assert kills >= 20
    await scene.require_each_once(ACTIVITIES)


def test_f03_what_a_dead_worker_held_is_taken_up_within_a_minute():
    assert receive.LEASE + timedelta(seconds=receive.POLL_SECONDS) < timedelta(seconds=60)
    # A worker that lives ends inside its lease.
    longest = receive.BATCH_SECONDS + receive.ONE_SECONDS
    assert timedelta(seconds=longest) < receive.LEASE
