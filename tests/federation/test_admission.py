"""Places in the inbox: what is too much hears 503 at once, and no server takes all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from federation import admission
from federation.admission import (
    BYTES_AT_ONCE,
    KNOWN_AT_ONCE,
    KNOWN_PER_HOST,
    STRANGERS_PER_HOST,
    Admission,
    Full,
    Room,
)
from storage.db import Database
from tests.federation.conftest import Here
from tests.federation.peer import KEYS, Peer, post_signed, signed_headers
from tests.federation.test_inbox import note

MINE = KNOWN_PER_HOST
THIRD = KNOWN_AT_ONCE // 3  # the share of the second, when half is taken
HELD_SECONDS = 15.0


@asynccontextmanager
async def held(here: Here, table: str) -> AsyncIterator[None]:
    """Nothing is written to the table meanwhile, so nothing that came in goes out again."""
    async with here.database.pool.acquire() as conn, conn.transaction():
        await conn.execute(f"lock table {table} in exclusive mode")
        yield


async def until(condition: Any) -> None:
    end = monotonic() + HELD_SECONDS
    while not condition():
        assert monotonic() < end, "what was waited for did not come"
        await asyncio.sleep(0.01)


def posting(here: Here, peer: Peer, actor: str, numbers: range) -> list[asyncio.Task[Any]]:
    return [
        asyncio.create_task(post_signed(here.inbox, note(peer, actor, number)))
        for number in numbers
    ]


async def statuses_of(tasks: list[asyncio.Task[Any]]) -> set[int]:
    return {answer.status_code for answer in await asyncio.gather(*tasks)}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine: what waits for a commit does not give up in the middle of a test."""
    monkeypatch.setattr("federation.keeper.COMMIT_SECONDS", 60.0)


@pytest.mark.usefixtures("patient")
async def test_one_server_takes_at_most_half_of_the_places_and_others_still_come_in(
    here: Here, peer: Peer, other_peer: Peer
):
    ada, eve = peer.actor("ada"), other_peer.actor("eve")
    assert (await post_signed(here.inbox, note(peer, ada, 0))).status_code == 202
    assert (await post_signed(here.inbox, note(other_peer, eve, 0))).status_code == 202
    known = here.fed.admission.known
    async with held(here, "inbox"):
        first = posting(here, peer, ada, range(1, MINE + 1))
        await until(lambda: known.taken == MINE)
        refused = await post_signed(here.inbox, note(peer, ada, 999))
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 30
        second = posting(here, other_peer, eve, range(1, THIRD + 1))
        await until(lambda: known.taken == MINE + THIRD)
        assert known.taken_by == {peer.host: MINE, other_peer.host: THIRD}
        assert (await post_signed(here.inbox, note(other_peer, eve, 999))).status_code == 503
    assert await statuses_of(first + second) == {202}
    assert (known.taken, known.taken_by) == (0, {})
    assert (await post_signed(here.inbox, note(peer, ada, 999))).status_code == 202
    assert len(await here.inbox_states()) == MINE + THIRD + 3
    assert MINE <= KNOWN_AT_ONCE / 2


@pytest.mark.usefixtures("patient")
async def test_without_a_place_nothing_is_checked_any_more(here: Here, peer: Peer):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 0))).status_code == 202
    async with held(here, "inbox"):
        tasks = posting(here, peer, ada, range(1, MINE + 1))
        await until(lambda: here.fed.admission.known.taken == MINE)
        headers = signed_headers("post", here.inbox, b"{", f"{ada}#main-key")
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(here.inbox, content=b"not what was signed", headers=headers)
        assert answer.status_code == 503
    assert await statuses_of(tasks) == {202}


def test_a_flood_gives_way_as_others_come():
    room = Room(48, 20)

    def pour(host: str, number: int) -> int:
        """How many of these come in."""
        came = 0
        while came < number and room.has_place(host):
            room.take(host)
            came += 1
        return came

    assert pour("flood.test", 100) == 20
    assert sum(pour(f"small{number}.test", 2) for number in range(14)) == 28
    room.leave("flood.test")
    assert not room.has_place("flood.test")
    assert pour("late.test", 1) == 1


def hang(peer: Peer) -> asyncio.Event:
    """From now on it answers nothing before the event is set."""
    answered = asyncio.Event()

    async def wait(_: Any, __: Any) -> bool:
        await answered.wait()
        return False

    peer.behaviour = wait
    return answered


async def test_who_waits_for_an_unknown_key_keeps_only_its_own_server_waiting(
    here: Here, peer: Peer, other_peer: Peer
):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 0))).status_code == 202
    answered = hang(other_peer)
    strangers = here.fed.admission.strangers
    names = [other_peer.actor(f"eve{number}") for number in range(STRANGERS_PER_HOST)]
    tasks = [
        task
        for number, name in enumerate(names)
        for task in posting(here, other_peer, name, range(number, number + 1))
    ]
    await until(lambda: strangers.taken == STRANGERS_PER_HOST)
    late = other_peer.actor("late")
    assert (await post_signed(here.inbox, note(other_peer, late, 999))).status_code == 503
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    bea = peer.actor("bea")
    assert (await post_signed(here.inbox, note(peer, bea, 2))).status_code == 202
    answered.set()
    assert await statuses_of(tasks) == {202}


async def test_who_only_names_the_key_of_a_server_keeps_none_of_its_places(here: Here, peer: Peer):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 0))).status_code == 202
    answered = hang(peer)
    known, strangers = here.fed.admission.known, here.fed.admission.strangers
    pretended = [
        asyncio.create_task(post_signed(here.inbox, note(peer, ada, number), key=KEYS[1]))
        for number in range(1, STRANGERS_PER_HOST + 1)
    ]
    await until(lambda: strangers.taken == STRANGERS_PER_HOST)
    assert known.taken == 0
    assert (await post_signed(here.inbox, note(peer, ada, 99))).status_code == 202
    answered.set()
    assert await statuses_of(pretended) == {401}
    assert (known.taken_by, strangers.taken_by) == ({}, {})


async def test_a_server_whose_activities_nobody_works_off_is_asked_to_wait(
    here: Here, peer: Peer, other_peer: Peer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(admission, "LOOK_SECONDS", 0.0)
    ada, eve = peer.actor("ada"), other_peer.actor("eve")
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    await here.fetch("update inbox set due_at = now() - interval '20 minutes'")
    number = 2
    while (answer := await post_signed(here.inbox, note(peer, ada, number))).status_code == 202:
        number += 1
        assert number < 50
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "300"
    assert (await post_signed(here.inbox, note(other_peer, eve, 1))).status_code == 202
    await here.work()
    await post_signed(here.inbox, note(other_peer, eve, 2))
    await until(lambda: not here.fed.admission.behind)
    assert (await post_signed(here.inbox, note(peer, ada, 99))).status_code == 202


async def test_a_refused_body_is_read_to_its_end_and_the_connection_stays(
    here: Here, peer: Peer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(here.fed.admission, "strangers", admission.Room(0, 0))
    body = json.dumps({**note(peer, peer.actor("ada")), "x": "y" * 300_000}).encode()
    headers = signed_headers("post", here.inbox, body, f"{peer.actor('ada')}#main-key")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST /inbox HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode()
    port = urlsplit(here.site.origin).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(request + body[:1000])
        await asyncio.sleep(0.05)
        writer.write(body[1000:])
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nfull"), 10)
        assert answer.startswith(b"HTTP/1.1 503 ")
    writer.close()


async def test_bodies_together_are_bounded(database: Database):
    door = Admission(database, lambda _: False)
    with door.visit([]) as first, door.visit([]) as second:
        first.hold(BYTES_AT_ONCE)
        with pytest.raises(Full):
            second.hold(1)
    assert door.bytes_held == 0
    await door.close()


@pytest.mark.parametrize(
    "headers",
    [
        [(b"signature", b'keyId="https://There.test/actors/ada#main-key",signature="x"')],
        [(b"signature", b'algorithm="hs2019",keyid="https://there.test/k"')],
        [(b"signature-input", b'sig1=("@method");created=1;keyid="https://there.test/k"')],
        [(b"signature", b'keyId="https://there.test:443/k"')],
        [(b"signature", b'keyId="https://there.test./k"')],
    ],
)
async def test_the_server_is_read_from_every_kind_of_signature(
    database: Database, headers: list[tuple[bytes, bytes]]
):
    door = Admission(database, lambda _: False)
    with door.visit(headers) as visit:
        visit.come_in()
        assert door.strangers.taken_by == {"there.test": 1}
    await door.close()


async def test_all_that_name_no_server_share_the_places_of_one(database: Database):
    door = Admission(database, lambda _: False)
    for key_uri in (b"https://somebody@there.test/k", b"nonsense", b"https://there test/k"):
        visit = door.visit([(b"signature", b'keyId="' + key_uri + b'"')])
        visit.__enter__().come_in()
    assert door.strangers.taken_by == {"": 3}
    await door.close()
