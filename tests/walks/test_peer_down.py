"""A server that is away misses nothing: what was written meanwhile comes when it is back."""

from __future__ import annotations

from tests.walks.harness import Server, wait_until
from tests.walks.people import join, make_community, reply, sign_up, start_thread, tree

Pair = tuple[Server, Server]


async def test_what_was_posted_while_a_server_was_away_arrives_when_it_is_back(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        b.stop()
        thread = await start_thread(rosa, community, "While you were away", "One.")
        await reply(rosa, thread, "Two.")
        tried = "select count(*) >= 1 from deliveries where tries > 0 and host = $1"
        failed = "select count(*) >= 1 from destinations where failures > 0 and host = $1"

        async def has_tried() -> bool:
            return bool(await a.value(tried, b.host) or await a.value(failed, b.host))

        await wait_until(has_tried, "a first try while b is away", a)
        b.start()
        await start_thread(timo, f"{community}@{a.host}", "I am back", "A sign of life.")
        await wait_until(lambda: thread.on(b), "the thread on b", a, b)

        async def both_are_there() -> bool:
            return len(await tree(b, thread.uri)) == 2

        await wait_until(both_are_there, "thread and reply on b", a, b)
        assert await tree(a, thread.uri) == await tree(b, thread.uri)
        left = "select count(*) = 0 from deliveries where host = $1"
        await wait_until(lambda: a.value(left, b.host), "nothing left to deliver", a, b)


async def test_what_a_member_wrote_while_the_communitys_server_was_away_arrives_later(
    pair: Pair,
) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        async with await sign_up(b, "ute") as ute:
            await join(ute, f"{community}@{a.host}")
            a.stop()
            thread = await start_thread(timo, f"{community}@{a.host}", "Is anybody there?", "One.")
            answer = await reply(ute, thread, "Only us, it seems.")
            failed = "select failures >= 1 from destinations where host = $1"
            await wait_until(lambda: b.value(failed, a.host), "a first try", b)
            a.start()
        sign = await start_thread(rosa, community, "We are back", "A sign of life.")
        await wait_until(lambda: sign.on(b), "the sign of life on b", a, b)
        await wait_until(lambda: thread.on(a), "the thread on a", a, b)
        await wait_until(lambda: answer.on(a), "the reply on a", a, b)
        assert await tree(a, thread.uri) == await tree(b, thread.uri)
