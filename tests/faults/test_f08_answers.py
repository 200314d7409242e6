"""F-08: 500, 410, 404, 429 with both forms of Retry-After, and 301."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from federation import deliver
from federation.context import Federation, open_federation
from federation.fetch import Budget
from storage import destinations
from storage.actors import Actor
from storage.db import Database
from tests.factories import SITE, join, make_community, make_person, make_site, make_thread
from tests.faults.queueing import Word, in_order, left, queue
from tests.federation.peer import Asked, Peer, open_peer
from tests.federation.wire import MovableClock, PlainRenderer

Answer = tuple[int, dict[str, str]]
MINUTE = timedelta(minutes=1)


class World:
    """This server, and another one whose answers to deliveries a test decides."""

    def __init__(self, fed: Federation, peer: Peer, author: Actor, clock: MovableClock) -> None:
        self.fed, self.peer, self.author, self.clock = fed, peer, author, clock
        self.answer: Callable[[Asked], Answer] = lambda _: (202, {})
        peer.behaviour = self._behave

    async def _behave(self, asked: Asked, send: Any) -> bool:
        if asked.method != "POST":
            return False
        status, headers = self.answer(asked)
        listed = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": b""})
        return True

    async def send(self, *words: Word, inbox: str | None = None) -> None:
        async with self.fed.database.write() as conn:
            inboxes = [inbox or f"{self.peer.origin}/inbox"]
            await queue(conn, self.author, words, inboxes, self.clock.now())

    async def step(self, *, after: timedelta = timedelta(seconds=2)) -> None:
        self.clock.move(after)
        await deliver.step(self.fed)

    @property
    def posts(self) -> list[Asked]:
        return [asked for asked in self.peer.asked if asked.method == "POST"]

    @property
    def looks(self) -> list[str]:
        return [asked.path for asked in self.peer.asked if asked.method == "GET"]

    async def actor(self, name: str, **changed: Any) -> Actor:
        uri = self.peer.actor(name, **changed)
        return await self.fed.fetcher.actor(uri, Budget())

    async def row(self) -> Any:
        async with self.fed.database.read() as conn:
            return await conn.fetchrow("select * from destinations where host = $1", self.peer.host)

    async def left(self) -> int:
        async with self.fed.database.read() as conn:
            return await left(conn)


@pytest.fixture
async def world(database: Database):
    clock = MovableClock()
    fed = open_federation(database, SITE, clock, PlainRenderer(), allow_loopback=True)
    async with open_peer() as peer:
        async with database.write() as conn:
            await make_site(conn)
            author = await make_person(conn)
        yield World(fed, peer, author, clock)
        await fed.close()


async def test_f08_after_500_it_is_tried_again_later_and_later(world: World) -> None:
    world.answer = lambda _: (500, {})
    await world.send(Word("1:0", 1), Word("1:1", 1))
    waits = []
    for _ in range(6):
        before = len(world.posts)
        await deliver.step(world.fed)
        assert len(world.posts) == before + 1
        await deliver.step(world.fed)
        assert len(world.posts) == before + 1
        async with world.fed.database.read() as conn:
            at = await conn.fetchval("select min(next_at) from deliveries")
        at = max(at, (await world.row())["next_at"])
        waits.append(at - world.clock.now())
        world.clock.moment = at
    assert all(later > sooner for sooner, later in pairwise(waits))
    world.answer = lambda _: (202, {})
    await world.step(after=timedelta())
    await world.step()
    assert [asked.body for asked in world.posts[-2:]] == [b"1:0", b"1:1"]
    assert await world.left() == 0


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 413, 422, 501])
async def test_f08_a_refusal_is_final(world: World, status: int) -> None:
    world.answer = lambda _: (status, {})
    await world.send(Word("1:0", 1))
    await world.step()
    asked = len(world.posts)
    await world.step(after=timedelta(days=1))
    assert len(world.posts) == asked
    assert await world.left() == 0
    assert (await world.row())["failing_since"] is None


def in_seconds(_: MovableClock) -> str:
    return "120"


def as_date(clock: MovableClock) -> str:
    return format_datetime(clock.now() + timedelta(seconds=120), usegmt=True)


@pytest.mark.parametrize("form", [in_seconds, as_date])
@pytest.mark.parametrize("status", [429, 503])
async def test_f08_nothing_is_asked_before_the_time_that_it_names(
    world: World, status: int, form: Callable[[MovableClock], str]
) -> None:
    await world.send(*[Word(f"{key}:0", key) for key in range(1, 9)])
    world.answer = lambda _: (status, {"retry-after": form(world.clock)})
    await deliver.step(world.fed)
    asked = len(world.posts)
    assert asked == 1
    for _ in range(11):
        async with world.fed.database.read() as conn:
            await destinations.revive(conn, world.peer.host, world.clock.now())
        await world.step(after=timedelta(seconds=10))
        assert len(world.posts) == asked
    world.answer = lambda _: (202, {})
    await world.step(after=timedelta(seconds=11))
    assert await world.left() == 0


async def test_f08_r61_410_at_a_shared_inbox_retires_the_server_until_it_speaks(
    world: World,
) -> None:
    await world.actor("ada")
    world.answer = lambda _: (410, {})
    await world.send(*[Word(f"{key}:0", key) for key in range(1, 30)])
    began = world.clock.now()
    await deliver.step(world.fed)
    assert len(world.posts) == 1
    async with world.fed.database.write() as conn:
        await destinations.sweep(conn, 1000)
    await world.send(Word("99:0", 99))
    await world.step(after=timedelta(days=30))
    assert (len(world.posts), await world.left()) == (1, 0)
    row = await world.row()
    assert (row["retired_at"], row["lost_since"]) == (began, began)
    world.answer = lambda _: (202, {})
    async with world.fed.database.read() as conn:
        await destinations.revive(conn, world.peer.host, world.clock.now())
    await world.send(Word("100:0", 100))
    await world.step()
    assert world.posts[-1].body == b"100:0"
    assert (await world.row())["retired_at"] is None


async def follower_with_a_thread(world: World) -> tuple[Actor, Any]:
    """Somebody elsewhere with an inbox of their own, who wrote here."""
    ada = await world.actor("ada", endpoints={})
    async with world.fed.database.write() as conn:
        community = await make_community(conn)
        await join(conn, community, ada)
        thread = await make_thread(conn, ada, community, uri=f"{world.peer.origin}/notes/1")
        await conn.execute("delete from events")
    return ada, thread


async def test_f08_410_at_an_inbox_whose_actor_is_gone_is_a_departure(world: World) -> None:
    ada, thread = await follower_with_a_thread(world)
    world.peer.put("/actors/ada", {}, status=410)
    world.answer = lambda asked: (410 if asked.path.startswith("/actors/ada") else 202, {})
    await world.send(Word("1:0", 1), inbox=ada.inbox)
    await world.send(Word("2:0", 2), inbox=f"{world.peer.origin}/actors/eve/inbox")
    await world.step()
    async with world.fed.database.read() as conn:
        state = await conn.fetchval("select state from actors where id = $1", ada.id)
        post = await conn.fetchval("select state from posts where id = $1", thread.id)
        member = await conn.fetchval("select state from memberships where actor_id = $1", ada.id)
    assert (state, post, member) == ("gone", "erased", "left")
    assert world.looks.count("/actors/ada") == 2  # when she came, and now
    assert sorted(asked.body for asked in world.posts) == [b"1:0", b"2:0"]
    assert await world.left() == 0


@pytest.mark.parametrize("status", [404, 500, 200])
async def test_f08_410_at_an_inbox_whose_actor_is_not_gone_ends_that_delivery_only(
    world: World, status: int
) -> None:
    ada, thread = await follower_with_a_thread(world)
    if status != 200:
        world.peer.put("/actors/ada", {}, status=status)
    world.answer = lambda _: (410, {})
    await world.send(Word("1:0", 1), inbox=ada.inbox)
    await world.step()
    async with world.fed.database.read() as conn:
        state = await conn.fetchval("select state from actors where id = $1", ada.id)
        post = await conn.fetchval("select state from posts where id = $1", thread.id)
    assert (state, post) == ("live", "live")
    assert (len(world.posts), await world.left()) == (1, 0)
    assert (await world.row())["retired_at"] is None


@pytest.mark.parametrize("status", [301, 308])
async def test_f08_an_inbox_that_moved_is_read_from_its_actor(world: World, status: int) -> None:
    """The redirect itself is not followed, and what waits goes along in its order."""
    await world.actor("ada")
    await world.send(Word("1:0", 1), Word("1:1", 1), Word("2:0", 2))
    moved = f"{world.peer.origin}/new/inbox"
    world.peer.actor("ada", endpoints={"sharedInbox": moved})
    trap = f"{world.peer.origin}/trap"
    world.answer = lambda asked: (
        (status, {"location": trap}) if asked.path == "/inbox" else (202, {})
    )
    for _ in range(3):
        await world.step()
    assert await world.left() == 0
    assert "/trap" not in [asked.path for asked in world.peer.asked]
    assert [asked.path for asked in world.posts][:2] == ["/inbox", "/new/inbox"]
    taken = [asked.body for asked in world.posts if asked.path == "/new/inbox"]
    assert sorted(taken) == [b"1:0", b"1:1", b"2:0"]
    assert in_order(taken)


async def test_f08_there_is_one_hop_at_most(world: World) -> None:
    await world.actor("ada")
    await world.send(Word("1:0", 1))
    world.peer.actor("ada", endpoints={"sharedInbox": f"{world.peer.origin}/new/inbox"})
    world.answer = lambda _: (301, {"location": f"{world.peer.origin}/elsewhere"})
    await deliver.step(world.fed)
    assert [asked.path for asked in world.posts] == ["/inbox", "/new/inbox"]
    assert world.looks.count("/actors/ada") == 2
    assert await world.left() == 1
    await world.step(after=MINUTE)
    assert [asked.path for asked in world.posts][2:] == ["/new/inbox"]


async def test_f08_an_inbox_that_moved_nowhere_is_tried_again(world: World) -> None:
    """A page stands before the server for a while: nothing was taken, nothing is given up."""
    await world.actor("ada")
    await world.send(Word("1:0", 1))
    world.answer = lambda _: (301, {"location": "https://parking.example/"})
    await world.step()
    assert await world.left() == 1
    world.answer = lambda _: (202, {})
    await world.step(after=MINUTE)
    assert await world.left() == 0


async def test_f08_what_lemmy_says_to_a_bare_announce_is_no_failure(world: World) -> None:
    await world.send(Word("1:0", 1))
    async with world.fed.database.write() as conn:
        await conn.execute("update activities set type = 'Announce'")
    world.answer = lambda _: (400, {})
    await world.step()
    row = await world.row()
    assert (row["failures"], row["failing_since"], row["last_error"]) == (0, None, "")
    assert await world.left() == 0
