"""HTP-02, HTP-04 and RES-01: what is judged with the whole request in sight."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from forum.site import Site
from server.request_guard import (
    FILES_OF_ONE,
    FORM_BYTES,
    FORM_PLACES,
    PLACES,
    RequestGuard,
)
from tests.server.raw_http import exchange, serving, statuses
from web.file_places import give_back


async def measure(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"got {len(await request.body())}")


ANY = ["GET", "POST"]
PLAIN = Router([Route("/{path:path}", measure, methods=ANY)])


@pytest.fixture
async def port():
    async with serving(RequestGuard(PLAIN, site=Site("https://forum.example"))) as number:
        yield number


def post(path: str, *, length: int | None, host: str = "forum.example") -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    close = "Connection: close"
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{close}\r\n{size}\r\n\r\n".encode()


def get(path: str, host: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


async def pour(port: int, head: bytes, piece: bytes, pieces: int) -> tuple[bytes, int]:
    """Send as long as the server takes it; its answer and how many pieces it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(head)
        for _ in range(pieces):
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), 5)
            sent += 1
    answer = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        answer = await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    return answer, sent


@pytest.mark.parametrize("host", ["forum.example", "FORUM.example", "forum.example:443"])
async def test_our_own_names_are_served(port, host):
    assert statuses(await exchange(port, get("/", host))) == [200]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("forum.example:8443", 421),
        ("forum.example.evil.example", 421),
        ("localhost", 421),
        ("127.0.0.1:8000", 421),
        ("[::1]:8000", 421),
        ("forum.example/path", 400),
        ("forum.example@evil.example", 400),
        ("forum.example, evil.example", 400),
        ("", 400),
    ],
)
async def test_other_names_are_not(port, host, status):
    assert statuses(await exchange(port, get("/", host))) == [status]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
async def test_a_health_check_may_come_by_a_name_of_loopback(port, host):
    assert statuses(await exchange(port, get("/readyz", host))) == [200]
    assert statuses(await exchange(port, get("/healthz", "evil.example"))) == [421]


@pytest.mark.parametrize("path", ["/a%00b", "/a%0d%0ab", "/..%5c..%5cetc", "/?q=%00", "/%7f"])
async def test_characters_that_no_path_needs_are_refused(port, path):
    assert statuses(await exchange(port, get(path, "forum.example"))) == [400]


@pytest.mark.parametrize("path", ["/caf%C3%A9", "/a%20b", "/?q=a%26b", "/%2561", "/%2e%2e/x"])
async def test_their_good_twins_are_served(port, path):
    assert statuses(await exchange(port, get(path, "forum.example"))) == [200]


@pytest.mark.parametrize("path", ["/inbox", "/ap/actors/1/inbox"])
async def test_the_inbox_may_be_sent_more(port, path):
    assert b"got 1048576" in await exchange(port, post(path, length=2**20) + b"x" * 2**20)
    assert statuses(await exchange(port, post(path, length=2**20 + 1))) == [413]


@pytest.mark.parametrize("path", ["/sign-in", "/inbox/else"])
async def test_a_body_up_to_the_limit_is_served_and_one_beyond_is_not(port, path):
    most = FORM_BYTES
    fits = await exchange(port, post(path, length=most) + b"x" * most)
    assert f"got {most}".encode() in fits
    over = await exchange(port, post(path, length=most + 1) + b"x" * (most + 1))
    assert statuses(over) == [413]


async def test_a_declared_100_mb_is_refused_before_it_is_sent(port):
    assert statuses(await exchange(port, post("/sign-in", length=100_000_000))) == [413]


async def test_an_undeclared_100_mb_is_cut_within_one_more(port):
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answer, sent = await pour(port, post("/sign-in", length=None), chunk, 1600)
    assert statuses(answer) in ([413], [])  # a reset may overtake the answer
    assert sent * 65536 < FORM_BYTES + 8_000_000  # what the kernel's buffers hold is not read
    assert statuses(await exchange(port, get("/", "forum.example"))) == [200]


async def test_a_chunked_body_within_the_limit_is_served(port):
    body = b"3\r\nabc\r\n" * 1000 + b"0\r\n\r\n"
    assert b"got 3000" in await exchange(port, post("/sign-in", length=None) + body)


async def test_whoever_leaves_in_mid_body_is_forgotten(port):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post("/inbox", length=100) + b"abc")
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.1)
    assert statuses(await exchange(port, get("/", "forum.example"))) == [200]


@pytest.fixture
async def slow():
    """An application that answers once `gate` is set, and how many wait for it."""
    gate, waiting = asyncio.Event(), asyncio.Semaphore(0)

    async def wait(request: Request) -> PlainTextResponse:
        if request.url.path.endswith("/slow"):
            waiting.release()
            await gate.wait()
        return PlainTextResponse("here")

    app = Router([Route("/{path:path}", wait, methods=ANY)])
    async with serving(RequestGuard(app, site=Site("https://forum.example"))) as number:
        yield number, gate, waiting
        gate.set()


async def test_what_comes_beyond_the_places_is_told_so_at_once_and_may_come_later(slow):
    port, gate, waiting = slow
    asked = [
        asyncio.create_task(exchange(port, get("/slow", "forum.example"))) for _ in range(PLACES)
    ]
    for _ in range(PLACES):
        await asyncio.wait_for(waiting.acquire(), 20)
    refused = await exchange(port, get("/other", "forum.example"))
    assert statuses(refused) == [503]
    assert b"retry-after: 5" in refused.lower()
    assert statuses(await exchange(port, get("/readyz", "forum.example"))) == [200]
    assert statuses(await exchange(port, post("/inbox", length=0))) == [200]
    gate.set()
    assert {statuses(answer)[0] for answer in await asyncio.gather(*asked)} == {200}
    assert statuses(await exchange(port, get("/other", "forum.example"))) == [200]


async def test_a_form_that_comes_slowly_takes_nobodys_place(port):
    writers = []
    for _ in range(PLACES + 10):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/sign-in", length=100) + b"abc")
        await writer.drain()
        writers.append(writer)
    assert statuses(await exchange(port, get("/", "forum.example"))) == [200]
    for writer in writers:
        writer.close()


def post_files(path: str, length: int) -> bytes:
    kind = b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    return post(path, length=length).removesuffix(b"\r\n") + kind


async def test_a_form_with_files_may_be_larger_where_there_is_one(port):
    large = FORM_BYTES + 1
    fits = await exchange(port, post_files("/c/place/new", large) + b"x" * large)
    assert f"got {large}".encode() in fits
    assert statuses(await exchange(port, post_files("/sign-in", large))) == [413]
    assert statuses(await exchange(port, post("/c/place/new", length=large))) == [413]


async def begin(port: int, heads: list[bytes]) -> list[asyncio.StreamWriter]:
    """Connections that have sent a head, and nothing else."""
    writers = []
    for head in heads:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        await writer.drain()
        writers.append(writer)
    return writers


async def test_res_02_forms_with_files_that_never_come_hold_no_place_of_a_page(port):
    reply = post_files("/t/1/reply", 100)
    writers = await begin(port, [reply] * (FORM_PLACES + PLACES))
    assert statuses(await exchange(port, get("/", "forum.example"))) == [200]
    assert statuses(await exchange(port, post("/sign-in", length=3) + b"abc")) == [200]
    assert statuses(await exchange(port, reply + b"x" * 100)) == [503]
    for writer in writers:
        writer.close()


async def test_res_02_who_is_refused_holds_no_place_of_a_form_either():
    async def refuse(request: Request) -> PlainTextResponse:
        if "x-known" not in request.headers:
            give_back(request.scope)
        return PlainTextResponse(f"got {len(await request.body())}")

    app = Router([Route("/{path:path}", refuse, methods=ANY)])
    async with serving(RequestGuard(app, site=Site("https://forum.example"))) as port:
        reply = post_files("/t/1/reply", 3)
        writers = await begin(port, [reply] * (FORM_PLACES + 8))
        known = reply.replace(b"\r\n\r\n", b"\r\nX-Known: 1\r\n\r\n")
        assert b"got 3" in await exchange(port, known + b"abc")
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("path", ["/media/a/slow", "/settings/export/file/slow"])
async def test_res_02_files_that_nobody_reads_hold_no_place_of_a_page(slow, path):
    """Of one address; others, with an address of their own, still see theirs."""
    port, gate, waiting = slow
    file = get(path, "forum.example")
    asked = [asyncio.create_task(exchange(port, file)) for _ in range(FILES_OF_ONE)]
    for _ in range(FILES_OF_ONE):
        await asyncio.wait_for(waiting.acquire(), 20)
    assert statuses(await exchange(port, file)) == [503]
    assert statuses(await exchange(port, get("/", "forum.example"))) == [200]
    gate.set()
    assert {statuses(answer)[0] for answer in await asyncio.gather(*asked)} == {200}
