"""F-06: a server is away for more than two weeks. What waited for it is dropped and the
administrator is told; after its return both have the same conversations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from forum.editing import edit_post
from forum.moderation import remove_post
from forum.threads import erase_post
from storage import destinations, threads
from storage.destinations import PATIENCE
from storage.threads import Post
from tests.factories import (
    make_community,
    make_draft,
    make_moderator,
    make_reply,
    make_thread,
)
from tests.faults.houses import House, open_house, settle
from tests.federation.wire import MovableClock

AWAY = timedelta(days=15)
SECRET = "Nobody shall read this any more."
TRACES = """
select (select count(*) from inbox where position($1::bytea in body) > 0)
  + (select count(*) from activities where position($1::bytea in body) > 0)
  + (select count(*) from posts where position($1::bytea in convert_to(source || html, 'UTF8')) > 0)
"""


async def post_at(house: House, uri: str) -> Post:
    async with house.database.read() as conn:
        found = await threads.read_by_uri_unfiltered(conn, uri)
    assert found is not None
    return found


async def wait_out(house: House, clock: MovableClock, host: str, until: timedelta) -> int:
    """Work on while the other one is away; how often it was tried."""
    end, tries = clock.now() + until, 0
    while clock.now() < end:
        await settle(house)
        tries += 1
        rows = await house.rows(
            "select greatest(next_at, $2), parked_at from destinations where host = $1",
            host,
            clock.now() + timedelta(minutes=5),
        )
        clock.moment = min(rows[0][0], end) if rows[0][1] is None else end
    return tries


async def test_f06_after_two_weeks_away_both_have_the_same_trees_again(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    clock = MovableClock()
    async with (
        open_house(await new_database(), clock) as a,
        open_house(await new_database(), clock) as b,
    ):
        rosa, timo = await a.person(), await b.person()
        async with a.database.write() as conn:
            public = await make_community(conn, rosa, site=a.site)
            closed = await make_community(
                conn, rosa, site=a.site, readers="members", hosts=(b.site.host,)
            )
            moderator = await make_moderator(conn, closed, site=a.site)
        async with b.database.write() as conn:
            theirs = await make_community(conn, timo, site=b.site)
        for community in (public, closed):
            await b.join(timo, community)
        home = await a.join(rosa, theirs)
        await settle(a, b)
        async with a.database.write() as conn:
            known = [
                await make_thread(conn, rosa, place, site=a.site, text=text)
                for place, text in ((public, SECRET), (closed, "."), (public, "."), (closed, "."))
            ]
        await settle(a, b)
        for community in (public, closed):
            assert await a.tree(community) == await b.tree(community) != []

        await b.shut_door()
        clock.move(timedelta(hours=1))
        changed, gone = [], []
        async with a.database.write() as conn:
            for place in (public, closed):
                fresh = await make_thread(conn, rosa, place, site=a.site, title="Meanwhile")
                await make_reply(conn, rosa, fresh, site=a.site, text="And more.")
                changed.append(await make_thread(conn, rosa, place, site=a.site, text="Wrong."))
                gone.append(await make_thread(conn, rosa, place, site=a.site, text=SECRET))
            await make_reply(conn, rosa, known[1], site=a.site)
            await make_thread(conn, rosa, home, site=a.site, title="To your house")
        await settle(a)
        clock.move(timedelta(seconds=1))
        async with a.database.write() as conn:
            for post in changed:
                draft = make_draft("Corrected", "Right.")
                await edit_post(conn, rosa, post, draft, now=clock.now())
            for post in gone:
                await erase_post(conn, rosa, post, now=clock.now())
        tries = await wait_out(a, clock, b.site.host, PATIENCE - timedelta(days=1))
        async with a.database.write() as conn:
            await erase_post(conn, rosa, known[0], now=clock.now())
            await remove_post(conn, moderator, known[3], "not kind", clock.now())
        tries += await wait_out(a, clock, b.site.host, AWAY - PATIENCE + timedelta(days=1))
        async with a.database.write() as conn:
            await make_thread(conn, rosa, public, site=a.site, title="While you are parked")
        await settle(a)
        assert await a.rows("select count(*) from deliveries") == [(0,)]
        async with a.database.read() as conn:
            [told] = await destinations.list_ill(conn, clock.now(), limit=9)
        assert (told.host, told.waiting) == (b.site.host, 0)
        assert told.parked_at is not None
        print(
            f"F-06: parked after {told.parked_at - (told.failing_since or clock.now())}, ", end=""
        )
        print(f"{tries} tries")

        await b.open_door()
        async with b.database.write() as conn:
            here = await post_at(b, known[2].uri)
            await make_reply(conn, timo, here, site=b.site, text="I am back.")
        await settle(b, a)
        clock.move(timedelta(minutes=1))
        await settle(a, b)
        clock.move(timedelta(minutes=1))
        await settle(a, b)
        for community, count in ((public, 6), (closed, 5), (theirs, 1)):
            assert await a.tree(community) == await b.tree(community)
            assert len(await a.tree(community)) == count
        state = "select state from posts where uri = $1"
        assert await b.rows(state, known[0].uri) == [("erased",)]
        assert await b.rows(state, known[3].uri) == [("removed",)]
        for house in (a, b):
            assert await house.rows(TRACES, SECRET.encode()) == [(0,)]
        async with a.database.read() as conn:
            assert await destinations.list_ill(conn, clock.now(), limit=9) == []
