"""RES-06, RES-12, RES-13: many of the same, each of which alone would be in order."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import httpx
import pytest

from federation import newcomers
from federation.hosts import MAX_HOSTS
from tests.badinput.oracle import Expected, Oracle, in_one_loop
from tests.badinput.world import Answer, World
from tests.federation.peer import KEYS, PUBLIC, pem_of

pytestmark = in_one_loop()

SHARE = 30  # in place of 400, so that the test does not take minutes


@pytest.fixture
def small_share(monkeypatch: pytest.MonkeyPatch) -> None:
    assert newcomers.PER_DOMAIN == 400
    assert newcomers.SECONDS == 600
    monkeypatch.setattr(newcomers, "PER_DOMAIN", SHARE)


async def test_res_06_a_key_that_always_fails_is_asked_for_once_for_a_thousand_requests(
    world: World, oracle: Oracle
):
    key_uri = "https://other.test/never#main-key"
    world.other.put("/never", b"", status=500)
    body = json.dumps(world.create(world.reply(), actor="https://other.test/never")).encode()
    headers = world.sign(body, by=key_uri)[1]

    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["POST /inbox HTTP/1.1", *lines, f"content-length: {len(body)}", "", ""])

    async def ask_fifty_times() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        answers = b""
        for _ in range(50):
            writer.write(head.encode() + body)
            head_of_answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head_of_answer)
            assert length is not None
            answers += head_of_answer + await reader.readexactly(int(length[1]))
        writer.close()
        return answers

    async def act() -> Answer:
        start = time.perf_counter()
        answers = await asyncio.gather(*(ask_fifty_times() for _ in range(20)))
        assert sum(one.count(b" 503 Service Unavailable\r\n") for one in answers) == 1000
        return Answer(
            503, time.perf_counter() - start, headers=httpx.Headers({"retry-after": "60"})
        )

    await oracle.judge(act, Expected(503, asks=("other.test/never",), lines=1000))


async def test_res_06_a_right_key_with_wrong_signatures_is_looked_at_again_once(
    world: World, oracle: Oracle
):
    name = f"m{world.new_uri('x').rpartition('/')[2]}"
    uri = world.there.actor(name)
    activity = world.create(world.reply(uri), actor=uri)
    await oracle.accept(lambda: world.post(activity), Expected(202, None, lines=0))

    async def act() -> Answer:
        for _ in range(50):
            answer = await world.post(activity, key=KEYS[1])
        return answer

    asked = uri.removeprefix("https://")
    expected = Expected(401, asks=(asked,), lines=50, changes=frozenset({"actors"}))
    await oracle.judge(act, expected)


def stranger(world: World, number: int) -> str:
    """An actor on a name of its own below one domain."""
    uri = f"https://s{number}.wide.test/actors/{number}"
    key = {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": pem_of(KEYS[0])}
    world.net["wide.test"].put(
        f"/actors/{number}",
        {"id": uri, "type": "Person", "inbox": f"{uri}/inbox", "publicKey": key},
    )
    return uri


@pytest.mark.usefixtures("small_share")
async def test_res_12_one_domain_makes_us_look_at_so_many_strangers_who_sign(
    world: World, oracle: Oracle
):
    uris = [stranger(world, number) for number in range(SHARE + 20)]
    with world.net.watched() as seen:
        answers = [await world.post(world.create(world.reply(uri), actor=uri)) for uri in uris]
    assert [answer.status for answer in answers] == [202] * SHARE + [503] * 20
    assert all("retry-after" in answer.headers for answer in answers[SHARE:])
    assert len(seen.asks) == SHARE
    await oracle.require_next()


@pytest.mark.usefixtures("small_share")
async def test_res_12_one_domain_makes_us_look_at_so_many_strangers_who_are_told_of(
    world: World, oracle: Oracle
):
    """A community tells of posts, each by somebody else of the same domain."""
    world.fed.fetcher.newcomers._counts.clear()
    await world.forget()
    for number in range(1000, 1000 + SHARE + 10):
        uri = stranger(world, number)
        note = world.note(uri, id=f"{uri}/note", to=[PUBLIC, world.group.uri])
        world.net["wide.test"].put(f"/actors/{number}/note", note)
        assert (await world.post(world.announce(note["id"]))).status == 202
    with world.net.watched() as seen:
        await world.work()
    assert sum(not ask.endswith("/note") for ask in seen.asks) == SHARE
    states = await world.observer.fetch("select state, reason, count(*) from inbox group by 1, 2")
    assert {tuple(row) for row in states} == {
        ("done", "", SHARE),
        ("waiting", "TooManyNewcomers: too_many_newcomers", 10),
    }
    await oracle.require_next()


async def test_res_13_what_is_remembered_of_servers_in_memory_is_bounded(world: World):
    """A million names would be remembered otherwise, by requests that nobody signed."""
    hosts = world.fed.hosts
    kept: tuple[dict[str, Any], ...] = (hosts._standing, hosts._revived, hosts._alive)
    for one in kept:
        one.clear()
        one.update({f"h{number}.test": (0.0, True) for number in range(MAX_HOSTS)})
    hosts._revived = dict.fromkeys(hosts._revived, 0.0)
    hosts._alive = dict.fromkeys(hosts._alive, 0.0)
    await hosts.require("never-seen.test")
    await hosts.note_alive("never-seen.test")
    assert max(len(one) for one in (hosts._standing, hosts._revived, hosts._alive)) <= MAX_HOSTS
