"""Serves an ASGI application on loopback inside a test, and stops at once.

uvicorn's own loop looks every tenth of a second whether it is to end, and then waits another one:
hundreds of tests, each with two or three servers, would spend their time with that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn


def listen(port: int = 0) -> socket.socket:
    # With the protocol named, asyncio sends small answers at once.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@asynccontextmanager
async def run_server(
    config: uvicorn.Config, port: int = 0, *, patience: float = 0.0
) -> AsyncIterator[int]:
    """The port on which it answers. What is still being answered gets `patience` seconds."""
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    listener = listen(port)
    await server.on_tick(0)  # makes the headers of every answer
    await server.startup([listener])
    try:
        yield listener.getsockname()[1]
    finally:
        for one in server.servers:
            one.close()
        await _end(server, patience)
        listener.close()


async def _end(server: uvicorn.Server, patience: float) -> None:
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    tasks = list(state.tasks)
    if tasks and patience:
        await asyncio.wait(tasks, timeout=patience)
    for task in tasks:
        task.cancel()
    for connection in list(state.connections):
        if connection.transport is not None:
            connection.transport.abort()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
