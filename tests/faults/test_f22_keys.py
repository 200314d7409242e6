"""F-22: a key is changed while activities come; an account is gone when it is looked at again."""

from __future__ import annotations

import json

from tests.faults.telling import World, make_world, settle
from tests.federation.conftest import Here
from tests.federation.peer import KEYS, Peer, post_signed


def path_of(world: World) -> str:
    return world.ada.removeprefix(world.peer.origin)


async def write(world: World, number: int, key: int) -> int:
    """One more post of Ada, signed with one of two keys; the answer."""
    note = world.note(f"post{number}", f"Words {number}")
    create = world.act("Create", f"create{number}", note, to=note["to"])
    answer = await post_signed(world.here.inbox, create, key=KEYS[key])
    return answer.status_code


async def state_of_ada(world: World) -> object:
    ((state,),) = await world.here.fetch("select state from actors where uri = $1", world.ada)
    return state


async def test_f22_a_key_that_is_changed_mid_stream_costs_one_look(here: Here, peer: Peer):
    world = await make_world(here, peer)
    assert [await write(world, number, 0) for number in range(3)] == [202] * 3
    peer.actor(path_of(world).rpartition("/")[2], key=KEYS[1])
    before = peer.fetches(path_of(world))
    assert [await write(world, number, 1) for number in range(3, 8)] == [202] * 5
    assert peer.fetches(path_of(world)) == before + 1
    assert await write(world, 8, 0) == 401
    await settle(here)
    assert len((await world.state())["posts"]) == 8


async def test_f22_an_account_that_is_gone_at_the_second_look_is_seen_no_more(
    here: Here, peer: Peer
):
    world = await make_world(here, peer)
    assert await write(world, 1, 0) == 202
    await settle(here)
    assert len((await world.state())["posts"]) == 1
    peer.put(path_of(world), {"id": world.ada, "type": "Tombstone"}, status=410)
    assert await write(world, 2, 1) == 401
    assert await state_of_ada(world) == "gone"
    assert await here.fetch("select id from visible_posts(null, null) where not is_local") == []


async def test_f22_an_account_that_is_not_found_stays(here: Here, peer: Peer):
    world = await make_world(here, peer)
    assert await write(world, 1, 0) == 202
    del peer.pages[path_of(world)]
    assert await write(world, 2, 1) == 401
    assert await state_of_ada(world) == "live"


async def test_f22_who_speaks_after_a_day_is_looked_at_again_and_nobody_waits(
    here: Here, peer: Peer
):
    world = await make_world(here, peer)
    page = peer.pages[path_of(world)]
    peer.put(path_of(world), {**json.loads(page.body), "name": "A new name"})
    await write(world, 1, 0)
    await settle(here)
    await here.fed.refresher.finish()
    name = "select display_name from actors where uri = $1"
    assert await here.fetch(name, world.ada) != [("A new name",)]
    await here.fetch("update actors set fetched_at = fetched_at - interval '25 hours'")
    here.fed.refresher._looked_at.clear()
    await write(world, 2, 0)
    await settle(here)
    await here.fed.refresher.finish()
    assert await here.fetch(name, world.ada) == [("A new name",)]


async def test_f22_who_is_gone_at_the_daily_look_is_seen_no_more(here: Here, peer: Peer):
    world = await make_world(here, peer)
    peer.put(path_of(world), {"id": world.ada, "type": "Tombstone"}, status=410)
    await here.fetch("update actors set fetched_at = fetched_at - interval '25 hours'")
    await write(world, 1, 0)
    await settle(here)
    await here.fed.refresher.finish()
    assert await state_of_ada(world) == "gone"
