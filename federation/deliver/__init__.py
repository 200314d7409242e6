"""Sends what is queued: lease hosts, POST the stored bytes, settle.

One loop per process leases hosts and gives them back, many in one statement, while a task per
leased host sends. A worker that dies leaves its leases to run out, and another goes on.

Hosts that keep us waiting do not count among those that are visited at once: a few that hang
would else hold up all the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import timedelta
from time import monotonic

from federation.context import Federation
from federation.deliver.courier import Courier
from federation.deliver.visit import Visit, make
from storage import destinations
from storage.db import Connection
from storage.destinations import Destination

log = logging.getLogger("dazzle.deliver")

LEASE = timedelta(seconds=90)
SENDING_SECONDS = 30.0  # no delivery is begun later in a lease, so that the last one ends inside it
HOSTS_AT_ONCE = 96
MOST_VISITS = 384  # slow hosts included, each of which holds a connection or more
GATHER_SECONDS = 0.01  # visits that end within this are given back together
REST_SECONDS = 0.1  # after a round through all hosts
POLL_SECONDS = 1.0

Visits = dict[asyncio.Task[Visit], Visit]


async def run(fed: Federation, stop: asyncio.Event, worker: str) -> None:
    """Deliver until `stop` is set; requests under way are finished and settled first."""
    courier = Courier.open(fed, worker, stop)
    bell = fed.database.doorbell.listener()
    rung = asyncio.create_task(bell.wait(0))
    visits: Visits = {}
    unreported: list[Visit] = []
    try:
        while visits or unreported or not stop.is_set():
            try:
                visits |= await _set_out(courier, _room(visits))
                if rung.done():
                    courier.has_news = True
                    rung = asyncio.create_task(bell.wait(POLL_SECONDS))
                unreported += await _back(courier, visits, rung)
                await _report(courier, unreported)
                unreported.clear()
            except Exception:
                log.exception("delivering failed")
                if stop.is_set():
                    break
                await asyncio.sleep(POLL_SECONDS)
    finally:
        for task in (*visits, rung):
            task.cancel()
        courier.settler.close()
        await bell.close()


async def step(fed: Federation, worker: str = "step") -> int:
    """Visit every host that has something due, once; how many deliveries were finished."""
    courier = Courier.open(fed, worker, asyncio.Event())
    visits = [await task for task in await _set_out(courier, HOSTS_AT_ONCE)]
    await _report(courier, visits)
    return sum(visit.done for visit in visits)


def _room(visits: Visits) -> int:
    """How many more hosts to visit now."""
    brisk = sum(not visit.is_slow for visit in visits.values())
    return min(HOSTS_AT_ONCE - brisk, MOST_VISITS - len(visits))


async def _set_out(courier: Courier, limit: int) -> Visits:
    """Lease hosts, committed, and start to send what is due to them."""
    if limit <= 0 or courier.stop.is_set() or monotonic() < courier.rests_until:
        return {}
    courier.has_news = False
    until = monotonic() + SENDING_SECONDS
    async with courier.fed.database.read() as conn:
        hosts = await _lease(courier, conn, limit)
        if not hosts:
            return {}
        rows = await courier.read_due(conn, [destination.host for destination in hosts])
    visits = [Visit(courier, one, until, deque(rows[one.host])) for one in hosts]
    return {asyncio.create_task(make(visit)): visit for visit in visits}


async def _lease(courier: Courier, conn: Connection, limit: int) -> list[Destination]:
    """The next hosts of the round, which begins anew at its end: each has its turn."""
    now, worker = courier.fed.clock.now(), courier.worker
    hosts: list[Destination] = []
    for _ in range(2 if courier.place else 1):
        wanted = limit - len(hosts)
        found = await destinations.lease_hosts(
            conn, worker, now, LEASE, limit=wanted, after=courier.place
        )
        hosts += found
        if len(found) == wanted:
            courier.place = max(destination.host for destination in found)
            courier.has_news = True
            return hosts
        courier.place = ""
    courier.rests_until = monotonic() + REST_SECONDS
    return hosts


async def _back(courier: Courier, visits: Visits, rung: asyncio.Task[None]) -> list[Visit]:
    """Wait for a visit to end or for the bell; takes out of `visits` those that are back."""
    await asyncio.wait(
        {*visits, rung}, timeout=_patience(courier, visits), return_when=asyncio.FIRST_COMPLETED
    )
    if any(not task.done() for task in visits):
        await asyncio.sleep(GATHER_SECONDS)
    back = [task for task in visits if task.done()]
    for task in back:
        del visits[task]
    courier.has_news |= bool(back)
    return [task.result() for task in back]


def _patience(courier: Courier, visits: Visits) -> float | None:
    """How long to wait at most: hosts may be due that there was no time or no room for."""
    if courier.stop.is_set() or not courier.has_news:
        return None
    rest = max(courier.rests_until - monotonic(), 0.0)
    return rest if _room(visits) > 0 else max(rest, REST_SECONDS)


async def _report(courier: Courier, visits: list[Visit]) -> None:
    reports = [visit.report for visit in visits if visit.report is not None]
    if reports:
        async with courier.fed.database.read() as conn:
            await destinations.report(conn, courier.worker, courier.fed.clock.now(), reports)
