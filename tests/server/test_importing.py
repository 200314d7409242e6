"""A list is worked through, against another server over HTTP that answers, or does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from federation.context import Federation, open_federation
from forum import closing, importing
from forum.pictures import PictureMaker
from forum.ports import Services, SystemClock
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
    brought = await house.bring("blocks", *strangers, f"timo@{SITE.host}")
    assert await house.importer.step()
    async with house.services.database.read() as conn:
        found = await imports.read_own(conn, Viewer(house.owner.id), brought)
    assert found is not None
    assert (found.done, found.total) == (LOOKED_UP + 1, LOOKED_UP + 3)


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
        answered.set()
