"""What other servers ask of us: activities taken, worked off, and sent."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench import load, processes
from bench.figures import Figure, Postgres
from bench.pages import measure_requests
from bench.world import World, note_of
from federation import deliver, publish, receive
from federation.keys import load_own_key
from federation.signatures import sign_request
from server.app import Parts
from storage.keys import SigningKey
from tests import factories


async def measure_accepted(
    world: World,
    server: processes.Measured,
    postgres: Postgres,
    port: int,
    scratch: Path,
    *,
    count: int,
    first: int,
) -> Figure:
    """Signed activities of known actors, POSTed to the shared inbox and answered 202."""
    url = f"http://127.0.0.1:{port}/inbox"
    key = load_own_key(factories.KEYPAIR.private_pem)
    requests = []
    for number in range(first, first + count):
        peer = world.peers[number % len(world.peers)]
        body = note_of(peer, world, number)
        headers = sign_request("post", url, body, f"{peer.uri}#main-key", key, datetime.now(UTC))
        requests.append(load.post("/inbox", body, headers))
    await asyncio.sleep(0)
    return await measure_requests(
        "inbox POST accepted", server, postgres, port, requests, scratch, expected=202
    )


async def measure_processed(parts: Parts, postgres: Postgres, expected: int) -> Figure:
    """What was accepted, worked off by one process: rules, rows, publishing with queued sends."""
    fed = parts.federation
    before, before_pg, start = time.process_time(), postgres.cpu(), time.perf_counter()
    processed = 0
    while (done := await receive.step(fed)) > 0:
        processed += done
        while await publish.step(fed) > 0:
            pass
    cpu, cpu_pg = time.process_time() - before, postgres.cpu() - before_pg
    wall = time.perf_counter() - start
    async with fed.database.read() as conn:
        refused = await conn.fetchval("select count(*) from inbox where state <> 'done'")
    if processed < expected or refused:
        raise RuntimeError(f"{processed} of {expected} activities processed, {refused} refused")
    return Figure("inbox processed, publish included", processed, cpu, cpu_pg, wall)


async def forget_received(dsn: str) -> None:
    """What a flood left waiting is nobody's work: nothing was to come of it."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("delete from inbox where state = 'waiting'")
    await connection.execute("vacuum analyze")
    await connection.close()


async def measure_deliveries(parts: Parts, postgres: Postgres, expected: int) -> Figure:
    """What was queued, sent to loopback sinks by one worker."""
    fed = parts.federation
    before, before_pg, start = time.process_time(), postgres.cpu(), time.perf_counter()
    sent = 0
    while (done := await deliver.step(fed)) > 0:
        sent += done
    cpu, cpu_pg = time.process_time() - before, postgres.cpu() - before_pg
    if sent < expected:
        raise RuntimeError(f"{sent} of {expected} deliveries were sent")
    return Figure("deliveries", sent, cpu, cpu_pg, time.perf_counter() - start)


async def measure_series(parts: Parts, world: World, count: int) -> Figure:
    """The yardstick of deliveries: the same bodies signed and POSTed one after the other."""
    client = parts.federation.client
    key = SigningKey(f"{world.community.uri}#main-key", factories.KEYPAIR.private_pem)
    body = note_of(world.peers[0], world, 0)
    inboxes = [f"http://{peer.host}/inbox" for peer in world.peers]
    before, start = time.process_time(), time.perf_counter()
    for number in range(count):
        await client.post(inboxes[number % len(inboxes)], body, key=key)
    cpu = time.process_time() - before
    return Figure("signing and client alone, in series", count, cpu, 0, time.perf_counter() - start)
