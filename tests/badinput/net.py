"""Every other server of these tests, behind one TLS socket on loopback.

Names resolve to public addresses, as in the world; whoever dials one of them is led to the socket,
and every address that is dialled, allowed or not, is written down. No other connection is made.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
import uvicorn

from federation import dial
from tests.federation.peer import Peer
from tests.serving import run_server

NAMES = ("there.test", "other.test", "third.test", "xn--bcher-kva.test")
WIDE = "wide.test"  # any name below it is a server too, and all are one peer
SLOW = "slow.test"  # speaks TLS, and then whatever a test makes it say
ADDRESSES = {name: f"93.184.216.{10 + number}" for number, name in enumerate((*NAMES, WIDE, SLOW))}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Seen:
    """What went out while somebody looked."""

    lookups: list[str] = field(default_factory=list)
    dials: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)


class Net:
    """Peers by name, the name service, and the record."""

    def __init__(self) -> None:
        self.peers = {name: Peer() for name in (*NAMES, WIDE)}
        for name, peer in self.peers.items():
            peer.origin = f"https://{name}"
        self.names: dict[str, list[list[str]]] = {}
        self.seen = Seen()
        self.port = 0
        self.slow_port = 0
        self.tls: ssl.SSLContext | None = None
        self.client: Any = None  # for tests that have no more than one

    def __getitem__(self, name: str) -> Peer:
        return self.peers[name]

    @contextmanager
    def watched(self) -> Iterator[Seen]:
        """A fresh record for as long as the block lasts."""
        before, self.seen = self.seen, Seen()
        try:
            yield self.seen
        finally:
            self.seen = before

    def resolve_as(self, hostname: str, *answers: list[str]) -> None:
        """What the name service says of a name: one answer after another, then always the last."""
        self.names[hostname] = list(answers)

    async def lookup(self, hostname: str, port: int) -> list[str]:
        self.seen.lookups.append(hostname)
        answers = self.names.get(hostname)
        if answers is not None:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        address = address_of(hostname)
        if address is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [address]

    async def dial(self, address: str, port: int) -> socket.socket:
        self.seen.dials.append(f"{address}:{port}")
        if port != 443 or address not in ADDRESSES.values():
            raise OSError(errno.EHOSTUNREACH, "nobody is there")
        is_slow = address == ADDRESSES[SLOW]
        return await dial.dial("127.0.0.1", self.slow_port if is_slow else self.port)

    @asynccontextmanager
    async def slow(self, serve: Serve, *, is_tls: bool = True) -> AsyncIterator[None]:
        """The slow server, which does with each connection what it is told."""
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=self.tls if is_tls else None)
        self.slow_port = server.sockets[0].getsockname()[1]
        yield
        server.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        host = dict(scope["headers"])[b"host"].decode()
        query = scope["query_string"].decode()
        self.seen.asks.append(host + scope["raw_path"].decode() + (f"?{query}" if query else ""))
        await self.peers[_peer_of(host) or NAMES[0]](scope, receive, send)


def address_of(hostname: str) -> str | None:
    name = _peer_of(hostname)
    return None if name is None else ADDRESSES[name]


def _peer_of(hostname: str) -> str | None:
    name = hostname.lower().removesuffix(".")
    if name.endswith(f".{WIDE}"):
        return WIDE
    return name if name in ADDRESSES else None


@asynccontextmanager
async def open_net(directory: Path) -> AsyncIterator[tuple[Net, Path]]:
    """The net, and the file with the authority that all its certificates come from."""
    authority = trustme.CA()
    bundle, chain, key = (directory / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(bundle))
    certificate = authority.issue_cert(*ADDRESSES, f"*.{WIDE}")
    certificate.private_key_pem.write_to_path(str(key))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(chain), append=True)
    net = Net()
    net.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    net.tls.load_cert_chain(chain, key)
    config = uvicorn.Config(
        net,
        log_level="error",
        lifespan="off",
        ssl_certfile=chain,
        ssl_keyfile=key,
        timeout_keep_alive=60,
    )
    async with run_server(config) as net.port:
        yield net, bundle
