"""Keys are asked for as seldom as can be."""

from __future__ import annotations

import asyncio

import pytest

from federation.errors import BadSignature, Gone, Unreachable
from federation.keys import KeyCache
from federation.newcomers import PER_DOMAIN
from storage.db import Database
from storage.keys import Key


def key(uri: str, pem: str = "pem") -> Key:
    return Key(uri, 1, pem, uri, "there.test", "person", "live")


class Servers:
    """What other servers would answer, and how often they were asked."""

    def __init__(self, answer: Key | Exception | None = None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def fetch(self, key_uri: str) -> Key:
        self.asked.append(key_uri)
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or key(key_uri)


async def test_many_requests_for_an_unknown_key_make_one_fetch(database: Database):
    servers = Servers()
    cache = KeyCache(database, servers.fetch)
    found = await asyncio.gather(*(cache.find("https://there.test/k") for _ in range(50)))
    assert {one.uri for one in found} == {"https://there.test/k"}
    assert len(servers.asked) == 1


@pytest.mark.parametrize("trouble", [Unreachable("x"), BadSignature("y"), Gone(is_final=False)])
async def test_a_key_that_fails_is_not_asked_for_again(database: Database, trouble: Exception):
    servers = Servers(trouble)
    cache = KeyCache(database, servers.fetch)
    for _ in range(1000):
        with pytest.raises(type(trouble)) as caught:
            await cache.find("https://there.test/k")
    assert len(servers.asked) == 1
    assert vars(caught.value) == vars(trouble)


async def test_one_domain_makes_us_fetch_only_so_many_keys(database: Database):
    servers = Servers()
    cache = KeyCache(database, servers.fetch)
    refused = 0
    for number in range(PER_DOMAIN + 50):
        try:
            await cache.find(f"https://s{number}.there.test/k")
        except Unreachable:
            refused += 1
    assert (len(servers.asked), refused) == (PER_DOMAIN, 50)
    await cache.find("https://elsewhere.test/k")
    await cache.find("https://there.co.uk/k")


async def test_a_key_is_looked_at_again_once_when_it_does_not_fit(database: Database):
    servers = Servers()
    cache = KeyCache(database, servers.fetch)
    known = await cache.find("https://there.test/k")
    for _ in range(3):
        assert await cache.refetch(known) is None
    assert len(servers.asked) == 2


async def test_a_rotated_key_is_found_each_time_that_it_rotates(database: Database):
    servers = Servers()
    cache = KeyCache(database, servers.fetch)
    known = await cache.find("https://there.test/k")
    for pem in ("second", "third"):
        servers.answer = key(known.uri, pem)
        fresh = await cache.refetch(known)
        assert fresh is not None
        assert fresh.public_pem == pem
        known = await cache.find(known.uri)
        assert known.public_pem == pem


async def test_all_that_come_while_a_rotated_key_is_looked_at_get_the_new_one(database: Database):
    servers = Servers()
    cache = KeyCache(database, servers.fetch)
    known = await cache.find("https://there.test/k")
    servers.answer = key(known.uri, "second")
    found = await asyncio.gather(*(cache.refetch(known) for _ in range(20)))
    assert {one and one.public_pem for one in found} == {"second"}
    late = await cache.refetch(known)  # it read the old key before, and is checked only now
    assert late is not None
    assert late.public_pem == "second"
    assert len(servers.asked) == 2
