"""Whole servers in the process of the test, which speak real HTTP, and a clock that is moved."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette

from federation import backfill, catchup, deliver, publish, receive, synchronization
from federation.context import Federation, open_federation
from federation.fetch import Budget
from federation.routes import routes
from forum import membership
from forum.site import Site
from storage import communities
from storage.actors import Actor
from storage.communities import Community
from storage.db import Database
from tests.factories import make_person, make_site
from tests.federation.wire import MovableClock, PlainRenderer
from tests.serving import run_server

# What stands in a community, in words that all servers share.
TREE = """
select p.uri, parent.uri, author.uri, p.kind, p.state, p.title, p.html, p.content_note
from posts p
join actors author on author.id = p.author_id
join actors community on community.id = p.community_id and community.uri = $1
left join posts parent on parent.id = p.parent_id
where p.state = 'live'
order by p.uri
"""


@dataclass
class House:
    """One server with its database. While it is shut, nobody answers at its door."""

    fed: Federation
    database: Database
    site: Site
    port: int
    app: Starlette
    _door: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def open_door(self) -> None:
        config = uvicorn.Config(self.app, log_level="warning", lifespan="off")
        await self._door.enter_async_context(run_server(config, self.port))

    async def shut_door(self) -> None:
        await self._door.aclose()

    async def work(self) -> bool:
        """One round of every worker; whether anything was done."""
        done = await publish.step(self.fed) + await deliver.step(self.fed)
        done += await receive.step(self.fed)
        others = [await one.step(self.fed) for one in (catchup, synchronization, backfill)]
        await self.fed.hosts.close()
        self.fed.hosts._revived.clear()  # what is remembered for moments, by another clock
        return bool(done or any(others))

    async def person(self) -> Actor:
        async with self.database.write() as conn:
            return await make_person(conn, site=self.site)

    async def known(self, community: Community) -> Community:
        """A community of another server, as it stands here."""
        actor = await self.fed.fetcher.find_actor(community.uri, Budget())
        await self.fed.resolver.software_of(actor.host)
        async with self.database.read() as conn:
            found = await communities.read_unfiltered(conn, actor.id)
        assert found is not None
        return found

    async def join(self, person: Actor, community: Community) -> Community:
        """Ask a community of another server; it as it stands here."""
        here = await self.known(community)
        async with self.database.write() as conn:
            await membership.ask_to_join(conn, self.site, here, person, now=self.fed.clock.now())
        return here

    async def tree(self, community: Community) -> list[tuple[Any, ...]]:
        return await self.rows(TREE, community.uri)

    async def rows(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        async with self.database.read() as conn:
            return [tuple(row) for row in await conn.fetch(statement, *arguments)]


@asynccontextmanager
async def open_house(dsn: str, clock: MovableClock) -> AsyncIterator[House]:
    """A server with its door open."""
    database = await Database.open(dsn)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    site = Site(f"http://127.0.0.1:{port}")
    async with database.write() as conn:
        await make_site(conn, site=site)
    fed = open_federation(database, site, clock, PlainRenderer(), allow_loopback=True)
    house = House(fed, database, site, port, Starlette(routes=list(routes(fed))))
    await house.open_door()
    try:
        yield house
    finally:
        await house.shut_door()
        await fed.close()
        await database.close()


async def settle(*houses: House) -> None:
    """Let all of them work until nothing is left to do."""
    async with asyncio.timeout(60):
        while any([await house.work() for house in houses]):
            pass
