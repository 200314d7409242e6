"""A public community here, members on other servers, and what they sent, already in the inbox."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from forum.site import Site
from storage import inbox
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection, Database
from storage.ids import new_id
from storage.inbox import Received
from storage.threads import Post
from tests import factories

SITE = Site("http://127.0.0.1:1")
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


# Waits for no worker, so that it meets none in a circle.
END_LEASES = """
update inbox set claimed_until = now()
where id in (
  select id from inbox where claimed_until > now() and state = 'waiting' for update skip locked)
"""


@dataclass(frozen=True)
class Scene:
    database: Database
    community: Community
    thread: Post
    members: list[Actor]

    async def value(self, statement: str, *arguments: object) -> object:
        async with self.database.read() as conn:
            return await conn.fetchval(statement, *arguments)

    async def states(self) -> dict[str, int]:
        async with self.database.read() as conn:
            rows = await conn.fetch("select state, count(*) from inbox group by state")
        return {row[0]: row[1] for row in rows}

    async def until_drained(self, seconds: float) -> None:
        """Nothing waits any more."""
        end = monotonic() + seconds
        while (await self.states()).get("waiting"):
            assert monotonic() < end, await self.states()
            await asyncio.sleep(0.05)

    async def end_leases(self) -> None:
        """What a worker holds may be taken by another one now, and not in a minute."""
        async with self.database.read() as conn:
            await conn.execute(END_LEASES)

    async def require_each_once(self, number: int) -> None:
        """So many replies came, and each had its effects exactly once."""
        assert await self.states() == {"done": number}
        assert await self.value("select count(*) from posts where kind = 'reply'") == number
        counted = "select reply_count from posts where id = $1"
        assert await self.value(counted, self.thread.id) == number
        told = "select (count(*), count(distinct payload -> 'post_id'))::text from events"
        assert await self.value(told) == f"({number},{number})"


async def make_scene(database: Database, *, hosts: int = 5) -> Scene:
    async with database.write() as conn:
        await factories.make_site(conn, site=SITE)
        owner = await factories.make_person(conn, site=SITE)
        community = await factories.make_community(conn, owner, site=SITE)
        thread = await factories.make_thread(conn, owner, community, site=SITE)
        members = []
        for number in range(hosts):
            member = await factories.make_remote_person(conn, host=f"peer{number}.test")
            await factories.join(conn, community, member)
            members.append(member)
        await conn.execute("delete from events")
    return Scene(database, community, thread, members)


async def keep_replies(scene: Scene, number: int, *, text: str = "Hello") -> None:
    """Replies to the thread, from all members in turns, as they came over the wire."""
    start = new_id(datetime.now(UTC))
    rows = [_reply(scene, start + n, n, text) for n in range(number)]
    async with scene.database.read() as conn:
        await _keep(conn, rows)


async def _keep(conn: Connection, rows: list[Received]) -> None:
    for start in range(0, len(rows), 200):
        await inbox.keep(conn, rows[start : start + 200])


def _reply(scene: Scene, row_id: int, number: int, text: str) -> Received:
    author = scene.members[number % len(scene.members)]
    uri = f"https://{author.host}/notes/{row_id}"
    addressing = {"to": [PUBLIC], "cc": [scene.community.uri]}
    note = {
        "id": uri,
        "type": "Note",
        "attributedTo": author.uri,
        "inReplyTo": scene.thread.uri,
        "content": f"<p>{text} {number}</p>",
        **addressing,
    }
    create = {
        "id": f"{uri}/create",
        "type": "Create",
        "actor": author.uri,
        "object": note,
        **addressing,
    }
    return Received(
        id=row_id,
        uri=f"{uri}/create",
        type="Create",
        actor_uri=author.uri,
        host=author.host,
        body=json.dumps(create).encode(),
        is_repeatable=False,
    )
