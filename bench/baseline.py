"""The yardstick: a starlette hello world, and R, the same with one SELECT by key."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

SELECT = "select name from actors where id = $1"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"], min_size=2, max_size=8
    )
    app.state.key = await app.state.pool.fetchval("select min(id) from actors")
    yield
    await app.state.pool.close()


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def select_one(request: Request) -> Response:
    state = request.app.state
    async with state.pool.acquire() as connection:
        name = await connection.fetchval(SELECT, state.key)
    return PlainTextResponse(str(name))


app = Starlette(routes=[Route("/hello", hello), Route("/r", select_one)], lifespan=lifespan)
