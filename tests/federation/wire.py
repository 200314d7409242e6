"""A federation on a database of the test's own, and what it queued, as documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from federation import publish
from federation.context import Federation, open_federation
from forum.site import Site
from storage.actors import Actor
from storage.audience import recipients_of_community, recipients_of_retraction
from storage.communities import Community
from storage.db import Connection, Database
from storage.instances import save_software
from tests.factories import SITE, far_future, join, make_remote_person


class MovableClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = far_future()

    def now(self) -> Any:
        return self.moment

    def move(self, by: timedelta) -> None:
        self.moment += by


class PlainRenderer:
    async def render(self, source: str) -> str:
        return f"<p>{source}</p>"


@dataclass(frozen=True)
class Queued:
    """One row of the queue with the activity that it carries."""

    host: str
    inbox: str
    object_key: int
    type: str
    actor_id: int
    post_id: int | None
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)


@asynccontextmanager
async def open_wire(
    database: Database, *, site: Site = SITE, clock: MovableClock | None = None
) -> AsyncIterator[Federation]:
    fed = open_federation(
        database, site, clock or MovableClock(), PlainRenderer(), allow_loopback=True
    )
    yield fed
    await fed.close()


async def publish_all(fed: Federation) -> None:
    while await publish.step(fed):
        pass


async def queued(conn: Connection) -> list[Queued]:
    rows = await conn.fetch(
        "select d.host, d.inbox, d.object_key, a.type, a.actor_id, a.post_id, a.body"
        " from deliveries d join activities a on a.id = d.activity_id order by d.id"
    )
    return [Queued(*row) for row in rows]


async def make_member_elsewhere(
    conn: Connection, community: Community, host: str, software: str | None
) -> Actor:
    """An accepted member on a server that runs this software."""
    actor = await make_remote_person(conn, host=host)
    await save_software(conn, host, software, "1", far_future())
    await join(conn, community, actor)
    return actor


async def keep_received(conn: Connection, uri: str, body: bytes) -> None:
    """An activity in the inbox, as it came."""
    await conn.execute(
        "insert into inbox (id, uri, type, actor_uri, host, body, state)"
        " values ((select coalesce(max(id), 0) + 1 from inbox), $1, 'Create', $1, 'x', $2, 'done')",
        uri,
        body,
    )


async def allowed_hosts(conn: Connection, community: Community) -> set[str]:
    current = await recipients_of_community(conn, community.id)
    former = await recipients_of_retraction(conn, community.id)
    return {recipient.host for recipient in (*current, *former)}
