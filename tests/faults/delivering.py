"""A worker that only delivers, in a process of its own, until it is killed."""

from __future__ import annotations

import asyncio
import os

from federation import deliver
from federation.context import open_federation
from forum.ports import SystemClock
from storage.db import Database
from tests.factories import SITE
from tests.federation.wire import PlainRenderer


def run(dsn: str) -> None:
    """The body of the process."""
    asyncio.run(_deliver(dsn))


async def _deliver(dsn: str) -> None:
    database = await Database.open(dsn)
    fed = open_federation(database, SITE, SystemClock(), PlainRenderer(), allow_loopback=True)
    await deliver.run(fed, asyncio.Event(), f"worker {os.getpid()}")
