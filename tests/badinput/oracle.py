"""What must be true after every piece of bad input, said once.

(a) it gets the expected answer, soon, and never one that blames us; (b) nothing is stored;
(c) nobody was asked or dialled but those who are expected; (d) the next valid request of the same
server is taken; (e) memory does not grow; (f) one line in the log tells why, and nothing more.
"""

from __future__ import annotations

import logging
import re
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import pytest

from server.log import OneLine
from tests.badinput.net import ADDRESSES, Seen
from tests.badinput.world import CANARY, MAIL, Answer, World

SOON = 1.0  # what is wanted; a busy machine is slower, so only far beyond it is a failure
FAR_BEYOND = 15.0
MOST_GROWTH = 32 * 1024  # KiB
OURS = ("dazzle", "server", "web", "federation", "forum", "storage")
SECRETS = (CANARY, MAIL, "127.0.0.1", "keyId", "signature=", "password")
# A status, or the code of what the worker refused, and where; of others only their host's name.
LINE = re.compile(
    r"[1-5]\d\d (?:at the door|before any route)|(?:[1-5]\d\d )?[a-z][a-z0-9_]+ from [a-z0-9.-]+"
)

# Not domain: `limits` counts requests, the others are queues that a kept activity goes through.
COUNTERS = frozenset({"limits"})
QUEUES = COUNTERS | {"inbox", "seen"}

Act = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True)
class Expected:
    """What an input must come to.

    `outcome` is what the worker makes of it (a pattern; "nothing" of what the door did not keep),
    None when nothing may be kept. `asks`
    are requests to others, in any order, `may_ask` those that may be there or not, and `dials`
    addresses that may be dialled beside theirs.
    `lines` are those in the log, -1 for one if it was refused. `changes` are tables that may
    change, beside the queues of what is kept.
    """

    status: int | tuple[int, ...] = 401
    outcome: str | None = None
    reason: str = ""
    asks: tuple[str, ...] = ()
    may_ask: tuple[str, ...] = ()
    dials: tuple[str, ...] = ()
    lines: int = 1
    changes: frozenset[str] = frozenset()


TAKEN = Expected(202, "done", lines=0)


@dataclass
class Verdict:
    """What was seen."""

    answer: Answer
    became: tuple[str, str] | None
    seconds: float
    growth: int
    net: Seen
    lines: list[str] = field(default_factory=list)


class Oracle:
    """Judges one act after another in one world; `slowest` is kept to be reported."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slowest = 0.0
        self.judged = 0
        self._tables: list[str] = []

    async def judge(self, act: Act, expected: Expected) -> Verdict:
        """Do it and check all six."""
        world = self.world
        await world.forget()
        untouched = (COUNTERS if expected.outcome is None else QUEUES) | expected.changes
        before = await self.digest(untouched)
        verdict = await self._do(act, works=expected.outcome is not None)
        self._check_answer(verdict, expected)
        assert await self.digest(untouched) == before, "(b) something was stored"
        self._check_net(verdict.net, expected)
        assert verdict.growth <= MOST_GROWTH, f"(e) grew by {verdict.growth} KiB"
        self._check_log(verdict, expected)
        await self.require_next(works=expected.outcome is not None)
        self.judged += 1
        self.slowest = max(self.slowest, verdict.answer.seconds)
        return verdict

    async def accept(self, act: Act, expected: Expected = TAKEN) -> Verdict:
        """The positive twin: taken, and no refusal is told of."""
        await self.world.forget()
        verdict = await self._do(act, works=expected.outcome is not None)
        self._check_answer(verdict, expected)
        assert verdict.lines == [], verdict.lines
        return verdict

    async def digest(self, without: frozenset[str]) -> str:
        """One hash over all rows of all tables but those."""
        if not self._tables:
            rows = await self.world.observer.fetch(
                "select tablename from pg_tables where schemaname = 'public' order by 1"
            )
            self._tables = [row[0] for row in rows if row[0] != "alembic_version"]
        parts = " union all ".join(
            f"select '{name}' n, md5(string_agg(t::text, ';' order by t::text)) h from {name} t"
            for name in self._tables
            if name not in without
        )
        query = f"select string_agg(n || '=' || coalesce(h, ''), ' ' order by n) from ({parts}) x"
        return str(await self.world.observer.fetchval(query))

    async def require_next(self, *, works: bool) -> None:
        """(d) Ada's server is served as before: a deletion of what never came is remembered."""
        world = self.world
        await world.forget()
        answer = await world.post(world.activity("Delete", world.new_uri("notes")))
        assert answer.status == 202, f"(d) the next valid request: {answer}"
        if works:
            await world.work()
            assert await world.became() == ("done", ""), "(d) the next valid request"

    async def _do(self, act: Act, *, works: bool) -> Verdict:
        start = perf_counter()
        with self.world.net.watched() as seen, _log() as records, _memory() as growth:
            answer = await act()
            became = None
            if works:
                await self.world.work()
                became = await self.world.became()
        verdict = Verdict(answer, became, perf_counter() - start, growth[0], seen)
        verdict.lines = [OneLine().format(record) for record in records]
        return verdict

    def _check_answer(self, verdict: Verdict, expected: Expected) -> None:
        answer = verdict.answer
        wanted = expected.status if isinstance(expected.status, tuple) else (expected.status,)
        assert answer.status in wanted, f"(a) {answer}"
        assert answer.status < 500 or (answer.status == 503 and "retry-after" in answer.headers)
        assert verdict.seconds < FAR_BEYOND, f"(a) took {verdict.seconds} s"
        if expected.outcome is not None:
            state, reason = verdict.became or ("nothing", "")
            assert re.fullmatch(expected.outcome, state), f"(a) {verdict.became}"
            assert re.fullmatch(expected.reason or ".*", reason), f"(a) {verdict.became}"

    def _check_net(self, seen: Seen, expected: Expected) -> None:
        asked = [ask for ask in seen.asks if ask not in expected.may_ask]
        assert sorted(asked) == sorted(expected.asks), f"(c) asked {seen.asks}"
        hosts = {ask.partition("/")[0] for ask in (*expected.asks, *expected.may_ask)}
        allowed = {ADDRESSES[host] for host in hosts if host in ADDRESSES} | set(expected.dials)
        if any(host.endswith(".wide.test") for host in hosts):
            allowed.add(ADDRESSES["wide.test"])
        dialled = {dial.rpartition(":")[0] for dial in seen.dials}
        assert dialled <= allowed, f"(c) dialled {seen.dials}"

    def _check_log(self, verdict: Verdict, expected: Expected) -> None:
        lines = expected.lines
        if lines < 0:
            became = verdict.became
            is_refused = became is not None and became[0] == "refused"
            lines = int(is_refused or verdict.answer.status >= 400)
        assert len(verdict.lines) == lines, f"(f) {verdict.lines}"
        for line in verdict.lines:
            said = line.split(": ", 1)[1]
            assert LINE.fullmatch(said), f"(f) {line}"
            assert not any(secret in line for secret in SECRETS), f"(f) {line}"


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        is_ours = record.name.partition(".")[0] in OURS
        if is_ours or record.levelno >= logging.WARNING:
            self.records.append(record)


@contextmanager
def _log() -> Iterator[list[logging.LogRecord]]:
    """The lines that an operator would see: ours, and complaints of anybody."""
    handler, root = _Kept(), logging.getLogger()
    loggers = [logging.getLogger(name) for name in OURS]
    before = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.INFO)
    try:
        yield handler.records
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _memory() -> Iterator[list[int]]:
    """By how many KiB the most memory that was used exceeds what was used before."""
    growth = [0]
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = _high_water()
    try:
        yield growth
    finally:
        growth[0] = _high_water() - before


def _high_water() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def in_one_loop() -> pytest.MarkDecorator:
    """The mark of a file whose tests share a world."""
    return pytest.mark.asyncio(loop_scope="module")
