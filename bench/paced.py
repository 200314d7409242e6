"""A load generator that keeps its pace whatever the server does: so many requests a second.

Requests go out when their moment comes, on the next free of many connections. Like `bench.load` it
runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import uvloop


class Stream(msgspec.Struct):
    """Requests that are sent over and over, `rate` a second, on `connections`."""

    name: str
    rate: float
    connections: int
    requests: list[bytes]


class Job(msgspec.Struct):
    host: str
    port: int
    seconds: float
    streams: list[Stream]


class Outcome(msgspec.Struct):
    """What became of a stream: answers by status, and how long they took at quantiles."""

    name: str
    statuses: dict[int, int]
    seconds: float
    good_p50: float
    good_p95: float
    good_p99: float
    refused_p99: float
    without_retry_after: int  # answers with 503 that do not say when to come again


class Tally:
    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.good: list[float] = []
        self.refused: list[float] = []
        self.without_retry_after = 0

    def note(self, status: int, took: float, head: bytes) -> None:
        self.statuses[status] += 1
        if status < 400:
            self.good.append(took)
        else:
            self.refused.append(took)
        if status == 503 and b"\r\nretry-after: " not in head:
            self.without_retry_after += 1


async def _send(job: Job, stream: Stream, moments: list[int], tally: Tally, start: float) -> None:
    reader = writer = None
    while True:
        number = moments[0]
        moments[0] += 1
        due = start + number / stream.rate
        if max(due, time.perf_counter()) >= start + job.seconds:
            break  # all streams end together, also one that could not keep its pace
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if writer is None or writer.is_closing():
            reader, writer = await asyncio.open_connection(job.host, job.port, limit=2**22)
        assert reader is not None
        sent = time.perf_counter()
        writer.write(stream.requests[number % len(stream.requests)])
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : head.index(b"\r\n", at)]) if at >= 0 else 0
        if length:
            await reader.readexactly(length)
        tally.note(int(head[9:12]), time.perf_counter() - sent, head)
        if b"\r\nconnection: close" in head:
            writer.close()
    if writer is not None:
        writer.close()


async def _run_stream(job: Job, stream: Stream) -> Outcome:
    tally, moments, start = Tally(), [0], time.perf_counter()
    senders = (_send(job, stream, moments, tally, start) for _ in range(stream.connections))
    await asyncio.gather(*senders)
    return Outcome(
        stream.name,
        dict(tally.statuses),
        time.perf_counter() - start,
        at_quantile(tally.good, 0.5),
        at_quantile(tally.good, 0.95),
        at_quantile(tally.good, 0.99),
        at_quantile(tally.refused, 0.99),
        tally.without_retry_after,
    )


def at_quantile(values: list[float], quantile: float) -> float:
    return sorted(values)[int(len(values) * quantile)] if values else 0.0


async def run(job: Job) -> list[Outcome]:
    """Send all streams at once, to their end."""
    return list(await asyncio.gather(*(_run_stream(job, stream) for stream in job.streams)))


async def in_child(job: Job, scratch: Path) -> dict[str, Outcome]:
    """Run the job in a child process of its own; outcomes by the names of their streams."""
    path = scratch / f"paced-{job.streams[0].name}.msgpack"
    path.write_bytes(msgspec.msgpack.encode(job))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.paced", str(path), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError("the load generator failed")
    outcomes = msgspec.json.decode(output, type=list[Outcome])
    return {outcome.name: outcome for outcome in outcomes}


if __name__ == "__main__":
    told = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(told))))
