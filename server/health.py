"""Whether the process lives (`/healthz`) and can serve (`/readyz`). Says nothing else."""

from __future__ import annotations

import asyncio

import asyncpg
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from storage import schema
from storage.db import Database

PATIENCE = 3.0  # seconds

NO_STORE = {"cache-control": "no-store"}


def routes(database: Database) -> list[Route]:
    async def healthz(request: Request) -> Response:
        del request
        return PlainTextResponse("ok", headers=NO_STORE)

    async def readyz(request: Request) -> Response:
        del request
        if await is_ready(database):
            return PlainTextResponse("ready", headers=NO_STORE)
        return PlainTextResponse("not ready", status_code=503, headers=NO_STORE)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def is_ready(database: Database) -> bool:
    """Whether the database answers soon."""
    try:
        async with asyncio.timeout(PATIENCE), database.read() as conn:
            return await schema.read_version(conn) is not None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
