"""Figures for an operator, on a local port of their own: how much, how fast, how far behind.

Nothing in them tells of a person, a community or another server. Web processes count into a piece
of memory that they share since before they were forked; one process reads it out.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import struct
import time
from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage import queues
from storage.db import Database
from storage.queues import Lengths

log = logging.getLogger(__name__)

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# Per process: one figure for each class, each bound, what is beyond the bounds, and their sum.
FIGURES = len(CLASSES) + len(BOUNDS) + 2
MOST_PROCESSES = 64

REQUEST_SECONDS = 5.0


class Board:
    """Figures of all processes that were forked after it was made. Each writes its own row."""

    def __init__(self) -> None:
        size = MOST_PROCESSES * FIGURES * struct.calcsize("d")
        self.figures = memoryview(mmap.mmap(-1, size)).cast("d")
        self.start = 0

    def take_row(self, row: int) -> None:
        """In a child: count there from now on."""
        self.start = row % MOST_PROCESSES * FIGURES

    def add(self, figure: int, amount: float) -> None:
        self.figures[self.start + figure] += amount

    def totals(self) -> list[float]:
        return [sum(self.figures[figure::FIGURES]) for figure in range(FIGURES)]


BOARD = Board()


class Measured:
    """Counts answers by class and time."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                BOARD.add(message["status"] // 100 - 1, 1)
            await send(message)

        await self.app(scope, receive, note_status)
        took = time.perf_counter() - began
        BOARD.add(len(CLASSES) + bisect_left(BOUNDS, took), 1)
        BOARD.add(FIGURES - 1, took)


class Readings(Collector):
    """What the board and the queues say, in the words of Prometheus."""

    def __init__(self, lengths: Lengths) -> None:
        self.lengths = lengths

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        totals = BOARD.totals()
        answers = CounterMetricFamily("dazzle_responses", "Answers by class", labels=["class"])
        for name, total in zip(CLASSES, totals, strict=False):
            answers.add_metric([name], total)
        yield answers
        yield _histogram(totals[len(CLASSES) :])
        waiting = GaugeMetricFamily("dazzle_waiting", "Work that waits", labels=["queue"])
        waiting.add_metric(["inbox"], self.lengths.inbox)
        waiting.add_metric(["events"], self.lengths.events)
        waiting.add_metric(["deliveries"], self.lengths.deliveries)
        yield waiting
        dead = GaugeMetricFamily("dazzle_set_aside", "Work given up on", labels=["queue"])
        dead.add_metric(["inbox"], self.lengths.dead_inbox)
        dead.add_metric(["events"], self.lengths.dead_events)
        yield dead
        servers = GaugeMetricFamily(
            "dazzle_servers", "Other servers that do not answer", labels=["state"]
        )
        servers.add_metric(["failing"], self.lengths.failing)
        servers.add_metric(["parked"], self.lengths.parked)
        yield servers
        yield GaugeMetricFamily(
            "dazzle_oldest_event_seconds", "Age of the oldest event", self.lengths.oldest_event
        )


def _histogram(figures: list[float]) -> HistogramMetricFamily:
    buckets, below = [], 0.0
    for bound, figure in zip((*map(str, BOUNDS), "+Inf"), figures, strict=False):
        below += figure
        buckets.append((bound, below))
    return HistogramMetricFamily(
        "dazzle_response_seconds", "Time to answer", buckets=buckets, sum_value=figures[-1]
    )


async def serve(database: Database, address: tuple[str, int]) -> asyncio.Server | None:
    """Answer any request on that port with the figures; None when the port is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(await _read_out(database)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.info("a request for metrics was not finished")
        finally:
            writer.close()

    try:
        return await asyncio.start_server(answer, *address)
    except OSError:
        log.warning("no metrics: port %d is taken (see DAZZLE_METRICS_BIND)", address[1])
        return None


async def _read_out(database: Database) -> bytes:
    async with database.read() as conn:
        lengths = await queues.read_lengths(conn)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Readings(lengths))
    return generate_latest(registry)


def _response(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"
        b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    ) + body
