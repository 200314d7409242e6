"""The ActivityPub door without a network: a client that signs, and what stands behind the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from starlette.routing import Router

from federation.context import Federation
from federation.keys import load_own_key
from federation.routes import DOCUMENTS, routes
from federation.signatures import sign_request
from storage import actors, keys
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.threads import Post
from tests.factories import (
    KEYPAIR,
    SITE,
    make_community,
    make_person,
    make_reply,
    make_site,
    make_thread,
    tick,
)
from tests.federation.wire import MovableClock

ACTIVITY = "application/activity+json"
LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
UNKNOWN_ID = 4242


@dataclass
class Door:
    """A client of the door; `signed_by` is the actor elsewhere that signs the GET."""

    client: httpx.AsyncClient
    clock: MovableClock

    async def get(
        self,
        url: str,
        *,
        accept: str = ACTIVITY,
        signed_by: Actor | None = None,
        agent: str = "test",
        method: str = "GET",
    ) -> httpx.Response:
        url = url if "://" in url else f"{SITE.origin}{url}"
        headers = {}
        if signed_by is not None:
            key = load_own_key(KEYPAIR.private_pem)
            headers = sign_request(
                method, url, None, f"{signed_by.uri}#main-key", key, self.clock.now()
            )
        headers |= {"accept": accept, "user-agent": agent}
        return await self.client.request(method, url, headers=headers)

    async def document(self, url: str, **options: Any) -> dict[str, Any]:
        response = await self.get(url, **options)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == ACTIVITY
        return response.json()


@asynccontextmanager
async def open_door(fed: Federation) -> AsyncIterator[Door]:
    """The door of a server that is set up."""
    async with fed.database.write() as conn:
        await make_site(conn)
    transport = httpx.ASGITransport(Router(routes(fed), redirect_slashes=False))
    async with httpx.AsyncClient(transport=transport, base_url=SITE.origin) as client:
        yield Door(client, fed.clock)


@dataclass
class Place:
    community: Community
    owner: Actor
    thread: Post
    reply: Post


async def make_place(conn: Connection, **answers: Any) -> Place:
    owner = await make_person(conn)
    community = await make_community(conn, owner, **answers)
    thread = await make_thread(conn, owner, community)
    return Place(community, owner, thread, await make_reply(conn, owner, thread))


async def make_server(conn: Connection, host: str) -> Actor:
    """The own actor of another server, with a known key."""
    uri = f"https://{host}/actor"
    actor = Actor(
        new_id(tick()), uri, "instance", "Application", host, False, host, host, "", None,
        f"https://{host}/inbox", f"https://{host}/inbox", None, "live",
    )  # fmt: skip
    stored = await actors.upsert_remote(conn, actor, tick())
    await keys.save_key(conn, f"{uri}#main-key", stored.id, KEYPAIR.public_pem)
    return stored


def paths_of(place: Place, activity_ids: list[int]) -> list[str]:
    """Every address that has to do with a community, except its people."""
    found = []
    for path in DOCUMENTS:
        if path.startswith("/ap/actors/"):
            found.append(path.format(id=place.community.id))
        elif path.startswith("/ap/posts/"):
            found += [path.format(id=place.thread.id), path.format(id=place.reply.id)]
        else:
            found += [path.format(id=identifier) for identifier in activity_ids]
    paged = ("outbox?page=1", "outbox?before=9", "replies?after=0", "context?after=0")
    found += [
        path.rpartition("/")[0] + "/" + page
        for path in list(found)
        for page in paged
        if path.endswith("/" + page.partition("?")[0])
    ]
    return found


def finger_of(resource: str) -> str:
    return f"/.well-known/webfinger?resource={quote(resource, safe='')}"


def whole(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    return response.status_code, response.content, sorted(response.headers.items())
