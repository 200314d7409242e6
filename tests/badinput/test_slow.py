"""RES-02, RES-05, RES-06, RES-11, SSRF-04, SSRF-05: servers that never end, and clients that do not
either.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from federation import client, dial
from server.http_guard import GuardedProtocol
from server.settings import Settings
from server.web_process import configuration
from tests.badinput.addresses import SPECIAL_IPV4, SPECIAL_IPV6
from tests.badinput.cases import REFUSED
from tests.badinput.net import ADDRESSES, SLOW
from tests.badinput.oracle import Case, Expected, Oracle, in_one_loop
from tests.badinput.world import SITE, World
from tests.federation.peer import ACTIVITY
from tests.server.raw_http import exchange, serving, statuses

pytestmark = in_one_loop()

SLOW_URL = f"https://{SLOW}/x"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\n"
TRIED_AGAIN = Expected(202, "waiting", lines=0, dials=(ADDRESSES[SLOW],))
GIVEN_UP = replace(REFUSED, dials=(ADDRESSES[SLOW],))

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Serve = Callable[[Reader, Writer], Awaitable[None]]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty times less patience than in earnest."""
    assert client.REQUEST_SECONDS <= 10
    assert client.TOTAL_SECONDS <= 30
    assert dial.CONNECT_SECONDS <= 5
    monkeypatch.setattr(client, "REQUEST_SECONDS", 0.6)
    monkeypatch.setattr(client, "TOTAL_SECONDS", 1.5)
    monkeypatch.setattr(dial, "CONNECT_SECONDS", 0.6)


def drip(before: bytes, piece: bytes, pause: float = 0.05) -> Serve:
    """Some bytes at once, and then a little now and then, for a minute."""

    async def serve(reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(before)
            for _ in range(int(60 / pause) if pause else 2000):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.close()

    return serve


def answer(*parts: bytes) -> Serve:
    async def serve(reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
        writer.close()

    return serve


async def say_nothing(reader: Reader, writer: Writer) -> None:
    with contextlib.suppress(OSError):
        await reader.read()
    writer.close()


DRIPS: dict[str, Serve] = {
    "a body": drip(HEAD + b"content-length: 100000\r\n\r\n", b"x"),
    "chunks": drip(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "empty lines in chunks": drip(HEAD + b"transfer-encoding: chunked\r\n\r\n1", b";a=b"),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "one header": drip(b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "the first line": drip(b"HTTP/1.1 200 ", b"O"),
    "100 Continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "102 Processing": drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "nothing": say_nothing,
    "trailers": drip(HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("serve", DRIPS.values(), ids=[f"RES-05 {name}" for name in DRIPS])
async def test_a_server_that_drips_is_left_and_others_do_not_wait(
    world: World, oracle: Oracle, serve: Serve
):
    async with world.net.slow(serve):
        verdict = await oracle.judge(lambda: world.post(world.announce(SLOW_URL)), TRIED_AGAIN)
    assert verdict.seconds < 6


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("piece", [b"", b"\x16\x03\x01", b"\x16\x03\x03\x00\x7a\x02"])
async def test_res_05_a_handshake_that_drips_is_left(world: World, oracle: Oracle, piece: bytes):
    async def serve(reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(OSError):
            for _ in range(600):
                writer.write(piece[:1])
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()

    async with world.net.slow(serve, is_tls=False):
        verdict = await oracle.judge(lambda: world.post(world.announce(SLOW_URL)), TRIED_AGAIN)
    assert verdict.seconds < 6


@pytest.mark.usefixtures("hurried")
async def test_res_05_many_keys_on_a_server_that_says_nothing_hold_up_nobody(
    world: World, oracle: Oracle
):
    async with world.net.slow(say_nothing):
        slow = [
            asyncio.create_task(
                world.post(world.create(world.reply()), by=f"https://{SLOW}/a{number}#k", key=None)
            )
            for number in range(15)
        ]
        await asyncio.sleep(0.1)
        start = time.perf_counter()
        await oracle.require_next()
        assert time.perf_counter() - start < 5
        assert {(await task).status for task in slow} == {503}


BODY = json.dumps({"id": SLOW_URL, "type": "Note", "content": "x" * 100}).encode()
BOMB = gzip.compress(b" " * 50_000_000, 9)


def encoded(name: str, body: bytes) -> Serve:
    head = HEAD + f"content-encoding: {name}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    return answer(head, body)


BOMBS: dict[str, tuple[Serve, Expected]] = {
    "gzip": (encoded("gzip", BOMB), GIVEN_UP),
    "gzip in gzip": (encoded("gzip, gzip", gzip.compress(BOMB)), GIVEN_UP),
    "x-gzip": (encoded("x-gzip", BOMB), GIVEN_UP),
    "deflate": (encoded("deflate", zlib.compress(b" " * 50_000_000)), GIVEN_UP),
    "br": (encoded("br", BOMB[:5000]), GIVEN_UP),
    "zstd": (encoded("zstd", BOMB[:5000]), GIVEN_UP),
    "an unknown coding": (encoded("x", BODY), GIVEN_UP),
    "identity and gzip": (encoded("identity, gzip", BOMB), GIVEN_UP),
    "gzip that is not said": (
        answer(HEAD + b"content-length: %d\r\n\r\n" % len(BOMB), BOMB),
        GIVEN_UP,
    ),
    "a length of 100 MB": (answer(HEAD + b"content-length: 100000000\r\n\r\n", BODY), GIVEN_UP),
    "a length of 30 digits": (
        answer(HEAD + b"content-length: " + b"9" * 30 + b"\r\n\r\n", BODY),
        Expected(202, "waiting|refused", lines=-1, dials=(ADDRESSES[SLOW],)),
    ),
    "a body without end": (drip(HEAD + b"\r\n", b"x" * 65536, 0.0), GIVEN_UP),
    "chunks without end": (
        drip(
            HEAD + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n", 0.0
        ),
        GIVEN_UP,
    ),
    "a length that is too short": (answer(HEAD + b"content-length: 10\r\n\r\n", BODY), GIVEN_UP),
    "a length that is too long": (
        answer(HEAD + b"content-length: 5000\r\n\r\n", BODY),
        TRIED_AGAIN,
    ),
    "two lengths": (
        answer(HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n", BODY),
        TRIED_AGAIN,
    ),
    "a negative length": (answer(HEAD + b"content-length: -1\r\n\r\n", BODY), TRIED_AGAIN),
    "headers without end": (
        drip(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 65000 + b"\r\n", 0.0),
        TRIED_AGAIN,
    ),
    "50,000 headers": (
        answer(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000 + b"\r\n", BODY),
        TRIED_AGAIN,
    ),
    "interim answers without end": (
        drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, 0.0),
        TRIED_AGAIN,
    ),
    "an upgrade": (
        answer(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", BODY
        ),
        Expected(202, "waiting|refused", lines=-1, dials=(ADDRESSES[SLOW],)),
    ),
    "HTTP/2": (answer(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), TRIED_AGAIN),
    "no HTTP": (answer(b"220 mail.test ESMTP\r\n"), TRIED_AGAIN),
    "204": (answer(b"HTTP/1.1 204 No Content\r\n\r\n"), GIVEN_UP),
    "206": (answer(b"HTTP/1.1 206 Partial Content\r\ncontent-length: 0\r\n\r\n"), GIVEN_UP),
    "999": (answer(b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n"), TRIED_AGAIN),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("what", BOMBS, ids=[f"RES-11 {name}" for name in BOMBS])
async def test_an_answer_that_grows_without_end_is_read_to_a_mebibyte(
    world: World, oracle: Oracle, what: str
):
    serve, expected = BOMBS[what]
    async with world.net.slow(serve):
        await oracle.judge(lambda: world.post(world.announce(SLOW_URL)), expected)


async def test_res_11_a_plain_answer_of_the_same_server_is_read(world: World, oracle: Oracle):
    note = json.dumps(world.in_group(id=SLOW_URL, attributedTo=f"https://{SLOW}/ada")).encode()
    author = {"id": f"https://{SLOW}/ada", "type": "Person", "inbox": f"https://{SLOW}/inbox"}
    bodies = {b"/x": note, b"/ada": json.dumps(author).encode()}

    async def serve(reader: Reader, writer: Writer) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        body = bodies.get(request.split()[1], b"{}")
        writer.write(HEAD + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        writer.close()

    async with world.net.slow(serve):
        await oracle.accept(lambda: world.post(world.announce(SLOW_URL)))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_res_11_an_activity_that_is_compressed_is_no_activity(
    world: World, oracle: Oracle, coding: str
):
    body = gzip.compress(b" " * 50_000_000 + json.dumps(world.create(world.reply())).encode())
    _, headers = world.sign(body, by=world.ada)
    headers["content-encoding"] = coding
    await oracle.judge(lambda: world.send(body, headers), Expected(400))


# Where redirects lead.


def hops(world: World, count: int, last: str) -> tuple[str, list[str]]:
    """So many redirects; the first URL, and all that are asked."""
    start = world.new_uri("hops")
    path = start.removeprefix("https://there.test")
    for number in range(count):
        location = last if number == count - 1 else f"{path}/{number + 1}"
        status = (301, 302, 303, 307, 308)[number % 5]
        world.there.put(f"{path}/{number}", b"", status=status, headers={"location": location})
    return f"{start}/0", [f"{start}/{number}".removeprefix("https://") for number in range(count)]


@pytest.mark.parametrize("count", [4, 5, 20])
async def test_ssrf_05_more_than_three_redirects_are_not_followed(
    world: World, oracle: Oracle, count: int
):
    url, asks = hops(world, count, "https://other.test/last")
    expected = Expected(202, "waiting", lines=0, asks=tuple(asks[:4]))
    await oracle.judge(lambda: world.post(world.announce(url)), expected)


@pytest.mark.parametrize("circle", [1, 2, 3])
async def test_res_06_a_circle_of_redirects_ends(world: World, oracle: Oracle, circle: int):
    start = world.new_uri("circles")
    path = start.removeprefix("https://there.test")
    for number in range(circle):
        location = f"{path}/{(number + 1) % circle}"
        world.there.put(f"{path}/{number}", b"", status=302, headers={"location": location})
    asks = tuple(f"{start}/{number % circle}".removeprefix("https://") for number in range(4))
    expected = Expected(202, "waiting", lines=0, asks=asks)
    await oracle.judge(lambda: world.post(world.announce(f"{start}/0")), expected)
    name = f"{start}/0#k"
    await oracle.judge(
        lambda: world.post(world.create(world.reply()), by=name, key=None),
        Expected(503, asks=asks),
    )


@pytest.mark.parametrize("status", [300, 304, 305, 306, 309, 310])
async def test_ssrf_05_other_answers_with_a_location_are_not_followed(
    world: World, oracle: Oracle, status: int
):
    uri = world.new_uri("moved")
    path = uri.removeprefix("https://there.test")
    world.there.put(path, b"", status=status, headers={"location": "https://10.0.0.1/"})
    expected = Expected(202, "refused|waiting", lines=-1, asks=(uri.removeprefix("https://"),))
    await oracle.judge(lambda: world.post(world.announce(uri)), expected)


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_ssrf_05_its_good_twin_is_followed(world: World, oracle: Oracle, count: int):
    note = world.in_group(id=world.new_uri("goals"))
    path = note["id"].removeprefix("https://there.test")
    world.there.put(path, note, content_type=ACTIVITY)
    url, _ = hops(world, count, note["id"])
    await oracle.accept(lambda: world.post(world.announce(url)))


# What a name says, and what it says the next time.


def named(world: World, number: int, *answers: list[str]) -> str:
    host = f"dns{number}.rebinding.test"
    world.net.resolve_as(host, *answers)
    return f"https://{host}/x"


SIZE = 12
SPECIAL = SPECIAL_IPV4 + SPECIAL_IPV6
GOOD_ADDRESS = ADDRESSES["there.test"]
MIXED = {
    "alone": lambda inside: [inside],
    "behind a public one": lambda inside: [GOOD_ADDRESS, inside],
    "before a public one": lambda inside: [inside, GOOD_ADDRESS],
    "behind many public ones": lambda inside: [*(f"93.184.217.{n}" for n in range(20)), inside],
}
DNS_VECTORS = [(how, inside) for how in MIXED for inside in SPECIAL]


@pytest.mark.parametrize("how", MIXED, ids=[f"SSRF-04 {how}" for how in MIXED])
@pytest.mark.parametrize("first", range(0, len(SPECIAL), SIZE))
async def test_a_name_that_leads_inside_is_not_dialled(
    world: World, oracle: Oracle, how: str, first: int
):
    """Not even at the public addresses among those it has."""

    def case(number: int, inside: str) -> Case:
        url = named(world, number, MIXED[how](inside))
        return Case(lambda: world.post(world.announce(url)), replace(REFUSED, reason="not_public"))

    await oracle.judge_all(
        [
            lambda number=number, inside=inside: case(number, inside)
            for number, inside in enumerate(SPECIAL[first : first + SIZE], first)
        ]
    )


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"])
async def test_ssrf_04_the_address_that_was_checked_is_the_one_dialled(
    world: World, oracle: Oracle, inside: str
):
    """A name that is looked up twice, to be checked and to be dialled, says another thing then."""
    world.net["other.test"].put("/x", {"id": "https://rebound.test/x"})
    host = f"rebound{len(inside)}.test"
    world.net.resolve_as(host, [GOOD_ADDRESS], [inside])
    expected = Expected(202, "waiting", lines=0, dials=(GOOD_ADDRESS,))
    await oracle.judge(lambda: world.post(world.announce(f"https://{host}/x")), expected)
    await oracle.judge(
        lambda: world.post(world.announce(f"https://{host}/y")),
        replace(REFUSED, reason="not_public"),
    )


# Clients that never end.


class Hurried(GuardedProtocol):
    head_seconds = 0.5
    body_seconds = 1.0


async def test_res_02_three_hundred_slow_senders_are_cut_and_hold_up_nobody(
    world: World, oracle: Oracle
):
    settings = Settings(origin=SITE.origin)
    config = configuration(world.app, settings)
    config.http = Hurried
    heads = (
        b"POST /inbox HTTP/1.1\r\nHost: here.test\r\nX: ",
        b"POST /inbox HTTP/1.1\r\nHost: here.test\r\nContent-Length: 1000\r\n\r\n",
        b"POST /inbox HTTP/1.1\r\nHost: here.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
    )

    async def dawdle(port: int, head: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answered = asyncio.create_task(reader.read(4096))
        with contextlib.suppress(OSError):
            writer.write(head)
            while not answered.done():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.2)
        writer.close()
        return await answered

    async with serving(world.app, config=config) as port:
        slow = [asyncio.create_task(dawdle(port, heads[n % 3])) for n in range(300)]
        await asyncio.sleep(0.2)
        times = []
        for _ in range(20):
            start = time.perf_counter()
            request = b"GET /healthz HTTP/1.0\r\nHost: here.test\r\n\r\n"
            assert statuses(await exchange(port, request)) == [200]
            times.append(time.perf_counter() - start)
        answers = await asyncio.wait_for(asyncio.gather(*slow, return_exceptions=True), 30)
    assert sorted(times)[18] < 3
    assert sum(one[9:12] in (b"408", b"400") for one in answers if isinstance(one, bytes)) > 200
    await oracle.require_next()
