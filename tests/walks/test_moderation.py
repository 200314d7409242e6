"""What moderators and administrators decide on one server holds on the other."""

from __future__ import annotations

import asyncio

from federation.hosts import STANDING_SECONDS
from tests.walks.harness import Server, wait_until
from tests.walks.people import (
    Placed,
    join,
    make_community,
    reply,
    sign_up,
    start_thread,
)

Pair = tuple[Server, Server]


async def test_what_a_moderator_removes_is_gone_on_the_authors_server_too(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(timo, f"{community}@{a.host}", "Miracle drops", "Buy now.")
        there = await wait_until(lambda: thread.on(a), "the thread of b on a", a, b)
        page = await rosa.open(f"/p/{there.id}")
        page = await rosa.send(page, "/remove", reason="Advertising.")
        assert page.status == 200, page.text

        async def is_gone() -> bool:
            return await thread.on(b) is None

        await wait_until(is_gone, "the thread gone on b", a, b)
        assert (await timo.get(thread.path)).status_code in (404, 410)
        assert (await rosa.get(there.path)).status_code in (404, 410)


async def test_whoever_cannot_post_until_a_date_cannot_from_elsewhere_either(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(timo, f"{community}@{a.host}", "A quarrel", "You are wrong.")
        there = await wait_until(lambda: thread.on(a), "the thread of b on a", a, b)
        page = await rosa.open(f"/p/{there.id}")
        await rosa.send(page, "/stop", until="2099-01-01", reason="Please calm down.")
        again = await reply(timo, thread, "And you too.")
        refused = "select true from inbox where state = 'refused' and host = $1 and reason = $2"
        await wait_until(lambda: a.value(refused, b.host, "stopped"), "the refusal", a, b)
        assert await again.on(a) is None


async def test_r63_a_blocked_server_is_neither_seen_nor_sent_anything(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(timo, f"{community}@{a.host}", "Before", "The last word.")
        there = await wait_until(lambda: thread.on(a), "the thread of b on a", a, b)
        try:
            a.run("policy", "block", b.host)
            assert (await rosa.get(there.path)).status_code == 404
            after = await start_thread(rosa, community, "After", "Not for b.")
            from_b = await start_thread(timo, f"{community}@{a.host}", "Hello?", "Anyone?")
            told = "select count(*) = 0 from events where state = 'waiting'"
            for server in pair:
                await wait_until(lambda server=server: server.value(told), "published", a, b)
            left = "select count(*) = 0 from deliveries where host = $1"
            await wait_until(lambda: b.value(left, a.host), "b was refused", a, b)
            assert await _is_absent(after, b)
            assert await _is_absent(from_b, a)
        finally:
            a.run("policy", "unblock", b.host)
            await asyncio.sleep(STANDING_SECONDS)  # what others find who use these two servers
        assert (await rosa.get(there.path)).status_code == 200


async def _is_absent(post: Placed, server: Server) -> bool:
    return await post.on(server) is None
