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
