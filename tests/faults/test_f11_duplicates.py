"""F-11: each activity comes one to five times, at the shared inbox and at somebody's own at once.

It has one effect, is told on once, and is counted once.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from federation import publish
from tests.faults.telling import OUTCOME, World, make_world, settle, story, tell
from tests.federation.conftest import Here
from tests.federation.peer import Peer

LENGTH = 21

many_times = settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# What is told on: of each post and each change once.
EVENTS = """
select e.kind, p.uri, count(*) from events e
join posts p on p.id = (e.payload ->> 'post_id')::bigint
where p.community_id = any($1::bigint[]) and not p.is_local
group by 1, 2
"""
ANNOUNCED = """
select a.type, p.uri, count(*) from activities a
join posts p on p.id = a.post_id and a.actor_id = p.community_id
where p.community_id = any($1::bigint[]) and not p.is_local
group by 1, 2
"""
LEFT = "select state, reason, type from inbox where state in ('waiting', 'dead')"


async def counted(world: World, statement: str) -> dict[tuple[object, object], object]:
    rows = await world.here.fetch(statement, [world.ours.id, world.theirs.id])
    return {row[:2]: row[2] for row in rows}


@many_times
@given(times=st.lists(st.integers(1, 5), min_size=LENGTH, max_size=LENGTH))
async def test_f11_what_comes_several_times_at_once_has_one_effect(
    here: Here, peer: Peer, times: list[int]
):
    world = await make_world(here, peer)
    for activity, number in zip(story(world), times, strict=True):
        await tell(world, [activity], times=number)
        await here.work()
    await settle(here)
    assert await world.state() == OUTCOME
    assert await here.fetch(LEFT) == []
    events = await counted(world, EVENTS)
    twice = events.pop(("PostEdited", world.uri("first")))  # there were two edits
    assert twice == 2
    assert len(events) == 12
    assert set(events.values()) == {1}, events
    while await publish.step(here.fed):
        pass
    announced = await counted(world, ANNOUNCED)
    assert announced["Announce Create", world.uri("first")] == 1
    assert {kind for kind, _ in announced} == {"Announce Create", "Announce Update", "Announce"}


@many_times
@given(times=st.lists(st.integers(2, 5), min_size=LENGTH, max_size=LENGTH))
async def test_f11_what_is_worked_on_together_has_one_effect(
    here: Here, peer: Peer, times: list[int]
):
    """Nothing is worked on before all of it has come."""
    world = await make_world(here, peer)
    for activity, number in zip(story(world), times, strict=True):
        await tell(world, [activity], times=number)
    await settle(here)
    assert await world.state() == OUTCOME


async def test_f11_a_post_that_is_announced_in_every_form_stands_once(here: Here, peer: Peer):
    world = await make_world(here, peer)
    note = world.note("there", "One", to=["as:Public", world.theirs.uri])
    create = world.act("Create", "create", note, to=note["to"])
    world.put(note)
    peer.put(create["id"].removeprefix(peer.origin), create)
    forms = [create, note, note["id"], create["id"]]
    told = [world.announce(f"a{number}", inner) for number, inner in enumerate(forms)]
    await tell(world, [*told, create], times=3)
    await settle(here)
    assert [row[0] for row in (await world.state())["posts"]] == ["there"]
    assert await here.fetch("select count(*) from events where kind = 'ThreadStarted'") == [(3,)]


async def test_f11_what_comes_again_much_later_has_no_effect(here: Here, peer: Peer):
    world = await make_world(here, peer)
    activities = [one for one in story(world) if one["type"] not in ("Follow", "Like")]
    await tell(world, activities)
    await settle(here)
    before = await world.state()
    await here.fetch("delete from inbox")  # as after two weeks
    await tell(world, activities)
    assert {row[0] for row in await here.inbox_states()} <= {"Undo"}
    await settle(here)
    assert await world.state() == before
