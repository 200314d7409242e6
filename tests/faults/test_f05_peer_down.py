"""F-05: a server is away for three days while two thousand activities are made for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from federation import deliver
from storage import destinations
from storage.db import Database
from tests.factories import make_person, make_site
from tests.faults.queueing import in_order, left, queue, words_about
from tests.federation.sink import Sink, open_sink
from tests.federation.wire import MovableClock, open_wire

AWAY = timedelta(days=3)
OBJECTS, EACH = 40, 50
MOST_PROBES = 40


@asynccontextmanager
async def hanging_up(port: int) -> AsyncIterator[list[int]]:
    """A port where whoever connects is hung up on, and counted."""
    calls: list[int] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(1)
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", port)
    yield calls
    server.close()
    await server.wait_closed()


async def test_f05_three_days_away_cost_few_probes_and_no_activity(database: Database) -> None:
    clock = MovableClock()
    words = words_about(OBJECTS, EACH)
    async with open_sink() as sink:
        pass
    async with open_wire(database, clock=clock) as fed:
        async with database.write() as conn:
            await make_site(conn)
            author = await make_person(conn)
        began, made = clock.now(), 0
        async with hanging_up(sink.port) as calls:
            while clock.now() < began + AWAY:
                due = min(len(words), 1 + int(len(words) * ((clock.now() - began) / AWAY)))
                async with database.write() as conn:
                    await queue(conn, author, words[made:due], [sink.inbox], clock.now())
                    clock.moment = await conn.fetchval(
                        "select greatest(next_at, $1) from destinations",
                        clock.now() + timedelta(minutes=1),
                    )
                made = due
                await deliver.step(fed)
            async with database.write() as conn:
                await queue(conn, author, words[made:], [sink.inbox], clock.now())
        print(f"F-05: {len(calls)} probes in {AWAY}")
        assert 5 <= len(calls) <= MOST_PROBES
        async with open_sink(Sink(port=sink.port)) as back, database.read() as conn:
            assert await left(conn) == len(words)
            await destinations.revive(conn, sink.host, clock.now())
            returned = clock.now()
            while await left(conn):
                assert clock.now() < returned + timedelta(minutes=10)
                await deliver.step(fed)
                clock.move(timedelta(milliseconds=100))
        print(f"F-05: all {len(words)} delivered {clock.now() - returned} after the return")
        assert len(back.bodies) == len(set(back.bodies)) == len(words)
        assert in_order(back.bodies)
