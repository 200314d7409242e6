"""Two servers share a community: what is written on either is the same on both."""

from __future__ import annotations

from tests.walks.harness import Server, wait_until
from tests.walks.people import (
    erase,
    join,
    make_community,
    reply,
    sign_up,
    start_thread,
    tree,
)

Pair = tuple[Server, Server]


async def test_a_thread_with_replies_from_both_sides_is_the_same_tree_on_both(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(timo, f"{community}@{a.host}", "First winter", "How was yours?")
        there = await wait_until(lambda: thread.on(a), "the thread of b on a", a, b)
        answer = await reply(rosa, thread, "Long, and *fine*.")
        await wait_until(lambda: answer.on(b), "the reply of a on b", a, b)
        back = await reply(timo, answer, "Glad to hear it.")
        await wait_until(lambda: back.on(a), "the second reply of b on a", a, b)
        assert await tree(a, thread.uri) == await tree(b, thread.uri)
        assert len(await tree(a, thread.uri)) == 3
        shown = await rosa.open(there.path)
        assert "How was yours?" in shown.text
        assert "Glad to hear it." in shown.text


async def test_what_its_author_deletes_on_one_server_is_gone_on_the_other(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(timo, f"{community}@{a.host}", "A regret", "Written too soon.")
        there = await wait_until(lambda: thread.on(a), "the thread of b on a", a, b)
        await erase(timo, thread)

        async def is_gone() -> bool:
            return (await rosa.get(there.path)).status_code in (404, 410)

        await wait_until(is_gone, "the thread gone on a", a, b)
        for server in pair:
            for table in ("posts", "inbox", "activities"):
                kept = await server.value(
                    f"select count(*) from {table} t where t::text like '%Written too soon%'"
                )
                assert kept == 0, f"{table} of {server.name} keeps the words"


async def test_a_reply_erased_in_the_middle_leaves_its_answers_standing_on_both(
    pair: Pair,
) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(rosa, community, "Which shoes?", "Mine hurt.")
        await wait_until(lambda: thread.on(b), "the thread of a on b", a, b)
        middle = await reply(timo, thread, "Wide ones, from the market.")
        await wait_until(lambda: middle.on(a), "the reply of b on a", a, b)
        last = await reply(rosa, middle, "Thank you!")
        there = await wait_until(lambda: last.on(b), "the answer on b", a, b)
        await erase(timo, middle)

        async def is_gone() -> bool:
            return await middle.on(a) is None

        await wait_until(is_gone, "the middle gone on a", a, b)
        for person, path in ((rosa, thread.path), (timo, there.path)):
            page = await person.open(path)
            assert "from the market" not in page.html
            assert "Thank you!" in page.text
        assert await tree(a, thread.uri) == await tree(b, thread.uri)
        ended = {uri: state for uri, *_, state, _, _, _, _ in await tree(b, thread.uri)}
        assert ended == {thread.uri: "live", middle.uri: "erased", last.uri: "live"}
