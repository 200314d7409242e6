"""The pages over a real database, visited by browsers that keep cookies and send forms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.routing import Router

from forum.pictures import PictureMaker
from forum.ports import Services
from forum.text import ChildRenderer
from server.mailing import SmtpMailer
from storage import sessions
from storage.actors import Actor
from storage.communities import Community
from storage.db import Database
from storage.media_files import MediaFiles
from tests.factories import SITE, join, make_community, make_person, make_site
from tests.web.html import Page
from tests.web.writer import Writer
from web.routes import routes

SECRET = b"a secret of 32 bytes in a test!!"


class SteadyClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=3)
        return self.at

    def pass_time(self, **kinds: float) -> None:
        self.at += timedelta(**kinds)


class KnownCommunities:
    """A resolver that knows what a test told it."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.moved: dict[str, str] = {}

    async def find_community(self, address: str) -> int | None:
        return self.known.get(address)

    async def find_actor(self, address: str) -> int | None:
        return self.known.get(address)

    async def look_up_actor(self, address: str) -> int | None:
        return self.known.get(address)

    async def has_moved_to(self, old: Actor, uri: str) -> bool:
        return self.moved.get(old.uri) == uri

    async def software_of(self, host: str) -> str | None:
        return None


class Browser:
    """One person's browser."""

    def __init__(self, app: Router, services: Services, *, language: str = "en") -> None:
        self.services = services
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, client=("203.0.113.9", 5000)),
            base_url=SITE.origin,
            headers={"accept-language": language, "accept": "text/html"},
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def page(self, path: str) -> Page:
        answer = await self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.headers)
        return Page(answer.text)

    async def token(self, at: str = "/sign-in") -> str:
        """The token that this browser's forms carry."""
        for form in Page((await self.get(at)).text).forms:
            if form.fields.get("form_token"):
                return form.fields["form_token"]
        raise AssertionError(f"{at} has no form")

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send fields as they are, as our own page would."""
        sent = {"origin": SITE.origin, "sec-fetch-site": "same-origin", **headers}
        return await self.client.post(path, data=fields, headers=sent)

    async def send(self, at: str, action: str, **fields: str) -> httpx.Response:
        """Open a page, fill in one of its forms and send it."""
        form = (await self.page(at)).form(action)
        assert set(fields) <= set(form.fields) | set(form.choices), (fields, form)
        return await self.post(action, {**form.fields, **fields})

    async def act(self, path: str, **fields: str) -> httpx.Response:
        """Send a form that no page shows to this person, with the right token."""
        token = await self.token("/settings" if self.is_signed_in else "/sign-in")
        return await self.post(path, {"form_token": token, **fields})

    @property
    def is_signed_in(self) -> bool:
        return any(cookie.name == "__Host-dazzle" for cookie in self.client.cookies.jar)

    async def sign_in(self, actor: Actor) -> Browser:
        """Have a session, without the time that checking a password takes."""
        async with self.services.database.write() as conn:
            token = await sessions.start(conn, actor.id, self.services.clock.now())
        self.client.cookies.set("__Host-dazzle", token, domain="here.test")
        return self


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def resolver() -> KnownCommunities:
    return KnownCommunities()


@pytest.fixture
async def services(
    database: Database, clock: SteadyClock, resolver: KnownCommunities, tmp_path: Path
) -> AsyncIterator[Services]:
    renderer = ChildRenderer()
    async with database.write() as conn:
        await make_site(conn)
    yield Services(
        database,
        SITE,
        clock,
        renderer,
        resolver,
        SECRET,
        SmtpMailer(SECRET),
        MediaFiles(tmp_path / "media"),
        PictureMaker(),
        data_dir=tmp_path,
    )
    await renderer.close()


@pytest.fixture
def app(services: Services) -> Router:
    return Router(routes(services), redirect_slashes=False)


@pytest.fixture
def browser(app: Router, services: Services) -> Callable[..., Browser]:
    """Opens a new browser."""

    def open_one(*, language: str = "en") -> Browser:
        return Browser(app, services, language=language)

    return open_one


@pytest.fixture
def nobody(browser: Callable[..., Browser]) -> Browser:
    return browser()


@pytest.fixture
async def person(database: Database) -> Actor:
    async with database.write() as conn:
        return await make_person(conn, "ada")


@pytest.fixture
async def place(database: Database, person: Actor) -> Community:
    async with database.write() as conn:
        community = await make_community(conn, name="place", readers="members")
        await join(conn, community, person)
    return community


@pytest.fixture
async def writer(browser: Callable[..., Browser], person: Actor, place: Community) -> Writer:
    assert place.name == "place"
    return await Writer(await browser().sign_in(person), "/c/place/new").open()
