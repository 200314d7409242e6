"""The ActivityPub door: who asks, what they are shown, and one and the same 404 for the rest.

A server can demand that everybody signs (`dazzle policy signed-fetch on`). Then who does not is
answered 401 before anything is looked up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.context import Federation
from federation.negotiation import ACTIVITY, prefers_page
from federation.signatures.accept import ACCEPT_SIGNATURE, OFFER_FOR_GET
from federation.viewer import read_viewer
from forum.errors import NotAllowed, NotFound
from forum.site import Site
from storage.audience import UNKNOWN_SERVER, Viewer
from storage.db import Connection
from storage.ids import MAX_ID
from storage.site import requires_signed_fetch

VARY = "Accept, Signature"
SHARED = "public, max-age=60"
PRIVATE = "private, no-store"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: who looks, at what."""

    conn: Connection
    site: Site
    viewer: Viewer
    path: dict[str, str]
    query: QueryParams
    user_agent: str

    def number(self, name: str = "id") -> int:
        """An id in the path. Raises NotFound for anything that can not be one."""
        return _number(self.path[name])

    def place(self, name: str) -> int | None:
        """Where a page of a collection begins; None when the whole collection is asked for."""
        text = self.query.get(name)
        return None if text is None else _number(text)


@dataclass(frozen=True, slots=True)
class Shown:
    """A document. `page_url` is where a browser is sent instead; closed content is not cached."""

    body: bytes
    is_public: bool
    page_url: str | None = None
    status: int = 200


Handler = Callable[[Ask], Awaitable[Shown]]


def route(fed: Federation, path: str, handler: Handler, *, is_open: bool = False) -> Route:
    """GET and HEAD of a document through the read rule.

    An open one is the same for everybody and never looks at a signature: to check one, the other
    server's key is fetched with a request of ours, for which that server reads our own key here.
    """

    async def endpoint(request: Request) -> Response:
        wants_page = prefers_page(request.headers.get("accept"))
        try:
            viewer = UNKNOWN_SERVER if is_open else await read_viewer(fed, request)
            async with fed.database.read() as conn:
                must_sign = not is_open and await _must_sign(conn, viewer)
                if must_sign and not wants_page:
                    return sign_first()
                shown = await handler(_ask(fed, conn, request, viewer))
        except NotFound:
            return not_found()
        except NotAllowed:
            return _answer(b"", "text/plain", PRIVATE, 403)
        if shown.page_url is not None and wants_page:
            return _see_other(shown)
        if must_sign:
            return sign_first()
        return _answer(shown.body, ACTIVITY, SHARED if shown.is_public else PRIVATE, shown.status)

    return Route(path, endpoint, methods=["GET"])


def sign_first() -> Response:
    """The same for what is there and what is not."""
    answer = _answer(b'{"error":"signature required"}', "application/json", PRIVATE, 401)
    answer.headers["www-authenticate"] = 'Signature headers="(request-target) host date"'
    return answer


def not_found() -> Response:
    """What does not exist and what must not be seen: not one byte of difference."""
    return _answer(b'{"error":"not found"}', "application/json", PRIVATE, 404)


def _ask(fed: Federation, conn: Connection, request: Request, viewer: Viewer) -> Ask:
    agent = request.headers.get("user-agent", "")
    return Ask(conn, fed.site, viewer, request.path_params, request.query_params, agent)


async def _must_sign(conn: Connection, viewer: Viewer) -> bool:
    """Whether nothing is shown to who asks because it is not known who that is."""
    return viewer == UNKNOWN_SERVER and await requires_signed_fetch(conn)


def _answer(body: bytes, media_type: str, cache: str, status: int) -> Response:
    """Each answer says that RFC 9421 is understood too: some servers learn it from here."""
    headers = {
        "vary": VARY,
        "cache-control": cache,
        "x-content-type-options": "nosniff",
        ACCEPT_SIGNATURE: OFFER_FOR_GET,
    }
    return Response(body, status, headers, media_type)


def _see_other(shown: Shown) -> Response:
    headers = {
        "location": shown.page_url or "/",
        "vary": VARY,
        "cache-control": SHARED if shown.is_public else PRIVATE,
    }
    return Response(b"", 303, headers)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise NotFound
    number = int(text)
    if number > MAX_ID:
        raise NotFound
    return number
