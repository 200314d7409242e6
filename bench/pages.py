"""What a person waits for: a thread page with 100 replies, cold, warm and signed in."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from bench import load, processes
from bench.figures import Figure, Postgres
from bench.world import World

CONNECTIONS = 16
COLD = 100
CHANGE_THREAD = "update posts set version = version + 1 where id = $1"


async def measure_url(
    name: str,
    server: processes.Measured,
    postgres: Postgres,
    port: int,
    request: bytes,
    count: int,
    scratch: Path,
) -> Figure:
    """Send one request `count` times after a short warm-up, and count the server's CPU."""
    warm_up = load.Job("127.0.0.1", port, CONNECTIONS, [request], repeat=max(32, count // 20))
    await load.in_child(warm_up, scratch)
    return await measure_requests(name, server, postgres, port, [request] * count, scratch)


async def measure_requests(
    name: str,
    server: processes.Measured,
    postgres: Postgres,
    port: int,
    requests: list[bytes],
    scratch: Path,
    *,
    expected: int = 200,
) -> Figure:
    """Send prepared requests and count the server's CPU. Raises if an answer is unexpected."""
    job = load.Job("127.0.0.1", port, CONNECTIONS, requests)
    before, before_pg = server.cpu(), postgres.cpu()
    outcome = await load.in_child(job, scratch)
    cpu, cpu_pg = server.cpu() - before, postgres.cpu() - before_pg
    if set(outcome.statuses) != {expected}:
        raise RuntimeError(f"{name}: answers were {outcome.statuses}, not {expected}")
    return Figure(
        name,
        count=len(requests),
        python=cpu,
        postgres=cpu_pg,
        wall=outcome.seconds,
        p50=outcome.p50,
        p99=outcome.p99,
        note=f"{outcome.body_bytes} bytes",
    )


async def measure_cold(
    world: World,
    server: processes.Measured,
    postgres: Postgres,
    port: int,
    request: bytes,
    dsn: str,
) -> Figure:
    """The page made anew each time, because its thread has just changed."""
    connection = await asyncpg.connect(dsn)
    job = load.Job("127.0.0.1", port, 1, [request])
    await load.run(job)
    before, before_pg, seconds, latencies = server.cpu(), postgres.cpu(), 0.0, []
    for _ in range(COLD):
        await connection.execute(CHANGE_THREAD, world.thread.id)
        outcome = await load.run(job)
        seconds += outcome.seconds
        latencies.append(outcome.p50)
    cpu, cpu_pg = server.cpu() - before, postgres.cpu() - before_pg
    await connection.close()
    latencies.sort()
    return Figure(
        "thread page, anonymous, cold",
        count=COLD,
        python=cpu,
        postgres=cpu_pg,
        wall=seconds,
        p50=latencies[COLD // 2],
        p99=latencies[-1],
    )


async def measure_thread(
    world: World,
    server: processes.Measured,
    postgres: Postgres,
    port: int,
    scratch: Path,
    dsn: str,
) -> list[Figure]:
    """The thread page for nobody in particular, and for a signed-in member."""
    host = f"127.0.0.1:{port}"
    path = f"/t/{world.thread.id}"
    anonymous = load.get(path, host, {"Accept": "text/html", "Accept-Language": "en"})
    cookie = {"Accept": "text/html", "Accept-Language": "en", "Cookie": f"dazzle={world.session}"}
    signed_in = load.get(path, host, cookie)
    cold = await measure_cold(world, server, postgres, port, anonymous, dsn)
    warm = await measure_url(
        "thread page, anonymous, warm", server, postgres, port, anonymous, 6000, scratch
    )
    member = await measure_url(
        "thread page, signed in", server, postgres, port, signed_in, 1500, scratch
    )
    return [cold, warm, member]
