"""Signing one way and the other, over real connections; what is remembered of whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from federation.client import Client
from federation.errors import BadSignature
from federation.hosts import Hosts
from federation.keys import load_public_key
from federation.knocking import OwnMemory
from federation.signatures import Message, is_signed_by, read_signature
from forum.ports import SystemClock
from forum.site import Site
from storage.db import Database
from storage.instances import save_signature
from storage.keys import SigningKey
from tests.factories import KEYPAIR
from tests.federation.peer import Asked, Peer

KEY = SigningKey("https://here.test/ap/actors/1#main-key", KEYPAIR.private_pem)
SITE = Site("https://here.test")


@pytest.fixture
def memory() -> OwnMemory:
    return OwnMemory()


@pytest.fixture
async def client(memory: OwnMemory) -> AsyncIterator[Client]:
    opened = Client(SITE, SystemClock(), allow_loopback=True, memory=memory)
    yield opened
    await opened.close()


def form_of(asked: Asked) -> str:
    return "rfc9421" if "signature-input" in asked.headers else "cavage"


def is_right(peer: Peer, asked: Asked) -> bool:
    """Whether what came is well signed, whichever way."""
    path, _, query = asked.path.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in asked.headers.items()]
    body = asked.body if asked.method == "POST" else None
    message = Message(asked.method, peer.origin, path, query, headers, body)
    signed = read_signature(message, SystemClock().now())
    return signed is not None and is_signed_by(load_public_key(KEYPAIR.public_pem), signed)


def only(peer: Peer, takes: Callable[[Asked], bool], *, status: int = 401, **headers: str) -> None:
    """Let the peer answer so to every request that it does not take."""

    async def answer(asked: Asked, send: Any) -> bool:
        if takes(asked) and is_right(peer, asked):
            return False
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b""})
        return True

    peer.behaviour = answer


def forms(peer: Peer) -> list[str]:
    return [form_of(asked) for asked in peer.asked]


@pytest.mark.parametrize("status", [400, 401])
async def test_r23_cavage_comes_first_and_rfc_9421_after_a_refusal(
    client: Client, peer: Peer, status: int
):
    only(peer, lambda asked: form_of(asked) == "rfc9421", status=status)
    answer = await client.post(f"{peer.origin}/inbox", b'{"a":1}', key=KEY)
    assert (answer.status, forms(peer)) == (202, ["cavage", "rfc9421"])
    assert {asked.body for asked in peer.asked} == {b'{"a":1}'}
    await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)
    assert forms(peer) == ["cavage", "rfc9421", "rfc9421"]


async def test_r23_a_get_knocks_twice_too_and_remembers(client: Client, peer: Peer):
    peer.put("/a", {})
    only(peer, lambda asked: form_of(asked) == "rfc9421")
    for _ in range(2):
        assert (await client.get(f"{peer.origin}/a", signed_by=KEY)).status == 200
    assert forms(peer) == ["cavage", "rfc9421", "rfc9421"]


async def test_r23_a_server_that_takes_cavage_again_gets_it_again(
    client: Client, peer: Peer, memory: OwnMemory
):
    await memory.remember_signature(peer.host, "rfc9421")
    only(peer, lambda asked: form_of(asked) == "cavage")
    for _ in range(2):
        assert (await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)).status == 202
    assert forms(peer) == ["rfc9421", "cavage", "cavage"]


@pytest.mark.parametrize("status", [202, 200, 403, 404, 408, 429, 500, 503])
async def test_r23_any_other_answer_is_the_answer(client: Client, peer: Peer, status: int):
    only(peer, lambda _: False, status=status)
    assert (await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)).status == status
    assert len(peer.asked) == 1


async def test_r23_a_server_that_refuses_both_is_asked_twice_and_nothing_is_remembered(
    client: Client, peer: Peer, memory: OwnMemory
):
    only(peer, lambda _: False)
    assert (await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)).status == 401
    assert forms(peer) == ["cavage", "rfc9421"]
    assert await memory.signature_form(peer.host) is None


async def test_an_unsigned_request_is_made_once(client: Client, peer: Peer):
    only(peer, lambda _: False)
    assert (await client.get(f"{peer.origin}/a", signed_by=None)).status == 401
    assert len(peer.asked) == 1


async def test_r17_a_query_is_left_out_of_what_is_signed_when_nothing_else_helps(
    client: Client, peer: Peer
):
    peer.put("/a?page=1", {})

    def takes(asked: Asked) -> bool:
        asked.path = asked.path.partition("?")[0]
        is_taken = form_of(asked) == "cavage" and is_right(peer, asked)
        asked.path += "?page=1"
        return is_taken

    only(peer, takes)
    assert (await client.get(f"{peer.origin}/a?page=1", signed_by=KEY)).status == 200
    assert forms(peer) == ["cavage", "rfc9421", "cavage"]


async def test_redirects_do_not_multiply_the_tries(client: Client, peer: Peer, other_peer: Peer):
    """One more try at the first server, one at the second, and none at the third."""
    for place, path, target in (
        (peer, "/a?x", f"{other_peer.origin}/b?x"),
        (other_peer, "/b?x", f"{peer.origin}/c?x"),
    ):
        place.put(path, {}, status=302, headers={"location": target})
    only(peer, lambda asked: form_of(asked) == "rfc9421" and asked.path != "/c?x")
    only(other_peer, lambda asked: form_of(asked) == "rfc9421")
    answer = await client.get(f"{peer.origin}/a?x", signed_by=KEY)
    assert (answer.status, answer.url) == (401, f"{peer.origin}/c?x")
    assert (forms(peer), forms(other_peer)) == (
        ["cavage", "rfc9421", "cavage"],
        ["cavage", "rfc9421"],
    )


async def test_what_a_server_asks_for_is_signed(client: Client, peer: Peer):
    wanted = (
        'a=("@status");created, b=("@method" "@authority" "date" "content-digest")'
        ';created;expires;nonce="n-1";tag="forum"'
    )
    only(
        peer,
        lambda asked: 'nonce="n-1"' in asked.headers.get("signature-input", ""),
        **{"accept_signature": wanted},
    )
    assert (await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)).status == 202
    assert forms(peer) == ["cavage", "rfc9421"]
    made = peer.asked[-1].headers["signature-input"]
    assert made.startswith('sig1=("@method" "@authority" "date" "content-digest" "@target-uri"')
    assert 'tag="forum"' in made
    assert "expires=" in made


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "junk;;",
        'a=("@method");alg="hmac-sha256"',
        'a=("x-unknown")',
        'a=("@method";req)',
        'a=("@method" "@method")',
        'a=("@method");nonce=5',
        'a=("@method");tag="' + "x" * 300 + '"',
        "a=5",
        "a=" + "x" * 9000,
    ],
)
async def test_what_nobody_can_sign_changes_nothing(client: Client, peer: Peer, wanted: str):
    only(peer, lambda _: False, accept_signature=wanted)
    assert (await client.post(f"{peer.origin}/inbox", b"{}", key=KEY)).status == 401
    assert forms(peer) == ["cavage", "rfc9421"]


async def test_a_server_that_says_it_takes_rfc_9421_gets_it_from_then_on(
    client: Client, peer: Peer, memory: OwnMemory
):
    peer.put("/a", {}, headers={"accept-signature": 'sig1=("@method" "@target-uri");created'})
    for _ in range(2):
        await client.get(f"{peer.origin}/a", signed_by=KEY)
    assert forms(peer) == ["cavage", "rfc9421"]


async def test_a_server_that_says_so_and_refuses_it_is_not_believed_again(
    client: Client, peer: Peer
):
    peer.put("/a", {}, headers={"accept-signature": 'sig1=("@method" "@target-uri");created'})
    only(peer, lambda asked: form_of(asked) == "cavage")
    for _ in range(4):
        assert (await client.get(f"{peer.origin}/a", signed_by=KEY)).status == 200
    assert forms(peer) == ["cavage", "rfc9421", "cavage", "cavage", "cavage"]


@pytest.mark.parametrize("form", ["cavage", "rfc9421"])
async def test_further_headers_of_a_post_are_under_its_signature(
    client: Client, peer: Peer, memory: OwnMemory, form: Any
):
    await memory.remember_signature(peer.host, form)
    headers = {"collection-synchronization": 'collectionId="https://here.test/c"'}
    only(peer, lambda _: True)
    answer = await client.post(f"{peer.origin}/inbox", b"{}", key=KEY, headers=headers)
    assert answer.status == 202
    asked = peer.asked[0]
    covered = asked.headers.get("signature-input") or asked.headers["signature"]
    assert "collection-synchronization" in covered
    asked.headers["collection-synchronization"] = "another"
    assert not is_right(peer, asked)
    del asked.headers["collection-synchronization"]
    with pytest.raises(BadSignature):
        is_right(peer, asked)


async def test_r23_what_a_server_wants_is_known_after_a_restart(database: Database):
    clock = SystemClock()
    before = Hosts(database, clock)
    assert await before.signature_form("there.test") is None
    await before.remember_signature("there.test", "rfc9421")
    await before.remember_signature("other.test", "rfc9421")
    await before.remember_signature("other.test", "cavage")
    assert await before.signature_form("there.test") == "rfc9421"
    after = Hosts(database, clock)
    assert await after.signature_form("there.test") == "rfc9421"
    assert await after.signature_form("other.test") == "cavage"
    assert await after.signature_form("unknown.test") is None


async def test_what_another_process_learnt_is_known_a_little_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("federation.hosts.SIGNATURES_SECONDS", 0.0)
    hosts = Hosts(database, SystemClock())
    assert await hosts.signature_form("there.test") is None
    async with database.write() as conn:
        await save_signature(conn, "There.test", "rfc9421")
    assert await hosts.signature_form("there.test") == "rfc9421"


async def test_a_database_that_is_away_stops_no_request(shared_database: str):
    database = await Database.open(shared_database)
    hosts = Hosts(database, SystemClock())
    await database.close()
    assert await hosts.signature_form("there.test") is None
    await hosts.remember_signature("there.test", "rfc9421")
    assert await hosts.signature_form("there.test") == "rfc9421"
