"""What must be true after every piece of bad input, said once.

(a) it gets the expected answer, soon, and never one that blames us; (b) nothing is stored;
(c) nobody was asked or dialled but those who are expected; (d) the next valid request of the same
server is taken; (e) memory does not grow; (f) one line in the log tells why, and nothing more.
"""

from __future__ import annotations

import logging
import re
import resource
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pytest

from server.log import OneLine
from tests.badinput.net import Seen, address_of
from tests.badinput.world import CANARY, MAIL, Answer, World

SOON = 1.0  # what is wanted; a busy machine is slower, so only far beyond it is a failure
FAR_BEYOND = 15.0
MOST_GROWTH = 32 * 1024  # KiB
OURS = ("dazzle", "server", "web", "federation", "forum", "storage")
SECRETS = (CANARY, MAIL, "127.0.0.1", "keyId", "signature=", "password")
# A status, or the code of what the worker refused, and where; of others only their host's name.
LINE = re.compile(
    r"[1-5]\d\d (?:at the door|before any route)|(?:[1-5]\d\d )?[a-z][a-z0-9_]+ from [a-z0-9.-]+"
    r"|a (?:community|thread) of [a-z0-9.-]+ was not read: [a-z0-9_]+"
    r"|the members here of a community of [a-z0-9.-]+: [a-z0-9_]+"
)

# Not domain: `limits` counts requests, the others are queues that a kept activity goes through.
COUNTERS = frozenset({"limits"})
QUEUES = COUNTERS | {"inbox", "seen"}

Act = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True)
class Expected:
    """What an input must come to.

    `outcome` is what the worker makes of it (a pattern; "nothing" of what the door did not keep),
    None when nothing may be kept. `asks` are requests to others, in any order, `may_ask` those that
    may be there or not, and `dials` addresses that may be dialled beside theirs. `lines` are those
    in the log, -1 for one if it was refused, -2 for one at most. `changes` are tables that may
    change, beside the queues of what is kept.
    """

    status: int | tuple[int, ...] = 401
    outcome: str | None = None
    reason: str = ".*"
    asks: tuple[str, ...] = ()
    may_ask: tuple[str, ...] = ()
    dials: tuple[str, ...] = ()
    lines: int = 1
    changes: frozenset[str] = frozenset()

    @property
    def works(self) -> bool:
        return self.outcome is not None


TAKEN = Expected(202, "done", lines=0)


@dataclass(frozen=True)
class Case:
    """One piece of input."""

    act: Act
    expected: Expected


@dataclass
class Verdict:
    """What was seen of one case, or of several of a kind."""

    answers: list[Answer]
    states: list[tuple[str, str]]
    seconds: float
    growth: int
    net: Seen
    lines: list[str]

    @property
    def answer(self) -> Answer:
        return self.answers[-1]

    @property
    def became(self) -> tuple[str, str] | None:
        return self.states[-1] if self.states else None


class Oracle:
    """Judges one case after another in one world; `slowest` is kept to be reported."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slowest = 0.0
        self.judged = 0
        self._tables: list[str] = []

    async def judge(self, act: Act, expected: Expected) -> Verdict:
        """Do it and check all six."""
        return await self.judge_all([lambda: Case(act, expected)])

    async def judge_all(self, makes: Sequence[Callable[[], Case]]) -> Verdict:
        """Do several of a kind, one after another; what is seen must come of all together."""
        await self.world.forget()
        cases, verdict, before = [], None, ""
        with self.world.net.watched() as seen, _log() as records, _memory() as growth:
            start, answers = perf_counter(), []
            for make in makes:
                cases.append(make())
                if not before:
                    untouched = _untouched(cases[0].expected)
                    before = await self.digest(untouched)
                answers.append(await cases[-1].act())
            states = await self._states(works=cases[0].expected.works)
            seconds = perf_counter() - start
        lines = [OneLine().format(record) for record in records]
        verdict = Verdict(answers, states, seconds, growth[0], seen, lines)
        _check_answers(verdict, cases)
        assert await self.digest(untouched) == before, "(b) something was stored"
        _check_net(verdict.net, cases)
        assert verdict.growth <= MOST_GROWTH, f"(e) grew by {verdict.growth} KiB"
        _check_log(verdict, cases)
        await self._require_next(works=cases[0].expected.works)
        self.judged += len(cases)
        self.slowest = max(self.slowest, *(answer.seconds for answer in answers))
        return verdict

    async def accept(self, act: Act, expected: Expected = TAKEN) -> Verdict:
        """The positive twin: taken, and no refusal is told of."""
        await self.world.forget()
        with self.world.net.watched() as seen, _log() as records:
            start = perf_counter()
            answers = [await act()]
            states = await self._states(works=expected.works)
        lines = [OneLine().format(record) for record in records]
        verdict = Verdict(answers, states, perf_counter() - start, 0, seen, lines)
        if states:
            verdict.states = states[-1:]  # what made it ready may have come before
        _check_answers(verdict, [Case(act, expected)])
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

    async def require_next(self) -> None:
        """For tests that judge by themselves."""
        await self._require_next(works=True)

    async def _require_next(self, *, works: bool) -> None:
        """(d) Ada's server is served as before: a deletion of what never came is remembered."""
        world = self.world
        await world.forget()
        answer = await world.post(world.activity("Delete", world.new_uri("notes")))
        assert answer.status == 202, f"(d) the next valid request: {answer}"
        if works:
            assert await self._states(works=True) == [("done", "")], "(d) the next valid request"

    async def _states(self, *, works: bool) -> list[tuple[str, str]]:
        """What the worker made of all that was kept."""
        if not works:
            return []
        await self.world.work()
        rows = await self.world.observer.fetch("select state, reason from inbox order by id")
        return [(row["state"], row["reason"]) for row in rows]


def _untouched(expected: Expected) -> frozenset[str]:
    return (QUEUES if expected.works else COUNTERS) | expected.changes


def _check_answers(verdict: Verdict, cases: Sequence[Case]) -> None:
    for case, answer in zip(cases, verdict.answers, strict=True):
        wanted = case.expected.status
        assert answer.status in (wanted if isinstance(wanted, tuple) else (wanted,)), (
            f"(a) {answer}"
        )
        assert answer.status < 500 or (answer.status == 503 and "retry-after" in answer.headers)
        assert answer.seconds < FAR_BEYOND, f"(a) took {answer.seconds} s"
    expected = cases[0].expected
    if expected.outcome is None:
        return
    for state, reason in verdict.states or [("nothing", "")]:
        assert re.fullmatch(expected.outcome, state), f"(a) {verdict.states}"
        assert re.fullmatch(expected.reason, reason), f"(a) {verdict.states}"
    kept = sum(answer.status == 202 for answer in verdict.answers)
    assert len(verdict.states) >= kept or "nothing" in expected.outcome, f"(a) {verdict.states}"


def _check_net(seen: Seen, cases: Sequence[Case]) -> None:
    needed = sorted(ask for case in cases for ask in case.expected.asks)
    possible = {ask for case in cases for ask in case.expected.may_ask}
    asked = sorted(ask for ask in seen.asks if ask not in possible)
    assert asked == needed, f"(c) asked {seen.asks}"
    hosts = {ask.partition("/")[0] for ask in (*needed, *possible)}
    allowed = {address for case in cases for address in case.expected.dials}
    allowed |= {address for name in hosts if (address := address_of(name)) is not None}
    dialled = {dial.rpartition(":")[0] for dial in seen.dials}
    assert dialled <= allowed, f"(c) dialled {seen.dials}"


def _check_log(verdict: Verdict, cases: Sequence[Case]) -> None:
    lines = cases[0].expected.lines * len(cases)
    if lines < -len(cases):
        lines = min(len(cases), len(verdict.lines))
    elif lines < 0:
        lines = sum(answer.status >= 400 for answer in verdict.answers)
        lines += sum(state == "refused" for state, _ in verdict.states)
    assert len(verdict.lines) == lines, f"(f) {verdict.lines}"
    for line in verdict.lines:
        assert LINE.fullmatch(line.split(": ", 1)[1]), f"(f) {line}"
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
