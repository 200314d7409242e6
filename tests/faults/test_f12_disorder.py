"""F-12: what a server tells comes in any order. What stands in the end is what stands there."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from forum.membership import ask_to_join
from forum.ports import SystemClock
from storage.communities import read_unfiltered
from tests.factories import make_person
from tests.faults.telling import OUTCOME, Activity, World, make_world, settle, story, tell
from tests.federation.conftest import Here
from tests.federation.peer import Peer, post_signed

EXAMPLES = 12
LENGTH = 21

shuffled = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller example takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


async def tell_in_order(world: World, order: list[int], pauses: set[int]) -> None:
    """In this order; at the pauses what came is worked on."""
    activities = story(world)
    assert len(activities) == LENGTH
    for place, number in enumerate(order):
        await tell(world, [activities[number]])
        if place in pauses:
            await world.here.work()
    await settle(world.here)


async def test_f12_in_order_everything_is_as_it_was_told(here: Here, peer: Peer):
    world = await make_world(here, peer)
    await tell_in_order(world, list(range(LENGTH)), set(range(LENGTH)))
    assert await world.state() == OUTCOME


@shuffled
@given(
    order=st.permutations(range(LENGTH)),
    pauses=st.sets(st.integers(0, LENGTH - 1)),
)
async def test_f12_in_any_order_the_same_stands_in_the_end(
    here: Here, peer: Peer, order: list[int], pauses: set[int]
):
    world = await make_world(here, peer)
    await tell_in_order(world, order, pauses)
    assert await world.state() == OUTCOME


def _pairs(world: World) -> dict[str, tuple[Activity, ...]]:
    told = {activity["id"].rpartition("/")[2]: activity for activity in story(world)}
    return {
        "Delete before Create": (told["2"], told["11"]),
        "Update before Create": (told["1"], told["4"], told["10"]),
        "Undo Follow before Follow": (told["follow"], told["9"]),
        "Undo Like before Like": (told["like"], told["8"]),
        "reply before parent": (told["3"], told["6"], told["12"]),
        "announced Delete before Create": (told["a2"], told["a6"]),
        "announced Update before Create": (told["a1"], told["a5"]),
        "announced reply before parent": (told["a1"], told["a3"], told["a5"]),
    }


CASES = [
    ("Delete before Create", 2),
    ("Update before Create", 3),
    ("Undo Follow before Follow", 2),
    ("Undo Like before Like", 2),
    ("reply before parent", 3),
    ("announced Delete before Create", 2),
    ("announced Update before Create", 2),
    ("announced reply before parent", 3),
]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("case", "length"), CASES)
async def test_f12_each_order_of_a_few_comes_to_the_same(
    here: Here, peer: Peer, case: str, length: int, together: bool
):
    outcomes = []
    for order in permutations(range(length)):
        world = await make_world(here, peer)
        activities = _pairs(world)[case]
        assert len(activities) == length
        for number in order:
            await tell(world, [activities[number]])
            if not together:
                await here.work()
        await settle(here)
        outcomes.append(await world.state())
    assert all(outcome == outcomes[0] for outcome in outcomes[1:]), outcomes


async def test_f12_an_accept_that_is_quicker_than_the_commit_of_its_follow_counts(
    here: Here, peer: Peer
):
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        person = await make_person(conn, site=here.site)
    accept = {
        "id": f"{peer.origin}/accepts/1",
        "type": "Accept",
        "actor": group.uri,
        "object": here.site.follow_uri(person.id, group.id),
    }
    async with here.database.write() as conn:
        community = await read_unfiltered(conn, group.id)
        assert community is not None
        await ask_to_join(conn, here.site, community, person, now=SystemClock().now())
        assert (await post_signed(here.inbox, accept)).status_code == 202
        await asyncio.wait_for(here.work(), 10)
    await settle(here)
    assert await here.fetch("select state from memberships") == [("accepted",)]


async def test_f12_an_accept_of_a_follow_that_never_was_is_refused_in_the_end(
    here: Here, peer: Peer
):
    group = peer.actor("group", kind="Group")
    never = here.site.follow_uri(1, 2)
    accept = {"id": f"{peer.origin}/a", "type": "Accept", "actor": group, "object": never}
    assert (await post_signed(here.inbox, accept)).status_code == 202
    await settle(here)
    assert await here.inbox_states() == [("Accept", "refused", "not_found")]
