"""A load generator of raw sockets: keep-alive, prepared bytes, a fixed number of requests.

It runs in a process of its own, and only the server's CPU time is counted, so that its own speed
does not enter the figures.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec


class Job(msgspec.Struct):
    """What to send: request bytes, sent in order over `connections`, `repeat` times over."""

    host: str
    port: int
    connections: int
    requests: list[bytes]
    repeat: int = 1


class Outcome(msgspec.Struct):
    """Seconds taken, how often each status came, and latencies in seconds at quantiles."""

    seconds: float
    statuses: dict[int, int]
    p50: float
    p99: float
    body_bytes: int


@dataclass
class Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    body_bytes: int = 0


async def _one(reader: asyncio.StreamReader) -> tuple[int, int]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    length = int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0
    if length:
        await reader.readexactly(length)
    return status, length


async def _connection(job: Job, queue: list[bytes], tally: Tally) -> None:
    reader, writer = await asyncio.open_connection(job.host, job.port, limit=2**22)
    while queue:
        request = queue.pop()
        start = time.perf_counter()
        writer.write(request)
        status, length = await _one(reader)
        tally.latencies.append(time.perf_counter() - start)
        tally.statuses[status] += 1
        tally.body_bytes = length
    writer.close()


async def run(job: Job) -> Outcome:
    """Send everything and wait for every answer."""
    queue = [request for _ in range(job.repeat) for request in reversed(job.requests)]
    tally = Tally()
    start = time.perf_counter()
    await asyncio.gather(*(_connection(job, queue, tally) for _ in range(job.connections)))
    seconds = time.perf_counter() - start
    ordered = sorted(tally.latencies)
    return Outcome(
        seconds,
        dict(tally.statuses),
        ordered[len(ordered) // 2],
        ordered[int(len(ordered) * 0.99)],
        tally.body_bytes,
    )


async def in_child(job: Job, scratch: Path) -> Outcome:
    """Run the job in a child process, so that this one stays quiet."""
    path = scratch / "job.msgpack"
    path.write_bytes(msgspec.msgpack.encode(job))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", str(path), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError("the load generator failed")
    return msgspec.json.decode(output, type=Outcome)


def get(path: str, host: str, headers: dict[str, str] | None = None) -> bytes:
    """The bytes of a GET request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path: str, body: bytes, headers: dict[str, Any]) -> bytes:
    """The bytes of a POST request; `headers` has to name the host."""
    lines = [f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


if __name__ == "__main__":
    told = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(told))))
