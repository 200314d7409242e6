"""kill -9 of a worker in the middle of its work loses nothing and doubles nothing."""

from __future__ import annotations

from collections import Counter

from tests.walks.harness import Server, bury, wait_until
from tests.walks.peer import Peer
from tests.walks.people import (
    join,
    make_community,
    reply,
    sign_up,
    start_thread,
    tree,
    uri_of_community,
)

Pair = tuple[Server, Server]
THREADS = 6


async def test_a_worker_killed_while_it_delivers_neither_loses_nor_invents(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        community = await make_community(rosa)
        group = await uri_of_community(a, community)
        wanda = peer.person("wanda")
        assert (await peer.post(f"{group}/inbox", peer.follow(wanda, group))).status_code == 202

        async def accepted() -> bool:
            return bool(peer.deliveries("Accept"))

        await wait_until(accepted, "the Accept", a)
        peer.pause = 5.0  # whatever is sent now is under way until the worker is dead
        threads = [
            await start_thread(rosa, community, f"Thread {number}", "Some words.")
            for number in range(THREADS)
        ]

        async def has_begun() -> bool:
            return bool(peer.deliveries("Announce"))

        await wait_until(has_begun, "the first Announce", a)
        a.kill("work")
        peer.pause = 0.0
        await bury(a)
        a.start("work")

        expected = {
            uri
            for thread in threads
            for (uri,) in await a.rows(
                "select uri from activities where post_id = $1 and type like 'Announce%'", thread.id
            )
        }

        async def all_came() -> bool:
            left = await a.value("select count(*) from deliveries where host = $1", peer.host)
            waiting = await a.value("select count(*) from events where state = 'waiting'")
            return left == 0 and waiting == 0

        await wait_until(all_came, "everything delivered", a)
        rows = await a.rows(
            "select uri, body from activities where type like 'Announce%' and post_id = any($1)",
            [thread.id for thread in threads],
        )
        stored = {uri: bytes(body) for uri, body in rows}
        assert expected <= set(stored)
        came = [(request.json["id"], request.body) for request in peer.deliveries("Announce")]
        assert {uri for uri, _ in came} == set(stored)
        assert all(stored[uri] == body for uri, body in came)
        again = {uri: times for uri, times in Counter(uri for uri, _ in came).items() if times > 1}
        assert set(again.values()) == {2}, "what was under way comes once more, and nothing else"


async def test_workers_killed_on_both_sides_leave_the_same_tree_on_both(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(timo, f"{community}@{a.host}", "A rough night", "One.")
        await wait_until(lambda: thread.on(a), "the thread on a", a, b)
        for number in range(3):
            await reply(rosa, thread, f"From a, {number}.")
            await reply(timo, thread, f"From b, {number}.")
        a.kill("work")
        b.kill("work")
        for number in range(3, 5):
            await reply(rosa, thread, f"From a, {number}.")
            await reply(timo, thread, f"From b, {number}.")
        for server in pair:
            await bury(server)
            server.start("work")

        async def all_are_there() -> bool:
            return all([len(await tree(server, thread.uri)) == 11 for server in pair])

        await wait_until(all_are_there, "eleven posts on both", a, b)
        assert await tree(a, thread.uri) == await tree(b, thread.uri)
