"""SSRF-08: URLs that we fetch must lead nowhere inside, wherever they stand."""

from __future__ import annotations

from functools import partial

import pytest

from tests.badinput.oracle import Oracle, in_one_loop
from tests.badinput.sinks import FETCHED, THIRD, Sink
from tests.badinput.targets import BATCHES_FETCHED, Batch
from tests.badinput.world import World

pytestmark = in_one_loop()


@pytest.mark.parametrize("batch", BATCHES_FETCHED, ids=str)
async def test_urls_that_we_fetch_lead_nowhere_inside(world: World, oracle: Oracle, batch: Batch):
    sink = FETCHED[batch.sink]
    makes = [partial(sink.bad, world, url) for _, url in batch.urls]
    verdict = await oracle.judge_all(makes)
    assert set(verdict.net.lookups) <= {ask.partition("/")[0] for ask in verdict.net.asks}


@pytest.mark.parametrize("sink", FETCHED.values(), ids=FETCHED.keys())
async def test_its_good_twin_is_taken(world: World, oracle: Oracle, sink: Sink):
    case = sink.good(world)
    verdict = await oracle.accept(case.act, case.expected)
    hosts = {ask.partition("/")[0] for ask in verdict.net.asks}
    assert (THIRD in hosts) == sink.fetches, verdict.net.asks
