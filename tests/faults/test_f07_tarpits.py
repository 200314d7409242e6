"""F-07: servers that accept a connection and never answer hold up nobody else."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from federation import deliver
from federation.client import REQUEST_SECONDS
from storage.db import Database
from tests.factories import make_person, make_site
from tests.faults.queueing import Word, queue
from tests.federation.sink import Sink, open_sink
from tests.federation.wire import MovableClock, open_wire

TARPITS = deliver.HOSTS_AT_ONCE + 24  # more than are visited at once
HEALTHY = 120
EACH = 3


async def test_f07_more_tarpits_than_visits_hold_up_no_other_server(database: Database) -> None:
    """By counts: all others have everything before the first of the tarpits is given up."""
    never = asyncio.Event()
    async with AsyncExitStack() as stack:
        tarpits = [
            await stack.enter_async_context(open_sink(Sink(gate=never))) for _ in range(TARPITS)
        ]
        healthy = [await stack.enter_async_context(open_sink()) for _ in range(HEALTHY)]
        fed = await stack.enter_async_context(open_wire(database, clock=MovableClock()))
        async with database.write() as conn:
            await make_site(conn)
            author = await make_person(conn)
            inboxes = [sink.inbox for pair in zip(tarpits, healthy, strict=True) for sink in pair]
            words = [Word(f"{number}:0", number) for number in range(1, EACH + 1)]
            await queue(conn, author, words, inboxes, fed.clock.now())
        stop = asyncio.Event()
        began = asyncio.get_running_loop().time()
        running = asyncio.create_task(deliver.run(fed, stop, "worker"))
        try:
            while any(len(sink.requests) < EACH for sink in healthy):
                assert not running.done()
                await asyncio.sleep(0.02)
                took = asyncio.get_running_loop().time() - began
                assert took < 6 * REQUEST_SECONDS, "far beyond what a busy machine explains"
            hung = sum(len(sink.requests) for sink in tarpits)
        finally:
            never.set()
            stop.set()
            await asyncio.wait_for(running, 30)
        print(f"F-07: {HEALTHY} servers had all after {took:.1f} s, {hung} requests hung")
        assert max(len(sink.requests) for sink in healthy) == EACH
        assert took < REQUEST_SECONDS, "somebody waited for a tarpit to be given up"
