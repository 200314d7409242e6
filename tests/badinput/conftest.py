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
