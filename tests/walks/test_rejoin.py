"""Leaving and coming back with the same Follow id, as Misskey and we do."""

from __future__ import annotations

from tests.walks.harness import Server, wait_until
from tests.walks.peer import Peer
from tests.walks.people import (
    join,
    leave,
    make_community,
    sign_up,
    standing,
    start_thread,
    uri_of_community,
)

Pair = tuple[Server, Server]
FOLLOW = """
select m.follow_uri from memberships m join actors p on p.id = m.actor_id where p.name = $1
"""


async def test_a_member_leaves_and_joins_again_across_servers(pair: Pair) -> None:
    a, b = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        address = f"{community}@{a.host}"
        await join(timo, address)
        first = await a.value(FOLLOW, timo.name)
        await leave(timo, address)

        async def has_left() -> bool:
            return await standing(a, timo, address) == "left"

        await wait_until(has_left, "a knows that timo left", a, b)
        await join(timo, address)
        assert await standing(a, timo, address) == "accepted"
        assert await a.value(FOLLOW, timo.name) == first is not None
        thread = await start_thread(rosa, community, "Welcome back", "Nice to see you.")
        await wait_until(lambda: thread.on(b), "threads reach b again", a, b)


async def test_r33_a_follow_with_an_id_seen_before_is_answered_again(pair: Pair) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, Peer() as peer:
        community = await make_community(rosa)
        group = await uri_of_community(a, community)
        wanda = peer.person("wanda")
        follow = peer.follow(wanda, group)
        for round_ in (1, 2, 3):
            assert (await peer.post(f"{group}/inbox", follow)).status_code == 202

            async def accepted(number: int = round_) -> bool:
                return len(peer.deliveries("Accept")) == number

            await wait_until(accepted, f"Accept number {round_}", a)
            assert peer.deliveries("Accept")[-1].json["object"]["id"] == follow["id"]
            if round_ == 2:
                assert (await peer.post(f"{group}/inbox", peer.undo(follow))).status_code == 202
                await wait_until(
                    lambda: a.value(
                        "select true from memberships m join actors p on p.id = m.actor_id"
                        " where p.uri = $1 and m.state = 'left'",
                        wanda,
                    ),
                    "a knows that wanda left",
                    a,
                )
