"""Requests to other servers, over real connections on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import http.cookiejar
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvicorn

from federation import client as module
from federation.client import Client
from federation.errors import Refused, TooLarge, Unreachable
from forum.ports import SystemClock
from forum.site import Site
from storage.keys import SigningKey
from tests.factories import KEYPAIR
from tests.federation.peer import Asked, Peer
from tests.serving import run_server

KEY = SigningKey("https://here.test/ap/actors/1#main-key", KEYPAIR.private_pem)
SITE = Site("https://here.test")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    opened = Client(SITE, SystemClock(), allow_loopback=True)
    yield opened
    await opened.close()


async def test_r14_a_post_arrives_signed_with_its_digest_and_who_we_are(client: Client, peer: Peer):
    answer = await client.post(f"{peer.origin}/inbox?x=1", b'{"a":1}', key=KEY)
    assert answer.status == 202
    asked = peer.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/inbox?x=1", b'{"a":1}')
    assert asked.headers["user-agent"] == "Dazzle/0.1 (+https://here.test)"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["host"] == peer.host
    assert asked.headers["digest"].startswith("SHA-256=")
    assert 'headers="(request-target) host date digest content-type"' in asked.headers["signature"]


async def test_a_connection_is_used_again(client: Client, peer: Peer):
    for _ in range(3):
        await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)
    assert len(peer.asked) == 3


async def test_each_hop_of_a_redirect_is_signed_anew(client: Client, peer: Peer, other_peer: Peer):
    peer.put("/a", {}, status=302, headers={"location": f"{other_peer.origin}/b"})
    other_peer.put("/b", {}, status=301, headers={"location": "/c"})
    other_peer.put("/c", {"id": "c"})
    answer = await client.get(f"{peer.origin}/a", signed_by=KEY)
    assert (answer.status, answer.url) == (200, f"{other_peer.origin}/c")
    signatures = [asked.headers["signature"] for asked in (*peer.asked, *other_peer.asked)]
    assert len(set(signatures)) == 3


async def test_r28_a_circle_of_redirects_ends(client: Client, peer: Peer):
    peer.put("/a", {}, status=302, headers={"location": "/a"})
    with pytest.raises(Unreachable):
        await client.get(f"{peer.origin}/a", signed_by=None)
    assert len(peer.asked) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/", "http://169.254.169.254/latest", "file:///etc/passwd", "http://[::]/"],
)
async def test_r28_no_redirect_leads_inside(client: Client, peer: Peer, status: int, location: str):
    peer.put("/a", {}, status=status, headers={"location": location})
    with pytest.raises(Refused):
        await client.get(f"{peer.origin}/a", signed_by=None)


async def test_a_redirect_of_a_post_is_an_answer_and_not_followed(client: Client, peer: Peer):
    async def move(asked: Asked, send: Any) -> bool:
        headers = [(b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return True

    peer.behaviour = move
    assert (await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)).status == 307
    assert len(peer.asked) == 1


async def test_without_the_setting_for_trials_loopback_is_not_reached(peer: Peer):
    strict = Client(SITE, SystemClock())
    with pytest.raises(Refused):
        await strict.get(f"{peer.origin}/a", signed_by=None)
    with pytest.raises(Refused):
        await strict.get("https://127.0.0.1/", signed_by=None)
    assert peer.asked == []
    await strict.close()


async def test_this_server_does_not_ask_itself(client: Client):
    with pytest.raises(Refused):
        await client.get("https://HERE.test./ap/instance", signed_by=None)


async def test_the_address_that_was_checked_is_the_one_dialled(peer: Peer):
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1", "10.0.0.1"]])

    async def lookup(hostname: str, port: int) -> list[str]:
        return next(answers)

    port = peer.host.rpartition(":")[2]
    fickle = Client(SITE, SystemClock(), allow_loopback=True, lookup=lookup)
    peer.put("/a", {})
    assert (await fickle.get(f"http://x.test:{port}/a", signed_by=None)).status == 200
    assert peer.asked[0].headers["host"] == f"x.test:{port}"
    for name in ("y.test", "z.test"):
        with pytest.raises(Refused):
            await fickle.get(f"http://{name}:{port}/a", signed_by=None)
    await fickle.close()


async def test_the_proxy_of_the_environment_is_not_used(
    client: Client, peer: Peer, monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    peer.put("/a", {})
    assert (await client.get(f"{peer.origin}/a", signed_by=None)).status == 200


async def test_r28_a_body_over_a_mebibyte_is_not_read(client: Client, peer: Peer):
    peer.put("/exact", b"x" * module.MAX_BODY)
    peer.put("/over", b"x" * (module.MAX_BODY + 1))
    peer.put("/declared", b"", headers={"content-length": "99999999999"})
    assert len((await client.get(f"{peer.origin}/exact", signed_by=None)).body) == module.MAX_BODY
    for path in ("/over", "/declared"):
        with pytest.raises((TooLarge, Unreachable)):
            await client.get(peer.origin + path, signed_by=None)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "gzip, gzip"])
async def test_a_compressed_body_is_refused(client: Client, peer: Peer, encoding: str):
    bomb = gzip.compress(b"0" * 10_000_000)
    peer.put("/a", bomb, headers={"content-encoding": encoding})
    with pytest.raises(TooLarge):
        await client.get(f"{peer.origin}/a", signed_by=None)


async def test_a_redirect_to_half_an_address_is_refused(client: Client, peer: Peer):
    peer.put("/a", {}, status=302, headers={"location": "http://[half"})
    with pytest.raises(Refused):
        await client.get(f"{peer.origin}/a", signed_by=None)


@asynccontextmanager
async def raw_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.mark.parametrize("part", ["headers", "body"])
async def test_r28_a_server_that_drips_is_left(
    client: Client, monkeypatch: pytest.MonkeyPatch, part: str
):
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.6)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if part == "body":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        for _ in range(100):
            writer.write(b"x")
            await asyncio.sleep(0.1)

    async with raw_server(drip) as origin:
        start = time.monotonic()
        with pytest.raises(Unreachable):
            await client.get(origin + "/", signed_by=None)
        assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    ],
    ids=["nothing", "no http", "short body", "long header", "negative length"],
)
async def test_a_broken_answer_is_no_answer(client: Client, answer: bytes):
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with raw_server(break_off) as origin:
        with pytest.raises(Unreachable):
            await client.get(origin + "/", signed_by=None)


async def test_a_body_without_an_end_is_cut(client: Client):
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(4000):
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536

    async with raw_server(flood) as origin:
        with pytest.raises(TooLarge):
            await client.get(origin + "/", signed_by=None)
        await asyncio.sleep(0.2)
    assert sent < 16 * module.MAX_BODY


async def test_a_server_that_is_not_there_is_unreachable(client: Client):
    with pytest.raises(Unreachable):
        await client.get("http://127.0.0.1:9/", signed_by=None)


async def test_tls_is_checked_against_the_name_and_the_extra_authorities(tmp_path: Path):
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))

    async def lookup(hostname: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    peer = Peer()
    peer.put("/a", {"id": "a"})
    chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate = authority.issue_cert("there.test")
    certificate.private_key_pem.write_to_path(str(private))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(chain), append=True)
    config = uvicorn.Config(
        peer, log_level="error", lifespan="off", ssl_certfile=chain, ssl_keyfile=private
    )
    trusting = Client(SITE, SystemClock(), allow_loopback=True, ca_bundle=bundle, lookup=lookup)
    plain = Client(SITE, SystemClock(), allow_loopback=True, lookup=lookup)
    async with run_server(config) as port:
        answer = await trusting.get(f"https://there.test:{port}/a", signed_by=KEY)
        assert json.loads(answer.body) == {"id": "a"}
        with pytest.raises(Unreachable):
            await trusting.get(f"https://other.test:{port}/a", signed_by=None)
        with pytest.raises(Unreachable):
            await plain.get(f"https://there.test:{port}/a", signed_by=None)
        await trusting.close()
        await plain.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Busy\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nxyz",
        b"HTTP/1.1 503 Busy\r\ncontent-length: 99999999999\r\n\r\nx",
        b"HTTP/1.1 503 Busy\r\n\r\n" + b"x" * 3_000_000,
        b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\nx",
    ],
    ids=["compressed", "declared as huge", "huge", "cut short"],
)
async def test_the_answer_to_a_post_is_its_status_whatever_follows(client: Client, answer: bytes):
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with raw_server(refuse) as origin:
        assert (await client.post(origin + "/inbox", b"{}", key=KEY)).status == 503


NO_URLS = [
    "data:,x",
    "jar:https://x.test!/x",
    "https://[v1.10.0.0.1]/",
    "https://[::1]./",
    "https://[10.0.0.1]/",
    "https://010.0.0.1/",
]


@pytest.mark.parametrize("location", NO_URLS)
async def test_a_redirect_to_what_is_no_url_is_refused_and_nothing_else(
    client: Client, location: str
):
    async def move(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        writer.write(head.encode())
        writer.close()

    async with raw_server(move) as origin:
        with pytest.raises(Refused):
            await client.get(f"{origin}/a", signed_by=None)
        assert (await client.post(f"{origin}/inbox", b"{}", key=KEY)).status == 302


@pytest.mark.parametrize("host", ["1a2.3b4", "1-2-3-4", "xn--a"])
async def test_a_name_that_looks_like_numbers_is_not_reached_and_nothing_else(
    client: Client, host: str
):
    with pytest.raises((Refused, Unreachable)):
        await client.get(f"http://{host}/", signed_by=None)


async def test_what_servers_set_as_cookies_is_not_kept(client: Client, peer: Peer):
    for number in range(20):
        cookie = f"c{number}={'x' * 2000}; path=/; max-age=99999"
        peer.put("/a", {}, headers={"set-cookie": cookie})
        await client.get(f"{peer.origin}/a", signed_by=None)
    assert not any("cookie" in asked.headers for asked in peer.asked)
    names = {f"c{number}" for number in range(20)}
    jars = (one for one in gc.get_objects() if isinstance(one, http.cookiejar.Cookie))
    assert [one for one in jars if one.name in names] == []
