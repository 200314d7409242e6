"""This server as it is composed for the public, with the whole of it around every request, and
people of other servers who know it: one for all tests of a file.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import httpx

from federation import receive
from federation.context import Federation, open_federation
from federation.fetch import Budget
from federation.pictures import RemotePictures
from forum.pictures import PictureMaker
from forum.ports import Services
from forum.site import Site
from forum.text import ChildRenderer
from server.app import Application, Parts
from server.mailing import SmtpMailer
from server.settings import Settings
from server.web_process import configuration
from storage.actors import Actor
from storage.communities import Community, read_unfiltered
from storage.db import Database
from storage.media_files import MediaFiles
from storage.threads import Post
from tests.badinput.net import Net, open_net
from tests.factories import join, make_community, make_person, make_site, make_thread
from tests.federation.peer import KEYS, PUBLIC, Peer, signed_headers
from tests.server.raw_http import serving

SITE = Site("https://here.test")
INBOX = SITE.shared_inbox
CANARY = "canary-of-the-body"
MAIL = "rosa.canary@mail.example"

_numbers = count(1)


class OwnClock:
    """The real time, moved by `offset`."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass(frozen=True)
class Answer:
    """What the door said, and how long it thought."""

    status: int
    seconds: float
    text: str = ""
    headers: httpx.Headers = field(default_factory=httpx.Headers)


@dataclass
class World:
    """`there` and `other` are two servers; Ada and Grace live on `there`, Eve on `other`.

    Ada is a member of `community` here, in which `thread` is. `group` is a community on `there`
    that somebody here has joined. The last three are for tests that make them: a group that nobody
    joined, a reply of Ada's here, and the id of a thread of hers in the group.
    """

    parts: Parts
    app: Application
    clock: OwnClock
    net: Net
    port: int
    http: httpx.AsyncClient
    observer: asyncpg.Connection[asyncpg.Record]
    person: Actor
    community: Community
    thread: Post
    group: Community
    ada: str = "https://there.test/actors/ada"
    grace: str = "https://there.test/actors/grace"
    eve: str = "https://other.test/actors/eve"
    alone: str = ""
    known: dict[str, Any] = field(default_factory=dict)
    known_in_group: str = ""

    @property
    def database(self) -> Database:
        return self.parts.services.database

    @property
    def fed(self) -> Federation:
        return self.parts.federation

    @property
    def there(self) -> Peer:
        return self.net["there.test"]

    @property
    def other(self) -> Peer:
        return self.net["other.test"]

    def new_uri(self, kind: str, host: str = "there.test") -> str:
        return f"https://{host}/{kind}/{next(_numbers)}"

    def note(self, author: str | None = None, **changed: Any) -> dict[str, Any]:
        """A thread of Ada's for the community here, as her server would send it."""
        author = author or self.ada
        document = {
            "id": self.new_uri("notes", author.split("/")[2]),
            "type": "Note",
            "attributedTo": author,
            "to": [PUBLIC, self.community.uri],
            "cc": [],
            "name": "A question",
            "content": f"<p>{CANARY} {MAIL}</p>",
            "published": "2026-01-02T03:04:05Z",
            **changed,
        }
        return {name: value for name, value in document.items() if value is not ...}

    def reply(self, author: str | None = None, **changed: Any) -> dict[str, Any]:
        """An answer of Ada's to the thread here; `...` leaves a field out."""
        return self.note(author, **{"name": ..., "inReplyTo": self.thread.uri, **changed})

    def create(self, inner: Any, **changed: Any) -> dict[str, Any]:
        return self.activity("Create", inner, **changed)

    def announce(self, inner: Any, **changed: Any) -> dict[str, Any]:
        return self.activity("Announce", inner, actor=self.group.uri, **changed)

    def activity(self, kind: str, inner: Any, **changed: Any) -> dict[str, Any]:
        """Something that Ada does to `inner`, for whoever that is addressed to."""
        actor = changed.get("actor", self.ada)
        document = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": self.new_uri("activities", actor.split("/")[2] if "://" in actor else "x"),
            "type": kind,
            "actor": actor,
            "to": [PUBLIC],
            "object": inner,
            **changed,
        }
        return {name: value for name, value in document.items() if value is not ...}

    def in_group(self, **changed: Any) -> dict[str, Any]:
        """A thread of Ada's for the group of her server."""
        return self.note(**{"to": [PUBLIC, self.group.uri], **changed})

    async def post(
        self, activity: Any, *, by: str | None = None, key: Any = None, **how: Any
    ) -> Answer:
        """An activity, signed by its actor or `by` whoever is named; a `by` with / keys / or # is
        the whole id of a key."""
        return await self.send(*self.sign(activity, by, key, **how))

    def sign(
        self, activity: Any, by: str | None = None, key: Any = None, **how: Any
    ) -> tuple[bytes, dict[str, str]]:
        """The bytes of an activity, and headers with a signature that a test may bend."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        by = by or activity["actor"]
        key = key or KEYS[1 if "/eve" in by else 0]
        key_uri = by if "#" in by or "/keys/" in by else f"{by}#main-key"
        how = {"date": self.clock.now(), **how}
        return body, signed_headers("post", INBOX, body, key_uri, key, **how)

    async def send(self, body: bytes, headers: Any, path: str = "/inbox") -> Answer:
        """Bytes and headers as they are."""
        pairs = headers.items() if isinstance(headers, dict) else headers
        headers = [(name.encode(), value.encode()) for name, value in pairs]
        start = perf_counter()
        answer = await self.http.post(path, content=body, headers=headers)
        return Answer(answer.status_code, perf_counter() - start, answer.text, answer.headers)

    async def get(self, path: str, **headers: str) -> Answer:
        start = perf_counter()
        answer = await self.http.get(path, headers={"host": SITE.host, **headers})
        return Answer(answer.status_code, perf_counter() - start, answer.text, answer.headers)

    async def work(self) -> None:
        """Work through what is due."""
        while await receive.step(self.fed):
            pass

    async def became(self) -> tuple[str, str] | None:
        """What became of the activity that came last, or None when none was kept."""
        row = await self.observer.fetchrow(
            "select state, reason from inbox order by id desc limit 1"
        )
        return None if row is None else (row["state"], row["reason"])

    async def forget(self) -> None:
        """Empty the inbox: what is there belongs to the case that is over."""
        await self.observer.execute("delete from inbox")

    async def count(self, statement: str, *arguments: object) -> int:
        return int(await self.observer.fetchval(statement, *arguments))

    async def actor(self, uri: str) -> Actor:
        return await self.fed.fetcher.find_actor(uri, Budget())


@asynccontextmanager
async def open_world(dsn: str, directory: Path) -> AsyncIterator[World]:
    database, clock, renderer = await Database.open(dsn), OwnClock(), ChildRenderer()
    async with open_net(directory) as (net, bundle):
        fed = open_federation(
            database, SITE, clock, renderer, ca_bundle=bundle, lookup=net.lookup, dial=net.dial
        )
        maker = PictureMaker()
        cache = MediaFiles(directory / "media-cache")
        remote_pictures = RemotePictures(database, clock, fed.client, cache, maker)
        services = Services(
            database,
            SITE,
            clock,
            renderer,
            fed.resolver,
            b"x" * 32,
            SmtpMailer(b"x" * 32),
            MediaFiles(directory / "media"),
            maker,
            data_dir=directory,
            remote_pictures=remote_pictures,
        )
        settings = Settings(origin=SITE.origin)
        parts = Parts(services, fed, renderer, remote_pictures)
        app = Application(parts, settings)
        async with serving(app, config=configuration(app, settings)) as port:
            http = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
            )
            observer = await asyncpg.connect(dsn)
            world = await _settled(parts, app, clock, net, port, http, observer)
            await _greet(world)
            yield world
            await observer.close()
            await http.aclose()
        await app.close()


async def _greet(world: World) -> None:
    """Both servers have spoken, so that it is no news when they do so again."""
    for actor in (world.ada, world.eve):
        answer = await world.post(world.activity("Delete", f"{actor}/never", actor=actor))
        assert answer.status == 202, answer
    await world.fed.hosts.close()
    await world.work()


async def _settled(
    parts: Parts,
    app: Application,
    clock: OwnClock,
    net: Net,
    port: int,
    http: httpx.AsyncClient,
    observer: asyncpg.Connection[asyncpg.Record],
) -> World:
    """People, communities and a thread; everybody's key and software are known."""
    database, fed = parts.services.database, parts.federation
    there, other = net["there.test"], net["other.test"]
    there.nodeinfo("piefed")
    other.nodeinfo("mastodon")
    async with database.write() as conn:
        await make_site(conn, site=SITE)
        person = await make_person(conn, "rosa", site=SITE)
        community = await make_community(conn, person, site=SITE, name="marfan")
        thread = await make_thread(conn, person, community, site=SITE)
    ada = await fed.fetcher.find_actor(there.actor("ada"), Budget())
    await fed.fetcher.find_actor(there.actor("grace"), Budget())
    eve = await fed.fetcher.find_actor(other.actor("eve", key=KEYS[1]), Budget())
    host = await fed.fetcher.find_actor(there.actor("group", kind="Group"), Budget())
    async with database.write() as conn:
        group = await read_unfiltered(conn, host.id)
        assert group is not None
        await join(conn, group, person)
        await join(conn, community, ada)
        await join(conn, community, eve)
    for name in ("there.test", "other.test"):
        await fed.resolver.software_of(name)
    return World(parts, app, clock, net, port, http, observer, person, community, thread, group)
