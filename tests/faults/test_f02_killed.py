"""F-02: kill -9 of the process that delivers, again and again, in the middle of its work."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from federation.deliver.visit import AT_ONCE_PER_HOST
from storage.db import Database
from tests.factories import make_person, make_site
from tests.faults import delivering
from tests.faults.queueing import in_order, left, queue, words_about
from tests.federation.sink import Sink, open_sink

SINKS = 50
OBJECTS, EACH = 5, 4
KILLS = 20
SECONDS = 0.03  # that a sink takes to answer


async def test_f02_a_killed_worker_loses_nothing_and_repeats_what_was_under_way(
    own_database: Database, database_url: str
) -> None:
    words = words_about(OBJECTS, EACH)
    async with AsyncExitStack() as stack:
        sinks = [
            await stack.enter_async_context(open_sink(Sink(delay=SECONDS))) for _ in range(SINKS)
        ]
        by_host = {sink.host: sink for sink in sinks}
        async with own_database.write() as conn:
            await make_site(conn)
            author = await make_person(conn)
            inboxes = [sink.inbox for sink in sinks]
            await queue(conn, author, words, inboxes, datetime.now(UTC))
        dice = random.Random(2)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([delivering.__name__])
        kills, repeated = 0, 0
        while waiting := await _left(own_database):
            worker = context.Process(target=delivering.run, args=(database_url,), daemon=True)
            worker.start()
            before = _received(sinks)
            if kills < KILLS:
                await _until_some(sinks, before, min(dice.randrange(1, 70), waiting))
                worker.kill()
                kills += 1
            else:
                await _until_nothing(own_database)
                worker.kill()
            await asyncio.to_thread(worker.join, 10)
            await asyncio.sleep(3 * SECONDS)  # what was sent arrives
            repeated += await _owed_again(own_database, by_host)
            async with own_database.read() as conn:
                await conn.execute("update destinations set leased_until = now()")
        received = _received(sinks)
    total = SINKS * len(words)
    print(f"F-02: {total} deliveries, {kills} kills, {received - total} requests came twice")
    assert kills >= KILLS // 2
    assert received - total <= repeated
    for sink in sinks:
        times = Counter(_ours(sink))
        assert set(times) == {word.text.encode() for word in words}
        assert in_order(_ours(sink))


def _ours(sink: Sink) -> list[bytes]:
    """Without documents that another test still sends to whoever had this port before."""
    return [body for body in sink.bodies if body[:1] not in (b"", b"{")]


def _received(sinks: list[Sink]) -> int:
    return sum(len(_ours(sink)) for sink in sinks)


async def _left(database: Database) -> int:
    async with database.read() as conn:
        return await left(conn)


async def _until_some(sinks: list[Sink], before: int, more: int) -> None:
    """Wait until so many requests have come since the last worker."""
    async with asyncio.timeout(30):
        while _received(sinks) - before < more:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def _until_nothing(database: Database) -> None:
    async with asyncio.timeout(30):
        while await _left(database):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _owed_again(database: Database, by_host: dict[str, Sink]) -> int:
    """How many have arrived and are still queued: of each server no more than its requests that
    were under way."""
    async with database.read() as conn:
        rows = await conn.fetch(
            "select d.host, a.body from deliveries d join activities a on a.id = d.activity_id"
        )
    arrived = {host: set(sink.bodies) for host, sink in by_host.items()}
    owed = Counter(row["host"] for row in rows if row["body"] in arrived[row["host"]])
    assert max(owed.values(), default=0) <= AT_ONCE_PER_HOST
    return sum(owed.values())
