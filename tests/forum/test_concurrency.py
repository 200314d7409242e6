"""Many at once: nothing is lost, nothing deadlocks, and the counts are right afterwards."""

from __future__ import annotations

import asyncio

from forum import membership, threads
from storage import threads as stored
from storage.actors import Actor
from storage.audience import NOBODY
from storage.db import Database
from storage.threads import Post
from tests import factories
from tests.factories import SITE, join, make_community, make_person, make_reply, make_thread, tick


async def test_replies_and_deletions_at_the_same_time_leave_right_counts(
    database: Database,
) -> None:
    async with database.write() as conn:
        author = await make_person(conn)
        community = await make_community(conn, author)
        thread = await make_thread(conn, author, community)
        doomed = [await make_reply(conn, author, thread) for _ in range(8)]

    async def answer() -> None:
        async with database.write() as conn:
            await make_reply(conn, author, thread)

    async def erase(post: Post) -> None:
        async with database.write() as conn:
            await threads.erase_post(conn, author, post, now=tick())

    await asyncio.gather(*(erase(post) for post in doomed), *(answer() for _ in range(12)))
    async with database.read() as conn:
        rows = await stored.read_thread(conn, NOBODY, thread.id, limit=100)
        (line,) = await stored.list_threads(conn, NOBODY, community.id, limit=1)
        told = await conn.fetchval("select count(*) from events where kind = 'PostErased'")
    assert len(rows) == 13
    assert line.reply_count == 12
    assert line.active_at == max(row.published_at for row in rows)
    assert told == 8


async def test_the_same_remote_post_many_times_at_once_is_one(database: Database) -> None:
    async with database.write() as conn:
        await factories.make_site(conn)
        community = await make_community(conn)
        person = await factories.make_remote_person(conn)
        await join(conn, community, person)

    async def receive() -> int:
        async with database.write() as conn:
            post = await make_thread(conn, person, community, uri="https://there.test/posts/1")
            return post.id

    assert len(set(await asyncio.gather(*(receive() for _ in range(6))))) == 1
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from events") == 1


async def test_joining_and_leaving_at_the_same_time_ends_in_one_standing(
    database: Database,
) -> None:
    async with database.write() as conn:
        community = await make_community(conn)
        person = await make_person(conn)

    async def come(actor: Actor) -> None:
        async with database.write() as conn:
            await membership.ask_to_join(conn, SITE, community, actor, now=tick())

    async def go(actor: Actor) -> None:
        async with database.write() as conn:
            await membership.leave(conn, SITE, community, actor, tick())

    await asyncio.gather(*(act(person) for act in (come, go) * 5))
    async with database.read() as conn:
        states = await conn.fetch("select state from memberships")
    assert [row["state"] for row in states] in (["accepted"], ["left"])


async def test_two_owners_who_leave_at_once_do_not_both_leave(database: Database) -> None:
    async with database.write() as conn:
        owners = [await make_person(conn), await make_person(conn)]
        community = await make_community(conn, owners[0])
        await join(conn, community, owners[1], role="owner")

    async def go(actor: Actor) -> bool:
        try:
            async with database.write() as conn:
                await membership.leave(conn, SITE, community, actor, tick())
        except membership.NotAllowed:
            return False
        return True

    assert sorted(await asyncio.gather(*(go(owner) for owner in owners))) == [False, True]
