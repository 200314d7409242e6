"""One visit to one host: what is due there, sent, and what becomes of it.

The first request goes alone: a host that hangs costs one connection, and one that is away costs
one request. Once it has answered it gets up to four at a time, each about another object.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from federation.client import Response
from federation.deliver.courier import Courier
from federation.deliver.looking import Lost, look_where_gone, look_where_moved
from federation.deliver.settling import Finished, Result
from federation.errors import Refused, Unreachable
from federation.outcomes import PAUSE, Outcome, outcome_of, retry_after, wait_after
from storage.deliveries import Due, Held
from storage.destinations import PATIENCE, Destination, HostReport

log = logging.getLogger("dazzle.deliver")

AT_ONCE_PER_HOST = 4
SLOW_SECONDS = 0.5  # a host that keeps us waiting for longer takes no place from others


@dataclass(slots=True)
class Visit:
    """One lease of one host. `until`: no request is begun later, so that it ends in the lease."""

    courier: Courier
    destination: Destination
    until: float
    waiting: deque[Due]
    heard_at: float = field(default_factory=monotonic)
    done: int = 0
    held: int = 0
    broken: list[Due] = field(default_factory=list)  # no answer came
    answered: int = 0
    asked_wait: timedelta | None = None
    moved: dict[str, str] = field(default_factory=dict)  # inboxes that were found elsewhere
    is_busy: bool = False
    is_gone: bool = False
    is_over: bool = False
    error: str = ""
    report: HostReport | None = None

    @property
    def is_slow(self) -> bool:
        return monotonic() - self.heard_at > SLOW_SECONDS

    @property
    def now(self) -> datetime:
        return self.courier.fed.clock.now()

    @property
    def goes_on(self) -> bool:
        return not self.is_over and not self.courier.stop.is_set() and monotonic() < self.until


async def make(visit: Visit) -> Visit:
    """Send what is due; never fails itself."""
    try:
        await _send_all(visit)
        if visit.answered and not visit.is_busy:
            await _hold_broken(visit)
    except Exception as error:
        log.exception("a visit to %s failed", visit.destination.host)
        visit.is_over, visit.error = True, type(error).__name__
    visit.report = _report(visit)
    return visit


async def _send_all(visit: Visit) -> None:
    await _send_first(visit)
    count = min(AT_ONCE_PER_HOST, len(visit.waiting))
    if count and visit.goes_on:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(_send_in_turn(visit))


async def _send_first(visit: Visit) -> None:
    """One after the other, until the host has answered."""
    row = visit.waiting.popleft() if visit.waiting else None
    while row is not None and visit.goes_on:
        result = await _send(visit, row)
        if visit.answered:
            await visit.courier.settler.settle(result, None)
            return
        row = await _next(visit, result)


async def _send_in_turn(visit: Visit) -> None:
    """One after the other, beside others that do the same."""
    row = await _next(visit, None)
    while row is not None and visit.goes_on:
        row = await _next(visit, await _send(visit, row))


async def _next(visit: Visit, result: Result | None) -> Due | None:
    """Write a result; then the next delivery that nobody has cancelled meanwhile."""
    while True:
        row = visit.waiting.popleft() if visit.waiting and visit.goes_on else None
        is_there = await visit.courier.settler.settle(result, row.id if row else None)
        if row is None or is_there:
            return row
        result = None


async def _send(visit: Visit, row: Due) -> Result | None:
    """None when it stays as it is, for the host as a whole is left alone for a while."""
    key = await visit.courier.key_of(row.actor_id)
    if not row.is_allowed or not row.body or key is None:
        visit.done += 1
        return Finished(row.id, is_sent=False, is_taken=False)
    inbox, hops = visit.moved.get(row.inbox, row.inbox), 0
    while True:
        try:
            response = await visit.courier.post(row, inbox, key)
        except Unreachable as error:
            visit.broken.append(row)
            visit.is_over, visit.error = True, error.code
            return None
        except Refused as error:
            return _hold(visit, row, None, error.code)
        visit.heard_at = monotonic()
        outcome = outcome_of(response.status)
        moved_to = None
        if outcome in (Outcome.MOVED, Outcome.GONE) and not hops:
            moved_to = await _look(visit, inbox, outcome)
        if moved_to is None:
            return _take_answer(visit, row, response, outcome)
        visit.moved[inbox] = moved_to
        inbox, hops = moved_to, 1


async def _look(visit: Visit, inbox: str, outcome: Outcome) -> str | None:
    """The inbox to use instead. A host that is gone as a whole ends the visit."""
    host = visit.destination.host
    if outcome is Outcome.MOVED:
        return await look_where_moved(visit.courier.fed, host, inbox)
    found = await look_where_gone(visit.courier.fed, host, inbox)
    if found is Lost.HOST:
        visit.is_gone = visit.is_over = True
    return None if isinstance(found, Lost) else found


def _take_answer(visit: Visit, row: Due, response: Response, outcome: Outcome) -> Result | None:
    told = str(response.status)
    asked = retry_after(response.headers.get("retry-after"), visit.now)
    if outcome is Outcome.TAKEN:
        return _finish(visit, row, "", is_taken=True)
    if outcome in (Outcome.FINAL, Outcome.GONE):
        # Lemmy answers 400 to the Announce of a bare post, and takes the wrapped one.
        return _finish(visit, row, "" if row.type == "Announce" else told)
    if outcome in (Outcome.HELD, Outcome.MOVED):
        return _hold(visit, row, response.status, told, asked)
    visit.is_over = visit.is_busy = True
    visit.error = told
    if asked is not None:
        visit.asked_wait = max(asked, visit.asked_wait or asked)
    return None


def _finish(visit: Visit, row: Due, error: str, *, is_taken: bool = False) -> Result:
    if error:
        log.info("delivery %s refused: %s", row.id, error)
        visit.error = error
    visit.done += 1
    visit.answered += 1
    return Finished(row.id, is_sent=True, is_taken=is_taken)


def _hold(
    visit: Visit, row: Due, status: int | None, error: str, asked: timedelta | None = None
) -> Result:
    """Try this one later, or give it up after two weeks. Several in a row speak for the host."""
    visit.held += 1
    visit.error = error
    most = 1 if visit.destination.failures else AT_ONCE_PER_HOST
    if visit.held >= most and not visit.answered:
        visit.is_over = True
    if visit.now - row.created_at > PATIENCE:
        log.info("delivery %s given up: %s", row.id, error)
        visit.error = f"given up: {error}"
        visit.done += 1
        return Finished(row.id, is_sent=True, is_taken=False)
    wait = wait_after(row.tries)
    return Held(row.id, visit.now + max(wait, asked or wait), status, error[:500])


async def _hold_broken(visit: Visit) -> None:
    """While the host answers others, only what got no answer waits."""
    for row in visit.broken:
        held = Held(row.id, visit.now + wait_after(row.tries), None, visit.error[:500])
        await visit.courier.settler.settle(held, None)


def _report(visit: Visit) -> HostReport:
    """How the host did as a whole."""
    host, error, now = visit.destination.host, visit.error[:500], visit.now
    if visit.is_gone:
        return HostReport(host, "gone", now, error)
    if visit.asked_wait is not None:
        return HostReport(host, "busy", now + visit.asked_wait, error)
    if visit.answered and not visit.is_busy:
        return HostReport(host, "well", now + PAUSE if visit.broken else now, error)
    if visit.is_over:
        return HostReport(host, "failed", now + wait_after(visit.destination.failures), error)
    return HostReport(host, "idle", now if visit.done else now + PAUSE, error)
