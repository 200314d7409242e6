"""The system's resolver, played by the test: it blocks its thread, as the real one does."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter

import pytest

from federation import lookup
from federation.lookup import Resolver

ADDRESS = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]


class System:
    """getaddrinfo: names that begin with "slow" wait for `gate`, "no" names are unknown."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked: Counter[str] = Counter()
        self.waiting = 0

    def getaddrinfo(self, host: str, *_: object, **__: object) -> list[object]:
        self.asked[host] += 1
        if host.startswith("slow"):
            self.waiting += 1
            self.gate.wait(20)
            self.waiting -= 1
        if host.startswith("no"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [*ADDRESS, *ADDRESS]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch):
    played = System()
    monkeypatch.setattr(lookup.socket, "getaddrinfo", played.getaddrinfo)
    yield played
    played.gate.set()


async def test_addresses_come_once_each(system: System) -> None:
    assert await Resolver().look_up("quick.test", 443) == ["192.0.2.7"]


async def test_an_unknown_name_is_an_error_of_the_network(system: System) -> None:
    with pytest.raises(OSError, match="unknown"):
        await Resolver().look_up("no.test", 443)


async def test_a_name_that_many_ask_for_is_looked_up_once(system: System) -> None:
    resolver = Resolver()
    asking = [asyncio.create_task(resolver.look_up("slow.test", 443)) for _ in range(5)]
    await asyncio.sleep(0.1)
    asking[0].cancel()
    await asyncio.sleep(0)
    system.gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [["192.0.2.7"]] * 4
    assert system.asked["slow.test"] == 1


async def test_f21_names_that_were_slow_keep_no_other_waiting(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than there are threads: the others are looked up at once."""
    monkeypatch.setattr(lookup, "QUICK_THREADS", 4)
    monkeypatch.setattr(lookup, "SLOW_THREADS", 2)
    monkeypatch.setattr(lookup, "SLOW_SECONDS", 0.0)
    resolver = Resolver()
    slow = [f"slow{number}.test" for number in range(12)]
    system.gate.set()
    for name in slow:
        await resolver.look_up(name, 443)
    system.gate.clear()
    asking = [asyncio.create_task(resolver.look_up(name, 443)) for name in slow]
    await asyncio.sleep(0.1)
    assert system.waiting == 2
    async with asyncio.timeout(5):
        for number in range(12):
            assert await resolver.look_up(f"quick{number}.test", 443)
    system.gate.set()
    assert all(await asyncio.gather(*asking))
