"""SSRF-08: URLs that we read and never fetch must stay unfetched, wherever they stand."""

from __future__ import annotations

import pytest

from tests.badinput.oracle import Oracle, in_one_loop
from tests.badinput.sinks import NEVER_FETCHED, THIRD, Sink
from tests.badinput.targets import AT_NEVER_FETCHED
from tests.badinput.world import World

pytestmark = in_one_loop()


@pytest.mark.parametrize(
    ("name", "url"),
    [(name, url) for name, _, url in AT_NEVER_FETCHED],
    ids=[what for _, what, _ in AT_NEVER_FETCHED],
)
async def test_a_url_that_we_never_fetch_leads_nowhere_inside(
    world: World, oracle: Oracle, name: str, url: str
):
    case = NEVER_FETCHED[name].bad(world, url)
    verdict = await oracle.judge(case.act, case.expected)
    assert set(verdict.net.lookups) <= {ask.partition("/")[0] for ask in verdict.net.asks}


@pytest.mark.parametrize("sink", NEVER_FETCHED.values(), ids=NEVER_FETCHED.keys())
async def test_its_good_twin_is_taken(world: World, oracle: Oracle, sink: Sink):
    case = sink.good(world)
    verdict = await oracle.accept(case.act, case.expected)
    hosts = {ask.partition("/")[0] for ask in verdict.net.asks}
    assert (THIRD in hosts) == sink.fetches, verdict.net.asks


async def test_no_actor_that_was_stored_has_a_place_on_another_host(world: World):
    assert not await world.observer.fetch(
        "select uri, inbox, shared_inbox, followers from actors"
        " where not is_local and (not starts_with(inbox, 'https://' || host || '/')"
        " or not starts_with(coalesce(shared_inbox, 'https://' || host || '/'),"
        " 'https://' || host || '/')"
        " or not starts_with(coalesce(followers, 'https://' || host || '/'),"
        " 'https://' || host || '/'))"
    )
