"""The ActivityPub door: who asks, what they are shown, and one and the same 404 for the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.context import Federation
from federation.negotiation import ACTIVITY, prefers_page
from federation.viewer import read_viewer
from forum.errors import NotAllowed, NotFound
from forum.site import Site
from storage.audience import UNKNOWN_SERVER, Viewer
from storage.db import Connection
from storage.ids import MAX_ID

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
        try:
            viewer = UNKNOWN_SERVER if is_open else await read_viewer(fed, request)
            shown = await _ask(fed, request, viewer, handler)
        except NotFound:
            return not_found()
        except NotAllowed:
            return _answer(b"", "text/plain", PRIVATE, 403)
        if shown.page_url is not None and prefers_page(request.headers.get("accept")):
            return _see_other(shown)
        return _answer(shown.body, ACTIVITY, SHARED if shown.is_public else PRIVATE, shown.status)

    return Route(path, endpoint, methods=["GET"])


def not_found() -> Response:
    """What does not exist and what must not be seen: not one byte of difference."""
    return _answer(b'{"error":"not found"}', "application/json", PRIVATE, 404)


async def _ask(fed: Federation, request: Request, viewer: Viewer, handler: Handler) -> Shown:
    async with fed.database.read() as conn:
        ask = Ask(
            conn,
            fed.site,
            viewer,
            request.path_params,
            request.query_params,
            request.headers.get("user-agent", ""),
        )
        return await handler(ask)


def _answer(body: bytes, media_type: str, cache: str, status: int) -> Response:
    headers = {"vary": VARY, "cache-control": cache, "x-content-type-options": "nosniff"}
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
