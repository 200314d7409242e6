"""The other ends of deliveries: one listener that is a thousand servers by their names.

All of 127.0.0.0/8 is this machine, so `127.1.2.3:port` is another server than `127.1.2.4:port`. It
answers 202 to every POST, never to one for 127.2.x.x, and tells at GET when the first came for
each server, on the clock that all processes share.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import cast

import msgspec
import uvloop

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
HANGING = b"127.2."


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, arrived: dict[str, float]) -> None:
        self.arrived = arrived
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(_value(head, b"content-length") or 0)
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        if head.startswith(b"get "):
            body = msgspec.json.encode(self.arrived)
            if b" /forget " in head:
                self.arrived.clear()
            length = b"%d" % len(body)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + body
            )
            return
        host = _value(head, b"host")
        if not host.startswith(HANGING):
            self.arrived.setdefault(host.decode(), time.monotonic())
            self.transport.write(ANSWER)


def _value(head: bytes, name: bytes) -> bytes:
    _, found, rest = head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if found else b""


async def main(port: int) -> None:
    arrived: dict[str, float] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(arrived), "0.0.0.0", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
