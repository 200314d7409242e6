"""This server with its inbox on loopback, and another one beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette

from federation import inbox, receive
from federation.context import Federation, open_federation
from federation.fetch import Budget
from forum.ports import SystemClock
from forum.site import Site
from storage.actors import Actor
from storage.db import Database
from tests.factories import make_site
from tests.federation.peer import Peer, open_peer, post_signed, serve
from tests.federation.wire import PlainRenderer


@dataclass
class Here:
    """Our side: `inbox` is where others post to."""

    fed: Federation
    database: Database
    site: Site

    @property
    def inbox(self) -> str:
        return self.site.shared_inbox

    async def receive(self, activity: dict[str, Any]) -> tuple[object, ...]:
        """Post an activity as its actor, work on it, and tell what became of it."""
        answer = await post_signed(self.inbox, activity)
        assert answer.status_code == 202, answer.text
        await self.work()
        rows = await self.fetch("select state, reason from inbox order by id desc limit 1")
        return rows[0]

    async def events(self) -> list[tuple[object, ...]]:
        return await self.fetch("select kind, payload from events order by id")

    async def actor(self, uri: str) -> Actor:
        """An actor of another server, looked up."""
        return await self.fed.fetcher.find_actor(uri, Budget())

    async def work(self) -> None:
        """Work through everything that is due."""
        while await receive.step(self.fed):
            pass

    async def fetch(self, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        async with self.database.read() as conn:
            return [tuple(row) for row in await conn.fetch(statement, *arguments)]

    async def inbox_states(self) -> list[tuple[object, ...]]:
        return await self.fetch("select type, state, reason from inbox order by id")


@pytest.fixture
async def here(database: Database) -> AsyncIterator[Here]:
    app = Starlette()
    async with serve(app) as origin:
        site = Site(origin)
        async with database.write() as conn:
            await make_site(conn, site=site)
        fed = open_federation(database, site, SystemClock(), PlainRenderer(), allow_loopback=True)
        app.router.routes.extend(inbox.routes(fed))
        yield Here(fed, database, site)
        await fed.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with open_peer() as opened:
        yield opened


@pytest.fixture
async def other_peer() -> AsyncIterator[Peer]:
    async with open_peer() as opened:
        yield opened
