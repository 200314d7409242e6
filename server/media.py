"""GET of the files of people here: whoever may see the post may have its files, and nobody else.

Here because two doors meet: a browser comes with a session, another server with a signature. What
is hidden and what was never there get one answer. A file is never served as a page or a document
of ActivityPub: its type is one of a short list, and a browser that opens it runs nothing in it.
"""

from __future__ import annotations

import asyncio
import os
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from federation.context import Federation
from federation.viewer import read_viewer
from forum.errors import NotAllowed
from forum.ports import Services
from storage import media
from storage.audience import Viewer
from storage.db import Connection
from storage.media import Medium
from web.viewer import member_of, read_cookie, session_cookie, viewer_of

PRIVATE = "private, no-store"
# In the browser of who looked, for a day: an erased picture must not stay in caches on the way.
KEPT = "private, max-age=86400, immutable"
SHOWN_IN_PLACE = "image"
# A picture that is opened by itself is laid out by the browser with styles of its own.
SEALED = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
REFUSED = {"cache-control": PRIVATE, "content-security-policy": SEALED}
REFUSED_RAW = [(name.encode(), value.encode()) for name, value in REFUSED.items()]


class MediaDoor:
    """Answers GET and HEAD of one variant of one file."""

    def __init__(self, services: Services, fed: Federation) -> None:
        self.services = services
        self.fed = fed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        name, variant = request.path_params["name"], request.path_params["variant"]
        try:
            signed = await self._read_signed(request)
        except NotAllowed:
            return _refused(HTTPStatus.FORBIDDEN)
        async with self.services.database.read() as conn:
            viewer = signed or await self._read_session(conn, request)
            medium = await media.find(conn, viewer, name)
            is_public = medium is not None and await media.is_public_unfiltered(conn, medium.id)
        found = None if medium is None else _variant_of(medium, variant)
        if medium is None or found is None:
            return _refused(HTTPStatus.NOT_FOUND)
        path = self.services.media.path(name, variant)
        try:
            size = await asyncio.to_thread(path.stat)
        except FileNotFoundError:  # erased in this moment
            return _refused(HTTPStatus.NOT_FOUND)
        return _file(request, path, size, medium, found, is_public=is_public)

    async def _read_signed(self, request: Request) -> Viewer | None:
        """Who asks by signature; None for a browser. Raises NotAllowed, as for every document."""
        if "signature" not in request.headers:
            return None
        return await read_viewer(self.fed, request)

    async def _read_session(self, conn: Connection, request: Request) -> Viewer:
        session = read_cookie(request, session_cookie(self.services.site))
        return viewer_of(await member_of(conn, session, self.services.clock.now()))


def routes(services: Services, fed: Federation) -> list[Route]:
    return [Route("/media/{name}/{variant}", MediaDoor(services, fed), methods=["GET"])]


def _variant_of(medium: Medium, name: str) -> str | None:
    """The type of a variant that the file has."""
    types = {variant["name"]: variant["mime"] for variant in medium.variants}
    return types.get(name)


class SealedFile(FileResponse):
    """A file, or a part of it; also what it refuses is sealed, and kept nowhere on the way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_sealed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                message["headers"] = [*message["headers"], *REFUSED_RAW]
            await send(message)

        await super().__call__(scope, receive, send_sealed)


def _file(
    request: Request,
    path: Path,
    size: os.stat_result,
    medium: Medium,
    media_type: str,
    *,
    is_public: bool,
) -> Response:
    is_picture = medium.kind == SHOWN_IN_PLACE
    etag = f'"{path.name}"'
    headers = {
        "cache-control": KEPT if is_public else PRIVATE,
        "content-security-policy": SEALED,
        "x-content-type-options": "nosniff",
        # Pages of other forums show public pictures from here; nobody else's page shows the rest.
        "cross-origin-resource-policy": "cross-origin" if is_public else "same-origin",
        # Sounds and videos are as they came: opened by themselves they are saved, not shown.
        "content-disposition": "inline" if is_picture else f'attachment; filename="{path.name}"',
        "etag": etag,
        "x-robots-tag": "noindex, noarchive",  # also of communities that may be listed
    }
    if is_public and etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return SealedFile(path, headers=headers, media_type=media_type, stat_result=size)


def _refused(status: HTTPStatus) -> Response:
    """Of what is not there, and of what this viewer may not know of."""
    return Response(status.phrase, status, REFUSED, "text/plain")
