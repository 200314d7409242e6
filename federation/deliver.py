"""Sends what is queued: lease hosts, POST the stored bytes, settle.

One loop per process does all the talking to the database, for many hosts in one statement, while
a task per leased host only sends. A host gets up to four requests at a time, in order per object.
A worker that dies leaves its leases to run out, and another sends again what was not settled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from federation.client import Response
from federation.context import Federation
from federation.errors import Refused, Unreachable
from federation.outcomes import PAUSE, Outcome, outcome_of, retry_after, wait_after
from storage import deliveries
from storage.deliveries import PATIENCE, Destination, Due, Held, HostReport, Settlement
from storage.keys import SigningKey, read_signing_key

log = logging.getLogger("dazzle.deliver")

LEASE = timedelta(seconds=60)
SENDING_SECONDS = 40.0  # no request starts later in a lease, so that the last one ends inside it
HOSTS_AT_ONCE = 64
PER_HOST = 32
AT_ONCE_PER_HOST = 4
GATHER_SECONDS = 0.01  # results of this long are settled together
POLL_SECONDS = 1.0
MAX_KEYS = 4096


@dataclass(slots=True)
class Courier:
    """What all visits of one worker share."""

    fed: Federation
    worker: str
    stop: asyncio.Event
    _keys: dict[int, SigningKey | None] = field(default_factory=dict)

    async def key_of(self, actor_id: int) -> SigningKey | None:
        if actor_id not in self._keys:
            if len(self._keys) >= MAX_KEYS:
                self._keys.clear()
            async with self.fed.database.read() as conn:
                self._keys[actor_id] = await read_signing_key(conn, actor_id)
        return self._keys[actor_id]


@dataclass(slots=True)
class Visit:
    """One lease of one host, and what becomes of it."""

    courier: Courier
    destination: Destination
    until: float
    done: list[int] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    broken: list[Due] = field(default_factory=list)  # no answer came
    answered: int = 0
    asked_wait: timedelta | None = None
    is_busy: bool = False
    is_over: bool = False
    error: str = ""
    report: HostReport | None = None


async def run(fed: Federation, stop: asyncio.Event, worker: str) -> None:
    """Deliver until `stop` is set; requests under way are finished and settled first."""
    courier = Courier(fed, worker, stop)
    bell = fed.database.doorbell.listener()
    rung = asyncio.create_task(bell.wait(0))
    visits: set[asyncio.Task[Visit]] = set()
    unsettled: list[Visit] = []
    try:
        while visits or unsettled or not stop.is_set():
            try:
                visits |= await _set_out(courier, HOSTS_AT_ONCE - len(visits))
                if rung.done():
                    rung = asyncio.create_task(bell.wait(POLL_SECONDS))
                back, visits = await _next_back(visits, rung)
                unsettled += back
                await _settle(courier, unsettled)
                unsettled.clear()
            except Exception:
                log.exception("delivering failed")
                if stop.is_set():
                    break
                await asyncio.sleep(POLL_SECONDS)
    finally:
        for task in (*visits, rung):
            task.cancel()
        await bell.close()


async def step(fed: Federation, worker: str = "step") -> int:
    """Visit every host that has something due, once; how many deliveries were finished."""
    courier = Courier(fed, worker, asyncio.Event())
    tasks = await _set_out(courier, HOSTS_AT_ONCE)
    visits = [await task for task in tasks]
    await _settle(courier, visits)
    return sum(len(visit.done) for visit in visits)


async def _set_out(courier: Courier, limit: int) -> set[asyncio.Task[Visit]]:
    """Lease hosts, committed, and start to send what is due to them."""
    if limit <= 0 or courier.stop.is_set():
        return set()
    now = courier.fed.clock.now()
    until = monotonic() + SENDING_SECONDS
    async with courier.fed.database.read() as conn:
        hosts = await deliveries.lease_hosts(conn, courier.worker, now, LEASE, limit=limit)
        if not hosts:
            return set()
        names = [destination.host for destination in hosts]
        due = await deliveries.due(conn, names, now, per_host=PER_HOST)
    rows: dict[str, list[Due]] = defaultdict(list)
    for row in due:
        rows[row.host].append(row)
    return {
        asyncio.create_task(_visit(Visit(courier, destination, until), rows[destination.host]))
        for destination in hosts
    }


async def _next_back(
    visits: set[asyncio.Task[Visit]], rung: asyncio.Task[None]
) -> tuple[list[Visit], set[asyncio.Task[Visit]]]:
    """Wait for a visit to end or for the bell; visits that are back, and those still out."""
    await asyncio.wait({*visits, rung}, return_when=asyncio.FIRST_COMPLETED)
    if any(not task.done() for task in visits):
        await asyncio.sleep(GATHER_SECONDS)
    back = {task for task in visits if task.done()}
    return [task.result() for task in back], visits - back


async def _settle(courier: Courier, visits: list[Visit]) -> None:
    if not visits:
        return
    results = Settlement()
    for visit in visits:
        results.done.extend(visit.done)
        results.held.extend(visit.held)
        if visit.report is not None:
            results.hosts.append(visit.report)
    async with courier.fed.database.read() as conn:
        await deliveries.settle(conn, courier.worker, courier.fed.clock.now(), results)


async def _visit(visit: Visit, rows: list[Due]) -> Visit:
    """Send rows side by side, each about another object; never fails itself."""
    try:
        await _send_side_by_side(visit, iter(rows), len(rows))
    except Exception as error:
        log.exception("a visit to %s failed", visit.destination.host)
        visit.is_over, visit.error = True, type(error).__name__
    visit.report = _report(visit)
    return visit


async def _send_side_by_side(visit: Visit, waiting: Iterator[Due], count: int) -> None:
    if count <= 1:
        await _send_each(visit, waiting)
        return
    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE_PER_HOST, count)):
            group.create_task(_send_each(visit, waiting))


async def _send_each(visit: Visit, waiting: Iterator[Due]) -> None:
    for row in waiting:
        if visit.is_over or visit.courier.stop.is_set() or monotonic() > visit.until:
            return
        await _send(visit, row)


async def _send(visit: Visit, row: Due) -> None:
    key = await visit.courier.key_of(row.actor_id)
    if not row.is_allowed or not row.body or key is None:
        visit.done.append(row.id)
        return
    try:
        response = await visit.courier.fed.client.post(row.inbox, row.body, key=key)
    except Unreachable as error:
        visit.broken.append(row)
        visit.is_over = True
        visit.error = error.code
    except Refused as error:
        _hold(visit, row, None, error.code)
    else:
        _take_answer(visit, row, response)


def _take_answer(visit: Visit, row: Due, response: Response) -> None:
    outcome = outcome_of(response.status)
    told = f"{response.status} at {row.inbox}"
    if outcome is Outcome.TAKEN:
        _finish(visit, row, "")
    elif outcome is Outcome.FINAL:
        _finish(visit, row, told)
    elif outcome is Outcome.HELD:
        _hold(visit, row, response.status, told)
    else:
        now = visit.courier.fed.clock.now()
        wait = retry_after(response.headers.get("retry-after"), now)
        visit.is_over = visit.is_busy = True
        visit.error = told
        if wait is not None:
            visit.asked_wait = max(wait, visit.asked_wait or wait)


def _finish(visit: Visit, row: Due, error: str) -> None:
    if error:
        log.info("delivery %s refused: %s", row.id, error)
        visit.error = error
    visit.done.append(row.id)
    visit.answered += 1


def _hold(visit: Visit, row: Due, status: int | None, error: str) -> None:
    """Try this one later, or give it up after two weeks. Several in a row speak for the host."""
    now = visit.courier.fed.clock.now()
    if now - row.created_at > PATIENCE:
        _finish(visit, row, f"given up: {error}")
        return
    visit.held.append(Held(row.id, now + wait_after(row.tries), status, error[:500]))
    visit.error = error
    if len(visit.held) >= AT_ONCE_PER_HOST and not visit.answered:
        visit.is_over = True


def _report(visit: Visit) -> HostReport:
    """How the host did as a whole. While it answers others, only what got no answer waits."""
    now = visit.courier.fed.clock.now()
    host, error = visit.destination.host, visit.error[:500]
    if visit.asked_wait is not None:
        return HostReport(host, "busy", now + visit.asked_wait, error)
    if visit.answered and not visit.is_busy:
        for row in visit.broken:
            visit.held.append(Held(row.id, now + wait_after(row.tries), None, error))
        pause = PAUSE if visit.broken else timedelta()
        return HostReport(host, "well", now + pause, error)
    if visit.is_over:
        return HostReport(host, "failed", now + wait_after(visit.destination.failures), error)
    return HostReport(host, "idle", now if visit.done else now + PAUSE, error)
