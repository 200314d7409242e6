"""Composes the application: the two edges, their services, and what stands around every request."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import asyncpg
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from federation.context import Federation, open_federation
from federation.pictures import RemotePictures
from federation.routes import routes as federation_routes
from forum.pictures import PictureMaker
from forum.ports import Services, SystemClock
from forum.site import Site
from forum.text import ChildRenderer
from server import health, media
from server.database import url_of
from server.failures import Failures
from server.mailing import SmtpMailer
from server.metrics import Measured
from server.request_guard import RequestGuard
from server.security_headers import SecurityHeaders
from server.settings import MEDIA, MEDIA_CACHE, Settings, read_secret
from storage.db import Database
from storage.media_files import MediaFiles
from web.routes import routes as web_routes

log = logging.getLogger(__name__)

OPEN_TRIES = 20  # at half a second: a database that restarts is back by then
POOL_SIZE = 8


@dataclass(frozen=True, slots=True)
class Parts:
    """What is open in a process: for requests (`services`), for other servers (`federation`)."""

    services: Services
    federation: Federation
    renderer: ChildRenderer
    remote_pictures: RemotePictures

    async def close(self) -> None:
        await self.remote_pictures.close()
        await self.federation.close()
        await self.renderer.close()
        await self.services.database.close()


class Application:
    """The whole application as one ASGI callable; `close` when the process ends."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self.parts = parts
        self._handle = _surround(_router(parts), parts, settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handle(scope, receive, send)

    async def close(self) -> None:
        await self.parts.close()


async def create_app(settings: Settings) -> Application:
    """Open the database and everything else. `settings.database_url` must be set."""
    return Application(await open_parts(settings), settings)


async def open_parts(settings: Settings) -> Parts:
    """What web processes, workers and commands share."""
    database = await _open_database(url_of(settings))
    site = Site(settings.origin)
    clock = SystemClock()
    renderer = ChildRenderer()
    federation = open_federation(
        database,
        site,
        clock,
        renderer,
        allow_loopback=settings.allow_loopback,
        ca_bundle=settings.ca_bundle,
    )
    secret = read_secret(settings)
    cache = MediaFiles(settings.data_dir / MEDIA_CACHE)
    remote_pictures = RemotePictures(database, clock, federation.client, cache, PictureMaker())
    services = Services(
        database=database,
        site=site,
        clock=clock,
        renderer=renderer,
        resolver=federation.resolver,
        secret=secret,
        mailer=SmtpMailer(secret),
        media=MediaFiles(settings.data_dir / MEDIA),
        pictures=PictureMaker(),  # of their own: no other server makes members wait
        data_dir=settings.data_dir,
        remote_pictures=remote_pictures,
    )
    return Parts(services, federation, renderer, remote_pictures)


def routes_of(parts: Parts) -> list[BaseRoute]:
    """Every route of the program, in the order in which they are tried."""
    return [
        *federation_routes(parts.federation),
        *health.routes(parts.services.database),
        *media.routes(parts.services, parts.federation),
        *web_routes(parts.services),
    ]


def _router(parts: Parts) -> ASGIApp:
    # No redirect for a missing slash: Starlette would build its target from the Host header.
    return Router(routes=routes_of(parts), redirect_slashes=False)


def _surround(app: ASGIApp, parts: Parts, settings: Settings) -> ASGIApp:
    """Outermost last: every answer, also a refusal, is counted and carries the headers."""
    app = Failures(app)
    app = RequestGuard(app, site=parts.services.site)
    app = SecurityHeaders(app, is_https=settings.is_https)
    return Measured(app)


async def _open_database(url: str) -> Database:
    for left in reversed(range(OPEN_TRIES)):
        try:
            return await Database.open(url, max_size=POOL_SIZE)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if not left:
                raise
            await asyncio.sleep(0.5)
    raise AssertionError("unreachable")
