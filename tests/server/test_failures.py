from __future__ import annotations

import asyncpg
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from server.failures import Failures
from tests.server.raw_http import exchange, serving, statuses

REQUEST = b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def failing(error: Exception) -> Failures:
    async def fail(request: Request) -> PlainTextResponse:
        raise error

    async def work(request: Request) -> PlainTextResponse:
        return PlainTextResponse("well")

    return Failures(Router([Route("/fail", fail), Route("/work", work)]))


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("no"),
        TimeoutError(),
        asyncpg.InterfaceError("closed"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.AdminShutdownError("stopping"),
        asyncpg.DiskFullError("full"),
    ],
)
async def test_an_absent_database_asks_to_come_again(error):
    async with serving(failing(error)) as port:
        answer = await exchange(port, REQUEST % b"fail")
    assert statuses(answer) == [503]
    assert b"retry-after: " in answer


async def test_a_fault_of_ours_tells_nothing_of_the_inside():
    async with serving(failing(ValueError("secret"))) as port:
        answer = await exchange(port, REQUEST % b"fail")
        assert statuses(answer) == [500]
        assert b"secret" not in answer
        assert b"Traceback" not in answer
        assert statuses(await exchange(port, REQUEST % b"work")) == [200]


async def test_whoever_has_left_is_answered_nothing():
    async with serving(failing(ClientDisconnect())) as port:
        answer = await exchange(port, REQUEST % b"fail")
    assert b"Our mistake" not in answer
