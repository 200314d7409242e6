"""F-21: names that are unknown, whose name server never answers, or does so now and then."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from datetime import timedelta

from federation import deliver
from federation.client import REQUEST_SECONDS
from federation.context import open_federation
from storage.db import Database
from tests.factories import SITE, make_person, make_site
from tests.faults.queueing import Word, left, queue
from tests.federation.sink import open_sink
from tests.federation.wire import MovableClock, PlainRenderer

EACH_KIND = 40
KINDS = ("well", "unknown", "silent", "flapping")


class Names:
    """A name server on which all names but the ill ones are this machine."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.at_once = 0
        self.most_at_once = 0

    async def look_up(self, hostname: str, _: int) -> list[str]:
        self.asked[hostname] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            kind = hostname.partition("-")[0]
            if kind == "silent":
                await asyncio.sleep(3600)
            if kind == "unknown" or (kind == "flapping" and self.asked[hostname] % 2):
                raise socket.gaierror(socket.EAI_AGAIN, "temporary failure")
            return ["127.0.0.1"]
        finally:
            self.at_once -= 1


async def test_f21_ill_names_cost_little_and_starve_nobody(database: Database) -> None:
    clock, names = MovableClock(), Names()
    fed = open_federation(
        database, SITE, clock, PlainRenderer(), allow_loopback=True, lookup=names.look_up
    )
    async with open_sink() as sink:
        async with database.write() as conn:
            await make_site(conn)
            author = await make_person(conn)
            inboxes = [
                f"http://{kind}-{number}.test:{sink.port}/inbox"
                for number in range(EACH_KIND)
                for kind in KINDS
            ]
            await queue(conn, author, [Word("1:0", 1), Word("2:0", 2)], inboxes, clock.now())
        stop = asyncio.Event()
        running = asyncio.create_task(deliver.run(fed, stop, "worker"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        while len(sink.requests) < 2 * EACH_KIND:
            await asyncio.sleep(0.02)
            assert loop.time() - began < 6 * REQUEST_SECONDS, len(sink.requests)
        took = loop.time() - began
        silent_ones = sum(names.asked[name] for name in names.asked if name.startswith("silent"))
        print(f"F-21: {EACH_KIND} healthy servers had all after {took:.1f} s")
        assert took < REQUEST_SECONDS, "somebody waited for a name server"
        assert silent_ones <= EACH_KIND
        assert names.most_at_once <= deliver.MOST_VISITS
        stop.set()
        await asyncio.wait_for(running, 30)
        async with database.read() as conn:
            assert await left(conn) >= 2 * 2 * EACH_KIND
            await conn.execute("delete from deliveries where host like 'silent%'")
        for _ in range(12):  # a day of growing waits
            clock.move(timedelta(hours=2))
            await deliver.step(fed)
            await deliver.step(fed)
        async with database.read() as conn:
            hosts = await conn.fetch("select host, failures from destinations")
            waiting = await conn.fetch("select host, count(*) from deliveries group by host")
    await fed.close()
    assert len(sink.requests) == 4 * EACH_KIND, "the flapping ones come through"
    assert {row["host"].partition("-")[0] for row in waiting} == {"unknown"}
    assert [row["count"] for row in waiting] == [2] * EACH_KIND, "and the unknown ones wait"
    failing = Counter(row["host"].partition("-")[0] for row in hosts if row["failures"])
    assert failing == {"unknown": EACH_KIND, "silent": EACH_KIND}
    unknown = [names.asked[name] for name in names.asked if name.startswith("unknown")]
    assert max(unknown) <= 14, "one look for each try"
