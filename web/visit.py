"""One request as a page sees it: who asks, in which language, with which form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from forum import access
from forum.errors import ForumError, NotFound
from forum.limits import require_below
from forum.ports import Services
from forum.site import Site
from storage.audience import Viewer
from storage.sessions import Member
from web import csrf
from web.assets import Assets
from web.cache import ByteCache
from web.file_places import FilePlaces, forms_at_once
from web.forms import Form
from web.i18n import Words
from web.paging import read_id
from web.site_facts import SiteFacts
from web.templating import Templates
from web.viewer import form_cookie, read_cookie, viewer_of

PAGE_CACHE_BYTES = 16 * 1024 * 1024
FRAGMENT_CACHE_BYTES = 8 * 1024 * 1024
THREAD_CACHE_BYTES = 8 * 1024 * 1024


class SignInFirst(ForumError):
    """This page is for members; the visitor may come back to it after signing in."""

    code = "sign_in_first"


@dataclass(frozen=True, slots=True)
class CachedPage:
    """A page as it was sent, headers included."""

    body: bytes
    headers: list[tuple[bytes, bytes]]

    def __len__(self) -> int:
        return len(self.body)


@dataclass(frozen=True, slots=True)
class Web:
    """What all pages share, made once per process."""

    services: Services
    templates: Templates
    assets: Assets
    pages: ByteCache[CachedPage]
    fragments: ByteCache[str]
    threads: ByteCache[Any]  # web.thread_view.Content
    facts: SiteFacts
    file_places: FilePlaces
    form_places: FilePlaces


def open_web(services: Services) -> Web:
    """Load templates and files, with empty caches."""
    assets = Assets()
    return Web(
        services=services,
        templates=Templates(assets),
        assets=assets,
        pages=ByteCache(PAGE_CACHE_BYTES),
        fragments=ByteCache(FRAGMENT_CACHE_BYTES),
        threads=ByteCache(THREAD_CACHE_BYTES),
        facts=SiteFacts(),
        file_places=FilePlaces(),
        form_places=forms_at_once(),
    )


class Visit:
    """A request with what was found out about it. Lives as long as the request."""

    def __init__(
        self,
        web: Web,
        request: Request,
        words: Words,
        *,
        session: str | None = None,
        member: Member | None = None,
        form: Form | None = None,
    ) -> None:
        self.web = web
        self.request = request
        self.words = words
        self.session = session if member is not None else None
        self.member = member
        self.viewer: Viewer = viewer_of(member)
        self.form = form or Form()
        self.new_form_key: str | None = None

    @property
    def services(self) -> Services:
        return self.web.services

    @property
    def site(self) -> Site:
        return self.web.services.site

    @property
    def now(self) -> datetime:
        return self.web.services.clock.now()

    @property
    def address(self) -> str:
        """The peer's address, only ever used as the subject of a limit."""
        client = self.request.client
        return client.host if client is not None else "unknown"

    @property
    def path(self) -> str:
        """Path and query of this request, to come back to."""
        query = self.request.url.query
        return quote(self.request.url.path) + (f"?{query}" if query else "")

    def query(self, name: str) -> str:
        return self.request.query_params.get(name, "")

    def name(self, parameter: str) -> str:
        """A text parameter of the path."""
        return str(self.request.path_params[parameter])

    def number(self, parameter: str) -> int:
        """An id of the path. Raises NotFound for anything that is none."""
        found = read_id(str(self.request.path_params[parameter]))
        if found is None:
            raise NotFound
        return found

    def require_member(self) -> Member:
        """Raises SignInFirst."""
        if self.member is None:
            raise SignInFirst
        return self.member

    def require_admin(self) -> Member:
        """The administrator; to everybody else there is no such page."""
        if self.member is None or not access.may_administer(self.member):
            raise NotFound
        return self.member

    async def count(self, kind: str, *, most: int, per: timedelta) -> None:
        """Count one thing that this member does. Raises TooMany; the count stays either way."""
        subject = str(self.require_member().actor_id)
        async with self.services.database.write() as conn:
            await require_below(
                conn, self.services.secret, kind, subject, most=most, per=per, now=self.now
            )

    def form_token(self) -> str:
        """The token for the forms of the answer, bound to the session or to a cookie."""
        key = self.session or self.anonymous_key() or self._begin_anonymous_key()
        return csrf.token_for(self.services.secret, key)

    def anonymous_key(self) -> str | None:
        return read_cookie(self.request, form_cookie(self.site))

    def _begin_anonymous_key(self) -> str:
        self.new_form_key = self.new_form_key or csrf.new_key()
        return self.new_form_key


def next_path(value: str) -> str:
    """A path of this site to go on to, or "/" when the value could lead elsewhere."""
    if not value.startswith("/") or len(value) > 300 or value[1:2] in ("/", "\\"):
        return "/"
    if any(character <= " " or character in "\\\x7f" for character in value):
        return "/"
    return value
