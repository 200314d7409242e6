"""SSRF-08: URLs that we fetch must lead nowhere inside, wherever they stand."""

from __future__ import annotations

import pytest

from tests.badinput.oracle import Oracle, in_one_loop
from tests.badinput.sinks import FETCHED, THIRD, Sink
from tests.badinput.targets import AT_FETCHED
from tests.badinput.world import World

pytestmark = in_one_loop()


@pytest.mark.parametrize(
    ("name", "url"),
    [(name, url) for name, _, url in AT_FETCHED],
    ids=[what for _, what, _ in AT_FETCHED],
)
async def test_a_url_that_we_fetch_leads_nowhere_inside(
    world: World, oracle: Oracle, name: str, url: str
):
    case = FETCHED[name].bad(world, url)
    verdict = await oracle.judge(case.act, case.expected)
    assert set(verdict.net.lookups) <= {ask.partition("/")[0] for ask in verdict.net.asks}


@pytest.mark.parametrize("sink", FETCHED.values(), ids=FETCHED.keys())
async def test_its_good_twin_is_taken(world: World, oracle: Oracle, sink: Sink):
    case = sink.good(world)
    verdict = await oracle.accept(case.act, case.expected)
    hosts = {ask.partition("/")[0] for ask in verdict.net.asks}
    assert (THIRD in hosts) == sink.fetches, verdict.net.asks
