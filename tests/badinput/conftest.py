"""One world for each file, and one oracle in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.badinput.oracle import Oracle
from tests.badinput.world import World, open_world

ORACLES = pytest.StashKey["list[Oracle]"]()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    module_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    directory: Path = tmp_path_factory.mktemp("net")
    async with open_world(module_database, directory) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settled(world: World) -> None:
    """A reply of Ada's here, a thread of hers in the group, and a group that nobody joined."""
    world.known = world.reply(id=f"{world.there.origin}/notes/known")
    world.there.put("/notes/known", world.known)
    await world.post(world.create(world.known))
    thread = world.in_group()
    world.known_in_group = thread["id"]
    await world.post(world.announce(world.create(thread)))
    world.alone = world.there.actor("alone", kind="Group")
    await world.actor(world.alone)
    await world.work()


@pytest.fixture(scope="module")
def oracle(world: World, request: pytest.FixtureRequest) -> Oracle:
    made = Oracle(world)
    request.config.stash.setdefault(ORACLES, []).append(made)
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    oracles = terminalreporter.config.stash.get(ORACLES, [])
    if oracles:
        judged = sum(oracle.judged for oracle in oracles)
        slowest = max(oracle.slowest for oracle in oracles)
        terminalreporter.write_line(
            f"bad input: {judged} judged, the slowest answer took {slowest:.2f} s"
        )
