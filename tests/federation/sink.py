"""An inbox on loopback: keeps what it is sent and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = tuple[int, dict[str, str]]


@dataclass
class Request:
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass
class Sink:
    """`answer` is asked for each request; `delay` passes first, or a request waits for `gate`."""

    answer: Callable[[Request], Answer] = lambda _: (202, {})
    delay: float = 0.0
    gate: asyncio.Event | None = None
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def inbox(self) -> str:
        return f"http://{self.host}/inbox"

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await self._read(reader)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                self.requests.append(request)
                if self.gate is not None:
                    await self.gate.wait()
                await asyncio.sleep(self.delay)
                self.at_once -= 1
                status, headers = self.answer(request)
                lines = [f"HTTP/1.1 {status} Whatever", "content-length: 0"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Request:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
        headers = []
        for line in lines:
            name, _, value = line.partition(b":")
            headers.append((name.lower(), value.strip()))
        length = int(dict(headers).get(b"content-length", b"0"))
        return Request(first.split()[1].decode(), headers, await reader.readexactly(length))


@asynccontextmanager
async def open_sink(sink: Sink | None = None) -> AsyncIterator[Sink]:
    sink = sink or Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", sink.port)
    sink.port = server.sockets[0].getsockname()[1]
    yield sink
    server.close()
