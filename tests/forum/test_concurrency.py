"""Many at once: nothing is lost, nothing deadlocks, and the counts are right afterwards."""

from __future__ import annotations

import asyncio
import contextlib

from forum import editing, membership, polls, reactions, threads
from forum.errors import ForumError, NotAllowed
from storage import deliveries
from storage import polls as stored_polls
from storage import threads as stored
from storage.actors import Actor
from storage.audience import NOBODY, Recipient
from storage.db import Connection, Database
from storage.deliveries import Held, Results
from storage.threads import Post
from tests import factories
from tests.factories import (
    SITE,
    far_future,
    join,
    make_community,
    make_person,
    make_poll,
    make_reply,
    make_thread,
    tick,
)


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


async def send_to(conn: Connection, activity_id: int, post: Post) -> int:
    """A delivery of a post to one server; its id."""
    await conn.execute(
        "insert into activities (id, uri, actor_id, type, post_id, body) values "
        "($1, 'https://here.test/ap/activities/' || $1::bigint, $2, 'Create', $3, 'words')",
        activity_id,
        post.author_id,
        post.id,
    )
    recipient = Recipient("https://there.test/inbox", "there.test", None)
    await deliveries.queue(conn, activity_id, post.id, [recipient], tick())
    found = "select id from deliveries where activity_id = $1"
    return int(await conn.fetchval(found, activity_id))


async def test_who_erases_does_not_wait_in_a_circle_with_who_delivers(
    database: Database,
) -> None:
    """One takes back two posts, the later first; the other settles both in their order."""
    async with database.write() as conn:
        author = await make_person(conn)
        community = await make_community(conn, author)
        posts = [await make_thread(conn, author, community) for _ in range(2)]
        sent = [await send_to(conn, number, post) for number, post in enumerate(posts, 1)]
    settling = asyncio.Event()

    async def erase_both() -> None:
        async with database.write() as conn:
            await threads.erase_post(conn, author, posts[1], now=tick())
            settling.set()
            await asyncio.sleep(0.3)  # the other holds the first delivery, and waits
            await threads.erase_post(conn, author, posts[0], now=tick())

    async def settle_both() -> None:
        held = [Held(number, tick(), 503, "") for number in sent]
        await settling.wait()
        async with database.write() as conn:
            await deliveries.settle(conn, Results(held=held))

    await asyncio.gather(erase_both(), settle_both())
    async with database.read() as conn:
        words = await conn.fetchval("select max(octet_length(body)) from activities")
        due = await deliveries.due(conn, ["there.test"], far_future(), per_host=10)
    assert words == 0
    assert not [row for row in due if row.is_allowed]


async def test_erasing_and_delivering_all_the_time_ends_with_nothing_to_send(
    database: Database,
) -> None:
    async with database.write() as conn:
        author = await make_person(conn)
        community = await make_community(conn, author)
        posts = [await make_thread(conn, author, community) for _ in range(24)]
        sent = [await send_to(conn, number, post) for number, post in enumerate(posts, 1)]

    async def erase(mine: list[Post]) -> None:
        async with database.write() as conn:
            for post in sorted(mine, key=lambda post: post.thread_id):
                await threads.erase_post(conn, author, post, now=tick())

    async def settle(mine: list[int]) -> None:
        held = [Held(number, tick(), 503, "") for number in mine]
        async with database.write() as conn:
            await deliveries.settle(conn, Results(held=held))

    await asyncio.gather(
        *(erase(posts[part::4]) for part in range(4)),
        *(settle(sent[::-1][part::3]) for part in range(3)),
        *(settle(sent[part::2]) for part in range(2)),
    )
    async with database.read() as conn:
        due = await deliveries.due(conn, ["there.test"], far_future(), per_host=100)
    assert not [row for row in due if row.is_allowed]


async def test_f23_a_vote_given_twice_at_once_counts_once(database: Database) -> None:
    async with database.write() as conn:
        await factories.make_site(conn)
        author = await make_person(conn)
        voters = [await make_person(conn) for _ in range(5)]
        remote = await factories.make_remote_person(conn)
        community = await make_community(conn, author)
        for person in (*voters, remote):
            await join(conn, community, person)
        post = await make_poll(conn, author, community)

    async def vote(voter: Actor, choice: int) -> bool:
        try:
            async with database.write() as conn:
                await polls.vote(conn, voter, post, [choice], now=tick())
        except NotAllowed:
            return False
        return True

    async def receive() -> bool:
        async with database.write() as conn:
            await polls.receive_vote(conn, remote, post, "Plum", uri=None, now=tick())
        return True

    async def close() -> bool:
        async with database.write() as conn:
            await polls.close_ended(conn, now=tick())
        return True

    tries = [vote(voter, choice) for voter in voters for choice in range(3)]
    done = await asyncio.gather(*tries, *(receive() for _ in range(4)), close())
    async with database.read() as conn:
        poll = await stored_polls.read_poll_unfiltered(conn, post.id)
        rows = await conn.fetchval("select count(*) from poll_votes")
    assert sum(done[: len(tries)]) == 5
    assert poll is not None
    assert (poll.voters, sum(option.votes for option in poll.options), rows) == (6, 6, 6)


async def test_f23_two_workers_end_a_poll_once(database: Database) -> None:
    end = tick()
    async with database.write() as conn:
        author = await make_person(conn)
        community = await make_community(conn, author)
        for _ in range(6):
            await make_poll(conn, author, community, ends_at=far_future())
        await conn.execute("update polls set ends_at = $1", end)

    async def work() -> int:
        async with database.write() as conn:
            return await polls.close_ended(conn, now=end, limit=4)

    done = await asyncio.gather(*(work() for _ in range(4)))
    done += [await work(), await work()]
    async with database.read() as conn:
        told = await conn.fetchval("select count(*) from events where kind = 'PollTallied'")
    assert sum(done) == told == 6


async def test_f23_a_like_given_many_times_at_once_is_one(database: Database) -> None:
    async with database.write() as conn:
        author = await make_person(conn)
        people = [await make_person(conn) for _ in range(12)]
        community = await make_community(conn, author)
        for person in people:
            await join(conn, community, person)
        thread = await make_thread(conn, author, community)

    async def like(person: Actor) -> None:
        async with database.write() as conn:
            await reactions.react(conn, person, thread, "like", now=tick())

    await asyncio.gather(*(like(person) for person in people for _ in range(2)))
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from reactions") == 12
        row = await stored.read_unfiltered(conn, thread.id)
    assert row is not None
    assert row.version == thread.version + 1  # the page shows ten instead of none, once


async def test_a_post_that_is_erased_while_all_edit_vote_and_like_leaves_nothing(
    database: Database,
) -> None:
    async with database.write() as conn:
        author = await make_person(conn)
        people = [await make_person(conn) for _ in range(4)]
        community = await make_community(conn, author)
        for person in people:
            await join(conn, community, person)
        post = await make_poll(conn, author, community)

    async def act(number: int) -> None:
        person = people[number % len(people)]
        with contextlib.suppress(ForumError):
            async with database.write() as conn:
                if number % 3 == 0:
                    draft = factories.make_draft(f"Edit {number}")
                    await editing.edit_post(conn, author, post, draft, now=tick())
                elif number % 3 == 1:
                    await polls.vote(conn, person, post, [0], now=tick())
                else:
                    await reactions.react(conn, person, post, "like", now=tick())

    async def erase() -> None:
        async with database.write() as conn:
            await threads.erase_post(conn, author, post, now=tick())

    await asyncio.gather(*(act(n) for n in range(8)), erase(), *(act(n) for n in range(8, 20)))
    async with database.read() as conn:
        for table in ("edits", "polls", "poll_options", "poll_votes", "reactions"):
            assert await conn.fetchval(f"select count(*) from {table}") == 0, table
        row = await stored.read_unfiltered(conn, post.id)
    assert row is not None
    assert (row.state, row.title, row.html, row.parts) == ("erased", "", "", None)
