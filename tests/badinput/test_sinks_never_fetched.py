"""SSRF-08: URLs that we read and never fetch must stay unfetched, wherever they stand."""

from __future__ import annotations

from functools import partial

import pytest

from tests.badinput.oracle import Oracle, in_one_loop
from tests.badinput.sinks import NEVER_FETCHED, THIRD, Sink
from tests.badinput.targets import BATCHES_NEVER_FETCHED, Batch
from tests.badinput.world import World

pytestmark = in_one_loop()


@pytest.mark.parametrize("batch", BATCHES_NEVER_FETCHED, ids=str)
async def test_urls_that_we_never_fetch_lead_nowhere_inside(
    world: World, oracle: Oracle, batch: Batch
):
    sink = NEVER_FETCHED[batch.sink]
    makes = [partial(sink.bad, world, url) for _, url in batch.urls]
    verdict = await oracle.judge_all(makes)
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
