"""The whole program in the process of the test, one step at a time, so that it can be watched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from federation import deliver, publish, receive
from forum.site import Site
from server.app import Application, open_parts
from server.settings import Settings
from storage.db import Database
from tests import factories
from tests.walks.peer import Peer
from tests.walks.rooms import Rooms

ORIGIN = "http://127.0.0.1:1"  # nobody dials it: requests are handed to the application


@dataclass(slots=True)
class House:
    app: Application
    client: httpx.AsyncClient

    @property
    def database(self) -> Database:
        return self.app.parts.services.database

    @property
    def site(self) -> Site:
        return self.app.parts.services.site

    async def thread_called(self, title: str) -> int:
        async with self.database.read() as conn:
            return int(await conn.fetchval("select id from posts where title = $1", title))

    async def receive(self) -> Rooms:
        with Rooms() as rooms:
            assert await receive.step(self.app.parts.federation) == 1
        return rooms

    async def publish(self) -> Rooms:
        with Rooms() as rooms:
            assert await publish.step(self.app.parts.federation) == 1
        return rooms

    async def deliver(self) -> Rooms:
        with Rooms() as rooms:
            assert await deliver.step(self.app.parts.federation) > 0
        return rooms

    async def follow(self, peer: Peer, person: str, group: str) -> None:
        """Somebody elsewhere becomes a member, all the way to the Accept."""
        assert (await self.hand_in(peer, peer.follow(person, group))).status_code == 202
        await self.receive()
        await self.publish()
        await self.deliver()
        assert len(peer.deliveries("Accept")) == 1

    async def hand_in(self, peer: Peer, activity: dict[str, object]) -> httpx.Response:
        body, headers = peer.signed(f"{ORIGIN}/inbox", activity)
        return await self.client.post("/inbox", content=body, headers=headers)


@asynccontextmanager
async def open_house(database_url: str, data: Path) -> AsyncIterator[House]:
    settings = Settings(
        origin=ORIGIN, database_url=database_url, data_dir=data, allow_loopback=True
    )
    app = Application(await open_parts(settings), settings)
    services = app.parts.services
    try:
        async with services.database.write() as conn:
            await factories.make_site(conn, site=services.site)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield House(app, client)
    finally:
        await app.close()
