"""Whole servers: whoever joins a community late sees the conversations that the others see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from forum.editing import edit_post
from forum.moderation import remove_post
from forum.text import PollDraft
from forum.threads import erase_post, start_thread
from storage import threads
from storage.actors import Actor
from storage.communities import Community
from storage.threads import Post
from tests.factories import (
    far_future,
    make_community,
    make_draft,
    make_moderator,
    make_reply,
    make_thread,
    tick,
)
from tests.faults.houses import House, open_house, settle
from tests.federation.wire import MovableClock

POLL = """
select o.name, o.votes from polls q join poll_options o using (post_id)
order by o.position
"""


async def answer(house: House, author: Actor, uri: str, text: str) -> Post:
    async with house.database.write() as conn:
        parent = await threads.read_by_uri_unfiltered(conn, uri)
        assert parent is not None
        return await make_reply(conn, author, parent, site=house.site, text=text)


async def fill(a: House, c: House, community: Community, rosa: Actor, cleo: Actor) -> None:
    """Conversations between two servers, with all that can become of a post."""
    there = await c.join(cleo, community)
    await settle(a, c)
    async with a.database.write() as conn:
        moderator = await make_moderator(conn, community, site=a.site)
        written = [
            await make_thread(conn, rosa, community, site=a.site, title=f"Thread {n}", text="First")
            for n in range(25)
        ]
        asked = replace(
            make_draft("Which?"), poll=PollDraft(("Tea", "Juice"), ends_at=far_future())
        )
        await start_thread(conn, a.site, rosa, community, asked, now=tick())
    async with c.database.write() as conn:
        foreign = await make_thread(conn, cleo, there, site=c.site, title="From elsewhere")
    await settle(a, c)
    for number in range(60):
        author, house = ((rosa, a), (cleo, c))[number % 2]
        await answer(house, author, written[0].uri, f"Answer {number}")
    first = await answer(c, cleo, written[1].uri, "An answer to be taken back")
    await settle(a, c)
    await answer(a, rosa, first.uri, "Below what is taken back")
    await answer(a, rosa, foreign.uri, "Welcome")
    await settle(a, c)
    async with c.database.write() as conn:
        await erase_post(conn, cleo, first, now=tick())
    async with a.database.write() as conn:
        await edit_post(conn, rosa, written[2], make_draft("Thread 2", "Second"), now=tick())
        await erase_post(conn, rosa, written[3], now=tick())
        await remove_post(conn, moderator, written[4], "not kind", tick())
    await settle(a, c)


async def test_r56_who_joins_late_has_the_same_trees_after_reading(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    clock = MovableClock()
    async with (
        open_house(await new_database(), clock) as a,
        open_house(await new_database(), clock) as b,
        open_house(await new_database(), clock) as c,
    ):
        rosa, timo, cleo = await a.person(), await b.person(), await c.person()
        async with a.database.write() as conn:
            community = await make_community(conn, rosa, site=a.site)
        await fill(a, c, community, rosa, cleo)
        assert len(await a.tree(community)) == 25 + 1 + 1 + 60 + 1 + 1 - 2
        await b.join(timo, community)
        await settle(a, b, c)
        assert await b.tree(community) == await a.tree(community)
        assert await b.rows(POLL) == await a.rows(POLL) != []
        assert await b.rows("select uri, reason from backfills where done_at is null") == []
