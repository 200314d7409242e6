"""A list is worked through, against another server over HTTP that answers, or does not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from federation import finding
from federation.context import Federation, open_federation
from forum import closing, importing
from forum.pictures import PictureMaker
from forum.ports import Services, SystemClock
from server import importing as module
from server import restraint
from server.importing import LOOKED_UP, Importer
from server.mailing import SmtpMailer
from storage import blocks, imports, mutes, subscriptions
from storage.actors import Actor
from storage.audience import Viewer
from storage.db import Database
from storage.media_files import MediaFiles
from tests.factories import SITE, make_community, make_person, make_site
from tests.federation.peer import Asked, Peer, open_peer
from tests.federation.wire import PlainRenderer

SECRET = b"x" * 32


@dataclass
class House:
    services: Services
    fed: Federation
    importer: Importer
    owner: Actor

    async def bring(self, kind: str, *lines: str) -> int:
        async with self.services.database.write() as conn:
            return await importing.begin(
                conn, self.owner, kind, "\n".join(lines), self.services.clock.now()
            )

    async def outcomes(self, import_id: int) -> dict[str, str]:
        """What became of every line, once all are done."""
        while await self.importer.step():
            pass
        async with self.services.database.read() as conn:
            lines = await imports.list_lines(
                conn, Viewer(self.owner.id), import_id, after=0, outcome=None, limit=100
            )
        return {line.address: line.outcome for line in lines}

    async def progress(self, import_id: int) -> tuple[int, int]:
        """How many lines are done, of how many."""
        async with self.services.database.read() as conn:
            found = await imports.read_own(conn, Viewer(self.owner.id), import_id)
        assert found is not None
        return found.done, found.total


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    async with database.write() as conn:
        await make_site(conn)
        owner = await make_person(conn, "rosa")
        await make_person(conn, "timo")
        await make_community(conn, name="wide", joining="open")
        await make_community(conn, name="among_us", readers="members")
    clock = SystemClock()
    fed = open_federation(database, SITE, clock, PlainRenderer(), allow_loopback=True)
    services = Services(
        database, SITE, clock, PlainRenderer(), fed.resolver, SECRET, SmtpMailer(SECRET),
        MediaFiles(tmp_path), PictureMaker(),
    )  # fmt: skip
    yield House(services, fed, Importer(services), owner)
    await fed.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with open_peer() as opened:
        for name, kind in (("ada", "Person"), ("herd", "Group"), ("eve", "Person")):
            opened.webfinger(name, opened.actor(name, kind=kind))
        yield opened


async def test_pat04_every_line_of_each_list_has_an_outcome(house: House, peer: Peer) -> None:
    follows = await house.bring(
        "follows",
        "Account address,Show boosts,Notify on new posts,Languages",
        f"herd@{peer.host},true,false,",
        f"ada@{peer.host},true,false,",
        f"nobody@{peer.host},true,false,",
        f"wide@{SITE.host},true,false,",
        f"among_us@{SITE.host},true,false,",
        "nonsense,true,false,",
    )
    assert await house.outcomes(follows) == {
        f"herd@{peer.host}": "subscribed",
        f"ada@{peer.host}": "person",
        f"nobody@{peer.host}": "not_found",
        f"wide@{SITE.host}": "joined",
        f"among_us@{SITE.host}": "not_found",
        "nonsense": "bad_line",
    }
    blocked = await house.bring("blocks", f"eve@{peer.host}", f"timo@{SITE.host}")
    assert set((await house.outcomes(blocked)).values()) == {"done"}
    muted = await house.bring("mutes", f"{peer.origin}/actors/ada")
    assert set((await house.outcomes(muted)).values()) == {"done"}
    servers = await house.bring("servers", "bad.test")
    assert set((await house.outcomes(servers)).values()) == {"done"}
    viewer = Viewer(house.owner.id)
    async with house.services.database.read() as conn:
        assert {one.name for one in await blocks.list_blocked(conn, viewer)} == {"eve", "timo"}
        assert [one.name for one in await mutes.list_mutes(conn, viewer)] == ["Ada"]
        assert [one.host for one in await blocks.list_blocked_hosts(conn, viewer)] == ["bad.test"]
        assert [one.name for one in await subscriptions.list_own(conn, viewer)] == ["herd"]


async def test_pat02_the_other_server_learns_only_that_this_server_asked(
    house: House, peer: Peer
) -> None:
    blocked = await house.bring("blocks", f"eve@{peer.host}")
    await house.outcomes(blocked)
    asked = [one for one in peer.asked if one.method == "GET"]
    assert asked
    for one in asked:
        words = f"{one.path} {one.headers} {one.body!r}"
        assert "rosa" not in words
        assert str(house.owner.id) not in words
    assert {one.method for one in peer.asked} == {"GET"}


async def test_other_servers_are_not_hurried_and_the_known_need_not_wait(
    house: House, peer: Peer
) -> None:
    strangers = [f"nobody{number}@{peer.host}" for number in range(LOOKED_UP + 2)]
    brought = await house.bring("blocks", f"timo@{SITE.host}", *strangers, "nonsense")
    assert await house.importer.step()
    assert await house.progress(brought) == (LOOKED_UP + 1, LOOKED_UP + 4)
    assert len(peer.asked) == LOOKED_UP
    assert await house.importer.step()
    assert await house.progress(brought) == (LOOKED_UP + 4, LOOKED_UP + 4)


async def test_pat05_nothing_more_is_done_for_who_closed_the_account(
    house: House, peer: Peer
) -> None:
    await house.bring("blocks", f"eve@{peer.host}")
    async with house.services.database.write() as conn:
        await closing.close_account(conn, house.owner, house.services.clock.now())
        assert await conn.fetchval("select count(*) from import_lines") == 0
    assert not await house.importer.step()


async def test_a_server_that_was_silent_is_not_asked_for_each_line(house: House) -> None:
    impatient = House(
        house.services, house.fed, Importer(house.services, patience=0.2), house.owner
    )
    answered = asyncio.Event()

    async def wait(_asked: Asked, _send: Any) -> bool:
        await answered.wait()
        return True

    async with open_peer() as silent:
        silent.behaviour = wait
        first = await house.bring("blocks", f"a@{silent.host}")
        assert set((await impatient.outcomes(first)).values()) == {"no_answer"}
        before = len(silent.asked)
        second = await house.bring("mutes", *(f"b{n}@{silent.host}" for n in range(20)))
        assert set((await impatient.outcomes(second)).values()) == {"no_answer"}
        assert len(silent.asked) == before
        third = await house.bring("follows", *(f"{silent.origin}/c{n}" for n in range(20)))
        assert set((await impatient.outcomes(third)).values()) == {"no_answer"}
        assert len(silent.asked) == before
        answered.set()


@pytest.mark.parametrize("status", [500, 429])
async def test_a_server_that_failed_is_not_asked_for_each_line(
    house: House, peer: Peer, status: int
) -> None:
    lines = [f"{peer.origin}/x{number}" for number in range(40)]
    for number in range(40):
        peer.put(f"/x{number}", b"", status=status)
    brought = await house.bring("blocks", *lines, f"a@{peer.host}")
    assert set((await house.outcomes(brought)).values()) == {"no_answer"}
    assert len(peer.asked) <= LOOKED_UP


async def test_a_port_where_nobody_answers_is_not_knocked_at_for_each_line(house: House) -> None:
    async with open_peer() as closed:
        host = closed.host
    brought = await house.bring("blocks", *(f"a{number}@{host}" for number in range(12)))
    assert set((await house.outcomes(brought)).values()) == {"no_answer"}
    assert house.importer.restraint.is_silent(host, house.services.clock.now())


async def test_one_list_makes_us_ask_one_server_so_often_and_no_more(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restraint, "PER_HOST", 12)
    lines = [f"{peer.origin}/x{number}" for number in range(20)]
    first = await house.bring("blocks", *lines, f"a@{peer.host}", f"timo@{SITE.host}")
    outcomes = await house.outcomes(first)
    assert Counter(outcomes.values()) == {"not_found": 12, "later": 9, "done": 1}
    assert len(peer.asked) == 12
    second = await house.bring("blocks", *lines[12:])
    assert set((await house.outcomes(second)).values()) == {"not_found"}


async def test_lines_about_a_crowded_domain_wait_and_the_others_do_not(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FOR_LISTS", 7)
    lines = [f"{peer.origin}/x{number}" for number in range(20)]
    brought = await house.bring("blocks", *lines, f"timo@{SITE.host}")
    outcomes = await house.outcomes(brought)
    assert Counter(outcomes.values()) == {"not_found": 7, "": 13, "done": 1}
    assert len(peer.asked) == 7
    assert not await house.importer.step()
    house.fed.fetcher.newcomers.admit(peer.origin)


async def test_names_elsewhere_lead_to_one_server_only_so_often(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FOR_LISTS", 7)
    async with open_peer() as other:
        other.origin = other.origin.replace("127.0.0.1", "localhost")
        for number in range(12):
            other.webfinger(f"x{number}", f"{peer.origin}/x{number}")
        brought = await house.bring("blocks", *(f"x{n}@{other.host}" for n in range(5)))
        await house.outcomes(brought)
        peer_asked = len(peer.asked)
        for _ in range(2):
            house.fed.fetcher.newcomers.admit(peer.origin)
        house.importer = Importer(house.services)
        brought = await house.bring("blocks", f"x9@{other.host}")
        assert set((await house.outcomes(brought)).values()) == {""}
    assert (peer_asked, len(peer.asked)) == (5, 5)


async def test_a_list_that_waits_for_a_server_holds_up_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    answered, stop = asyncio.Event(), asyncio.Event()

    async def wait(_asked: Asked, _send: Any) -> bool:
        await answered.wait()
        return False

    async with open_peer() as silent:
        silent.behaviour = wait
        waits = await house.bring("blocks", f"a@{silent.host}")
        works = await house.bring("mutes", f"timo@{SITE.host}")
        running = asyncio.create_task(house.importer.run(stop))
        async with asyncio.timeout(8):
            for _ in range(400):
                if await house.progress(works) == (1, 1):
                    break
                await asyncio.sleep(0.02)
            assert await house.progress(works) == (1, 1)
            assert await house.progress(waits) == (0, 1)
            answered.set()
            stop.set()
            await running
        assert await house.progress(waits) == (1, 1)
