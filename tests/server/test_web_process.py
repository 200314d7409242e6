"""HTP-03: whose word counts for the address of a visitor."""

from __future__ import annotations

import socket

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from server.errors import StartError
from server.settings import Settings
from server.web_process import bind, configuration
from tests.server.raw_http import exchange, serving

FORWARDED = (
    b"GET / HTTP/1.1\r\nHost: forum.example\r\nConnection: close\r\n"
    b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n"
)


async def show(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"you are {request.client.host}")


async def seen_from(settings: Settings) -> bytes:
    config = configuration(Router([Route("/", show)]), settings)
    async with serving(config.app, config=config) as port:
        return (await exchange(port, FORWARDED)).rpartition(b"you are ")[2]


async def test_a_strangers_word_does_not():
    assert await seen_from(Settings()) == b"127.0.0.1"
    assert await seen_from(Settings(trusted_proxies=("10.0.0.0/8",))) == b"127.0.0.1"


@pytest.mark.parametrize("proxy", ["127.0.0.1", "127.0.0.0/8"])
async def test_that_of_a_named_proxy_does(proxy):
    assert await seen_from(Settings(trusted_proxies=(proxy,))) == b"203.0.113.9"


def test_a_port_is_taken_before_anything_else_starts():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on 127.0.0.1 is taken"):
            bind(Settings(bind=f"127.0.0.1:{port}"))


def test_an_address_that_is_not_ours_is_one_line():
    with pytest.raises(StartError, match=r"Cannot listen on 192\.0\.2\.1:8000: [^\n]+$"):
        bind(Settings(bind="192.0.2.1:8000"))
