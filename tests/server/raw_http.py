"""A server on loopback that runs our guards around any ASGI application, and raw sockets to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp

from server.http_guard import GuardedProtocol
from tests.serving import run_server


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    protocol: type[GuardedProtocol] = GuardedProtocol,
    config: uvicorn.Config | None = None,
) -> AsyncIterator[int]:
    """The port of a server that is stopped when the block ends."""
    config = config or uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", log_config=None, server_header=False,
        access_log=False, proxy_headers=False,
    )  # fmt: skip
    async with run_server(config, patience=1.0) as port:
        yield port


async def exchange(port: int, request: bytes, *, wait: float = 10.0) -> bytes:
    """Send bytes as they are; everything that comes back until the server closes or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
        with contextlib.suppress(TimeoutError, ConnectionError):
            while chunk := await asyncio.wait_for(reader.read(65536), wait):
                answer += chunk
    finally:
        writer.close()
    return answer


def statuses(answer: bytes) -> list[int]:
    """The status of each response in what came back."""
    return [int(line[:3]) for line in answer.split(b"HTTP/1.1 ")[1:]]
