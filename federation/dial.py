"""Connections to other servers, underneath the client: resolve, check, dial what was checked.

Reads and writes have no timeout of their own: a server that drips a byte now and then would
outlive each of them. The client sets one deadline over the whole request instead.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import httpcore

from federation.address import Lookup, resolve

CONNECT_SECONDS = 5.0
MAX_ADDRESSES = 4
PAUSE_READING_AT = 256 * 1024

Dial = Callable[[str, int], Awaitable[socket.socket]]


async def dial(address: str, port: int) -> socket.socket:
    """A socket connected to an address, which somebody has checked. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves, checks every address, and connects to one that was checked."""

    def __init__(self, allow_loopback: bool, lookup: Lookup, dial: Dial = dial) -> None:
        self._allow_loopback = allow_loopback
        self._lookup = lookup
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        async with asyncio.timeout(CONNECT_SECONDS):
            addresses = await resolve(
                host, port, allow_loopback=self._allow_loopback, lookup=self._lookup
            )
            return _Stream(await self._connect_first(addresses[:MAX_ADDRESSES], port))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _connect_first(self, addresses: list[str], port: int) -> socket.socket:
        """A socket connected to the first address that answers. Raises OSError."""
        trouble: OSError | None = None
        patience = CONNECT_SECONDS / max(2, len(addresses))  # IPv6 often leads nowhere, silently
        for address in addresses:
            try:
                async with asyncio.timeout(patience if len(addresses) > 1 else None):
                    return await self._dial(address, port)
            except OSError as error:  # TimeoutError is one
                trouble = error
        raise trouble or OSError("no address")


class _Wire(asyncio.Protocol):
    """Bytes that have come in, so that a kept connection knows at once when it is of no use."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.is_ended = False
        self.transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > PAUSE_READING_AT and self.transport is not None:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.is_ended = True
        self._wake()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_ended = True
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def read(self, most: int) -> bytes:
        if not self.buffer and not self.is_ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self.buffer[:most])
        del self.buffer[:most]
        if self.transport is not None and not self.is_ended:
            self.transport.resume_reading()
        return data

    async def drained(self) -> None:
        await self._writable.wait()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Stream(httpcore.AsyncNetworkStream):
    """A connected socket; plain, or TLS once `start_tls` is asked. Deadlines are the caller's."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._wire: _Wire | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return await (await self._opened()).read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        wire = await self._opened()
        if wire.is_ended or wire.transport is None:
            raise httpcore.WriteError("closed by the other side")
        wire.transport.write(buffer)
        await wire.drained()

    async def aclose(self) -> None:
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.abort()
        else:
            self._connection.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        name = (server_hostname or "").strip("[]")
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._opened(ssl_context, name)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._wire is not None and (self._wire.is_ended or bool(self._wire.buffer))
        if info == "ssl_object" and self._wire is not None and self._wire.transport is not None:
            return self._wire.transport.get_extra_info("ssl_object")
        return None

    async def _opened(
        self, context: ssl.SSLContext | None = None, server_hostname: str | None = None
    ) -> _Wire:
        if self._wire is None:
            _, self._wire = await asyncio.get_running_loop().create_connection(
                _Wire, sock=self._connection, ssl=context, server_hostname=server_hostname
            )
        return self._wire
