from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse

from server import metrics
from tests.server.raw_http import exchange, serving


async def read_out(database) -> dict[str, float]:
    """The figures as a collector gets them."""
    server = await metrics.serve(database, ("127.0.0.1", 0))
    assert server is not None
    port = server.sockets[0].getsockname()[1]
    answer = await exchange(port, b"GET /metrics HTTP/1.1\r\n\r\n")
    server.close()
    lines = answer.partition(b"\r\n\r\n")[2].decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


async def test_answers_are_counted_by_class_and_time(database):
    name = 'dazzle_responses_total{class="2xx"}'
    before = await read_out(database)
    async with serving(metrics.Measured(PlainTextResponse("well"))) as port:
        for _ in range(3):
            await exchange(port, b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    after = await read_out(database)
    assert after[name] - before[name] == 3
    assert after["dazzle_response_seconds_count"] - before["dazzle_response_seconds_count"] == 3


async def test_waiting_work_is_told_without_a_name(database):
    async with database.write() as conn:
        await conn.execute(
            "insert into inbox (id, uri, type, actor_uri, host, body) "
            "values (1, 'https://a.example/1', 'Like', 'https://a.example/u', 'a.example', '')"
        )
    figures = await read_out(database)
    assert figures['dazzle_waiting{queue="inbox"}'] == 1
    assert not any("example" in name for name in figures)


async def test_a_taken_port_is_no_reason_not_to_work(database):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    taken = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = taken.sockets[0].getsockname()
    assert await metrics.serve(database, address) is None
    taken.close()
