"""HTP-01 to HTP-04 and RES-02: over raw sockets, because a client library would not send these."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from federation.admission import TurnedAway
from server.http_guard import GuardedProtocol, protocol_for
from tests.server.raw_http import exchange, serving, statuses

HOST = b"Host: forum.example\r\n"


async def show(request: Request) -> PlainTextResponse:
    body = await request.body()
    names = sorted(name.decode() for name, _ in request.scope["headers"])
    return PlainTextResponse(f"{request.url.path} {len(body)} {','.join(names)}")


APP = Router([Route("/{path:path}", show, methods=["GET", "POST"])])


class Hurried(GuardedProtocol):
    head_seconds = 0.5
    body_seconds = 1.0


@pytest.fixture
async def port():
    async with serving(APP) as number:
        yield number


@pytest.fixture
async def hurried_port():
    async with serving(APP, Hurried) as number:
        yield number


CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

REFUSED = {
    "both length and chunks": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n", 400),
    "two equal lengths": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    "a negative length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
    "an unknown coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "two codings": (
        b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "chunked, then identity": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400),
    "chunks in HTTP/1.0": (
        b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "a space before the colon": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: forum.example\n\n", 400),
    "a bare line feed in the head": (b"GET / HTTP/1.1\r\nX: 1\n" + HOST + b"\r\n", 400),
    "a bare carriage return": (b"GET / HTTP/1.1\r\nX: a\rb\r\n" + HOST + b"\r\n", 400),
    "a folded line": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", 400),
    "a NUL in a header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n", 400),
    "bare line feeds between chunks": (
        b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n1\nx\n0\n\n", 400),
    "a chunk extension of 1 MB": (
        b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n1;" + b"e" * 1_000_000 + b"\r\nx\r\n"
        b"0\r\n\r\n", 400),
    "endless trailers": (
        b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n0\r\n" + b"T: x\r\n" * 20_000, 431),
    "two Hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "no Host in HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", 400),
    "HTTP/0.9": (b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", 505),
    "HTTP/2 without being asked": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "a target of another host": (b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n", 421),
    "a target with a user": (b"GET http://u@forum.example/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target of no page": (b"GET ftp://forum.example/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target without a path": (b"GET http://forum.example HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a tunnel": (b"CONNECT evil.example:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "101 headers": (
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X%d: 1\r\n" % n for n in range(100)) + b"\r\n",
        431),
    "a header of 17 kB": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 17_000 + b"\r\n\r\n", 431),
    "headers of 17 kB": (
        b"GET / HTTP/1.1\r\n" + HOST + (b"X: " + b"a" * 995 + b"\r\n") * 17 + b"\r\n", 431),
    "a header that never ends": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 500_000, 431),
    "a URL of 9 kB": (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a URL that never ends": (b"GET /" + b"a" * 500_000, 414),
    "a NUL in the path": (b"GET /a\x00b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
}  # fmt: skip

ACCEPTED = {
    "a plain request": b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/1.0 with a Host": b"GET / HTTP/1.0\r\n" + HOST + b"\r\n",
    "a length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc",
    "chunks": b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n3\r\nabc\r\n0\r\n\r\n",
    "a small chunk extension": b"POST / HTTP/1.1\r\n"
    + HOST + CHUNKED + b"\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
    "many tiny chunks": b"POST / HTTP/1.1\r\n"
    + HOST + CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n",
    "100 headers": b"GET / HTTP/1.1\r\n"
    + HOST + b"".join(b"X%d: 1\r\n" % n for n in range(98)) + b"\r\n",
    "headers of 15 kB": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 15_000 + b"\r\n\r\n",
    "a URL of 8 kB": b"GET /" + b"a" * 8_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "our own host in the target": b"GET http://forum.example/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "an upgrade that we do not offer": b"GET / HTTP/1.1\r\n"
    + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
async def test_a_bad_request_gets_one_refusal_and_the_end_of_the_connection(port, what):
    request, status = REFUSED[what]
    answer = await exchange(port, request + SMUGGLED)
    assert statuses(answer) == [status]
    assert b"connection: close" in answer
    assert b"content-security-policy" in answer


@pytest.mark.parametrize("what", ACCEPTED)
async def test_its_good_twin_is_served(port, what):
    request = ACCEPTED[what].replace(HOST, HOST + b"Connection: close\r\n", 1)
    assert statuses(await exchange(port, request, wait=20)) == [200]


async def test_several_requests_share_a_connection(port):
    last = ACCEPTED["HTTP/1.0 with a Host"]  # which ends the connection
    answer = await exchange(port, ACCEPTED["a length"] + ACCEPTED["chunks"] + last, wait=20)
    assert statuses(answer) == [200, 200, 200]
    assert answer.count(b"/ 3 ") == 2


async def test_what_follows_an_upgrade_is_not_a_request(port):
    answer = await exchange(port, ACCEPTED["an upgrade that we do not offer"] + SMUGGLED)
    assert statuses(answer) == [200]
    assert b"smuggled" not in answer


async def test_a_trailer_adds_no_header(port):
    head = b"POST / HTTP/1.1\r\nConnection: close\r\n" + HOST + CHUNKED
    answer = await exchange(port, head + b"\r\n3\r\nabc\r\n0\r\nX-Evil: 1\r\n\r\n", wait=20)
    assert statuses(answer) == [200]
    assert b"x-evil" not in answer


async def test_a_slow_head_is_cut(hurried_port):
    began = time.monotonic()
    assert statuses(await exchange(hurried_port, b"GET / HTTP/1.1\r\nHos", wait=5)) == [408]
    assert time.monotonic() - began < 2


async def test_a_head_that_drips_is_cut(hurried_port):
    assert await _drip(hurried_port, b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 50, 0.05) < 2


async def test_empty_lines_between_requests_do_not_keep_a_connection(hurried_port):
    first = ACCEPTED["a plain request"]
    assert await _drip(hurried_port, b"\r\n" * 200, 0.05, before=first) < 2


async def test_a_slow_body_is_cut(hurried_port):
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n"
    assert await _drip(hurried_port, b"x" * 99, 0.05, before=head) < 3
    assert statuses(await exchange(hurried_port, head + b"abc", wait=5)) == [408]


async def test_a_body_that_is_slow_but_in_time_is_served(hurried_port):
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried_port)
    for part in (head, b"a", b"b", b"c"):
        writer.write(part)
        await asyncio.sleep(0.2)
    assert (await reader.read(20)).startswith(b"HTTP/1.1 200")
    writer.close()


FILES = (
    b"POST /c/place/new HTTP/1.1\r\n"
    + HOST
    + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 40960\r\n\r\n"
)


async def test_files_may_take_longer_as_long_as_they_keep_coming(hurried_port):
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried_port)
    writer.write(FILES)
    for _ in range(5):
        writer.write(b"x" * 8192)
        await asyncio.sleep(0.3)
    assert (await reader.read(20)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_res_02_files_that_drip_or_stop_are_cut(hurried_port):
    assert await _drip(hurried_port, b"x" * 99, 0.05, before=FILES) < 3
    began = time.monotonic()
    stopped = await exchange(hurried_port, FILES + b"x" * 40959, wait=5)
    assert (statuses(stopped), time.monotonic() - began < 3) == ([408], True)


@pytest.fixture
async def large():
    """A server of a large answer, and what became of those who asked for it."""
    done: asyncio.Queue[str] = asyncio.Queue()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x" * 65_536 * 400)(scope, receive, _in_pieces(send))
        done.put_nowait("served")

    class Impatient(GuardedProtocol):
        unread_seconds = 0.4

    async with serving(app, Impatient) as number:
        yield number, done


def _in_pieces(send: Send) -> Send:
    async def send_pieces(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] == "http.response.start" or not body:
            await send(message)
            return
        for start in range(0, len(body), 65_536):
            is_last = start + 65_536 >= len(body)
            piece = body[start : start + 65_536]
            await send({"type": "http.response.body", "body": piece, "more_body": not is_last})

    return send_pieces


async def test_res_02_who_asks_and_does_not_read_is_let_go(large):
    port, done = large
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await asyncio.wait_for(done.get(), 5) == "served", "nobody waits for it any more"
    with contextlib.suppress(ConnectionError):
        assert len(await reader.read()) < 65_536 * 400
    writer.close()


async def test_who_reads_slowly_is_sent_all_of_it(large):
    port, done = large
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    read = 0
    while piece := await reader.read(2**20):
        read += len(piece)
        await asyncio.sleep(0.01)
    assert read > 65_536 * 400
    assert done.get_nowait() == "served"
    writer.close()


async def test_others_are_served_while_500_are_slow(hurried_port):
    async def dawdle():
        with contextlib.suppress(OSError):
            await _drip(hurried_port, b"GET / HTTP/1.1\r\nX: " + b"a" * 50, 0.2)

    slow = [asyncio.create_task(dawdle()) for _ in range(500)]
    await asyncio.sleep(0.3)
    times = []
    for _ in range(40):
        began = time.monotonic()
        answer = await exchange(hurried_port, b"GET / HTTP/1.0\r\n" + HOST + b"\r\n")
        assert statuses(answer) == [200]
        times.append(time.monotonic() - began)
    assert sorted(times)[37] < 0.5
    for task in slow:
        task.cancel()


async def _drip(port: int, data: bytes, pause: float, before: bytes = b"") -> float:
    """Send byte by byte; how long the server bore it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    closed = asyncio.create_task(_read_to_end(reader))
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        writer.write(before)
        for byte in data:
            if closed.done():
                break
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)
    await asyncio.wait_for(closed, 5)
    writer.close()
    return time.monotonic() - began


async def _read_to_end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(65536):
            pass


@pytest.fixture
async def full():
    """A server whose inbox has no place, but for who knows the word; it answers everything else."""

    def turn_away(headers: list[tuple[bytes, bytes]]) -> TurnedAway | None:
        return None if (b"x-let-in", b"1") in headers else TurnedAway(42, 0.05)

    async with serving(APP, protocol_for(is_https=False, turn_away=turn_away)) as number:
        yield number


def inbox_post(body: bytes, *more: str, path: str = "/inbox") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_who_is_turned_away_hears_when_to_come_again_and_keeps_the_connection(full):
    reader, writer = await asyncio.open_connection("127.0.0.1", full)
    for _ in range(3):
        request = inbox_post(b"x" * 5000)
        writer.write(request[:1000])
        await asyncio.sleep(0.02)
        writer.write(request[1000:])
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nfull"), 10)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 42\r\n" in answer
        assert b"connection: close" not in answer
        assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 OK" in await asyncio.wait_for(reader.readuntil(b"/page 0 host"), 10)
    writer.close()


async def test_only_the_inbox_turns_away(full):
    ending = "Connection: close"
    for path in ("/inbox", "/ap/actors/1/inbox"):
        assert statuses(await exchange(full, inbox_post(b"x", ending, path=path))) == [503]
    for path in ("/sign-in", "/ap/actors/1", "/inbox/more", "/?/inbox"):
        assert statuses(await exchange(full, inbox_post(b"x", ending, path=path))) == [200]
    assert statuses(await exchange(full, inbox_post(b"x", ending, "X-Let-In: 1"))) == [200]
    asked = b"GET /inbox HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert statuses(await exchange(full, asked)) == [200]


async def test_requests_one_behind_the_other_are_answered_in_their_order(full):
    last = inbox_post(b"x", "Connection: close", path="/sign-in")
    answer = await exchange(full, inbox_post(b"abc") + inbox_post(b"x", "X-Let-In: 1") + last)
    assert statuses(answer) == [503, 200, 200]


async def test_what_is_not_plain_http_is_refused_before_it_could_be_turned_away(full):
    smuggled = inbox_post(b"0\r\n\r\n", "Transfer-Encoding: chunked")
    assert statuses(await exchange(full, smuggled)) == [400]
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    head = b"POST /inbox HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(full, head + chunk * 20)
    assert statuses(answer) in ([413], [])  # a reset may overtake the answer
