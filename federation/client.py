"""All requests to other servers: checked address, signed, with a limit on time and size.

The address that is dialled is the one that was checked (`dial`), so neither a redirect nor a
second DNS answer leads inside. TLS and Host keep the name.

Destinations are spread over a fixed number of small pools with one shared TLS context, because a
pool looks at all its connections for each request and a big one is several times slower. No client
of httpx stands before them: it would keep cookies, and fail over a Location that is no URL.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import certifi
import httpcore
import httpx

from federation.address import Lookup, Target, parse_url, require_allowed
from federation.dial import Dial, GuardedBackend, dial
from federation.errors import Malformed, NoRoom, Refused, TooLarge, Unreachable
from federation.knocking import Effort, Knocking, Memory, OwnMemory
from federation.lookup import look_up
from federation.signatures.types import Outgoing
from forum.ports import Clock
from forum.site import Site
from storage.keys import SigningKey

SHARDS = 16
CONNECTIONS_PER_SHARD = 32
KEPT_PER_SHARD = 12
KEPT_SECONDS = 20.0
REQUEST_SECONDS = 10.0
POST_SECONDS = 18.0  # with all tries; deliveries count on it
TOTAL_SECONDS = 30.0
PICTURE_SECONDS = 15.0  # somebody waits for it
MAX_BODY = 1024 * 1024
MAX_DRAINED = 64 * 1024
DRAIN_SECONDS = 2.0
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ACTIVITY_TYPES = 'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
PICTURE_TYPES = "image/avif, image/webp, image/png, image/jpeg, image/gif"
CORE_ERRORS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)

if importlib.util.find_spec("sniffio") is None:
    # httpcore imports it several times in every request, and a failing import walks sys.path:
    # a third of the cost of a request. None makes the import fail at once.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


Read = Callable[[httpx.Response], Awaitable[bytes]]
AskFirst = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; the body of one to a GET. `url` is the one that gave it, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Client:
    """Signed GET and POST. Raises Unreachable or Refused, and GET TooLarge; any status answers.

    `memory` knows which kind of signature each server takes; alone, the client keeps its own.
    """

    def __init__(
        self,
        site: Site,
        clock: Clock,
        *,
        allow_loopback: bool = False,
        ca_bundle: Path | None = None,
        lookup: Lookup = look_up,
        dial: Dial = dial,
        memory: Memory | None = None,
    ) -> None:
        self._clock = clock
        self._memory = memory or OwnMemory()
        self._own_host = site.host
        self._allow_loopback = allow_loopback
        self._agent = f"Dazzle/0.1 (+{site.origin})"
        context = _tls_context(ca_bundle)
        backend = GuardedBackend(allow_loopback, lookup, dial)
        self._transports = [_Transport(backend, context) for _ in range(SHARDS)]

    async def close(self) -> None:
        for transport in self._transports:
            await transport.aclose()

    async def get(
        self, url: str, *, accept: str = ACTIVITY_TYPES, signed_by: SigningKey | None
    ) -> Response:
        """GET with at most three redirects; each hop is checked and signed anew."""
        effort = Effort()
        with _trouble_as_unreachable():
            async with asyncio.timeout(TOTAL_SECONDS):
                response = await self._follow(url, accept, signed_by, effort, _read_whole)
        await self._remember(effort)
        return response

    async def download_picture(
        self,
        url: str,
        into: BinaryIO,
        *,
        most: int,
        signed_by: SigningKey | None,
        ask_first: AskFirst,
    ) -> Response:
        """GET a picture into a file, of at most so many bytes; the body that comes back is empty.

        `ask_first` is asked about the host of each hop, and raises if it may not be asked. Raises
        Malformed for what does not say that it is a picture, and NoRoom when it cannot be written.
        """
        effort = Effort()
        read = _into(into, most)
        with _trouble_as_unreachable():
            async with asyncio.timeout(PICTURE_SECONDS):
                response = await self._follow(
                    url, PICTURE_TYPES, signed_by, effort, read, ask_first
                )
        await self._remember(effort)
        return response

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        key: SigningKey,
        content_type: str = "application/activity+json",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """POST, signed, with these `headers` (in lower case) under the signature.

        Redirects are not followed: an inbox that moved is read from its actor.
        """
        target = self._check(url)
        signed = {"content-type": content_type, **(headers or {})}
        request = Outgoing("POST", target, body, signed)
        effort = Effort()
        with _trouble_as_unreachable():
            async with asyncio.timeout(POST_SECONDS):
                response = await self._knock(request, key, {}, effort, _drain)
        await self._remember(effort)
        return response

    async def _follow(
        self,
        url: str,
        accept: str,
        signed_by: SigningKey | None,
        effort: Effort,
        read: Read,
        ask_first: AskFirst | None = None,
    ) -> Response:
        for _ in range(MAX_REDIRECTS + 1):
            target = self._check(url)
            if ask_first is not None:
                await ask_first(target.host)
            response = await self._get_once(target, accept, signed_by, effort, read)
            location = response.headers.get("location")
            if response.status not in REDIRECTS or location is None:
                return response
            url = _moved_to(response.url, location)
        raise Unreachable("too_many_redirects")

    async def _get_once(
        self, target: Target, accept: str, signed_by: SigningKey | None, effort: Effort, read: Read
    ) -> Response:
        request = Outgoing("GET", target, None, {})
        if signed_by is None:
            return await self._send(request, {"host": target.host, "accept": accept}, read)
        return await self._knock(request, signed_by, {"accept": accept}, effort, read)

    async def _knock(
        self,
        request: Outgoing,
        key: SigningKey,
        unsigned: Mapping[str, str],
        effort: Effort,
        read: Read,
    ) -> Response:
        """Sign as the server is known to want it, and the other way if it does not believe us."""
        known = await self._memory.signature_form(request.target.host)
        knocking = Knocking(request, key, effort, known)
        while True:
            headers = knocking.sign(self._clock.now())
            response = await self._send(request, {**headers, **unsigned}, read)
            if not knocking.goes_on(response.status, response.headers):
                knocking.learn(response.status, response.headers)
                return response

    async def _remember(self, effort: Effort) -> None:
        """Outside of any limit on time: what was sent has arrived, whatever becomes of this."""
        for host, form in effort.lessons.items():
            await self._memory.remember_signature(host, form)

    def _check(self, url: str) -> Target:
        target = parse_url(url)
        require_allowed(target, allow_loopback=self._allow_loopback)
        if target.host == self._own_host:
            raise Refused("own_host")
        return target

    async def _send(self, outgoing: Outgoing, headers: dict[str, str], read: Read) -> Response:
        target, method = outgoing.target, outgoing.method
        headers["user-agent"] = self._agent
        headers["accept-encoding"] = "identity"
        request = httpx.Request(
            method,
            target.origin,
            headers=headers,
            content=outgoing.body,
            extensions={"target": target.path.encode("ascii")},
        )
        # Python's own hash has another salt in each process: nobody can choose names that all share
        # one transport, to keep it busy for the others there.
        transport = self._transports[hash(target.host) % SHARDS]
        async with asyncio.timeout(REQUEST_SECONDS):
            response = await transport.handle_async_request(request)
            try:
                content = await read(response)
            finally:
                await response.aclose()
        return Response(response.status_code, response.headers, content, target.url)


@lru_cache(4)
def _tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Trusts what the system trusts, or Mozilla's list where the system has none (slim images)."""
    system = ssl.get_default_verify_paths()
    has_own = system.cafile or (system.capath and any(Path(system.capath).iterdir()))
    context = ssl.create_default_context(cafile=None if has_own else certifi.where())
    if ca_bundle is not None:
        context.load_verify_locations(ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextlib.contextmanager
def _trouble_as_unreachable() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, *CORE_ERRORS, TimeoutError, OSError) as error:
        raise Unreachable(type(error).__name__) from error


async def _read_whole(response: httpx.Response) -> bytes:
    """The body as it came. A compressed one is refused: its size is not known before it is big."""
    _require_size(response, MAX_BODY)
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_BODY:
            raise TooLarge
    return bytes(content)


def _require_size(response: httpx.Response, most: int) -> None:
    """Raises TooLarge as far as the head of the answer shows it."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise TooLarge("encoded")
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise TooLarge


def _into(file: BinaryIO, most: int) -> Read:
    """Reads a picture into a file; of a redirect or a refusal nothing."""

    async def read(response: httpx.Response) -> bytes:
        if response.status_code != 200:
            return b""
        if not response.headers.get("content-type", "").strip().lower().startswith("image/"):
            raise Malformed("media_type")
        _require_size(response, most)
        async for chunk in response.aiter_raw():
            try:
                file.write(chunk)
            except OSError as error:
                raise NoRoom from error
            if file.tell() > most:
                raise TooLarge
        return b""

    return read


async def _drain(response: httpx.Response) -> bytes:
    """The answer to a POST is its status, whatever follows it in whatever shape.

    A little is read, so that the connection can be used again.
    """
    left = MAX_DRAINED
    with contextlib.suppress(httpx.HTTPError, *CORE_ERRORS, TimeoutError, OSError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in response.aiter_raw():
                left -= len(chunk)
                if left < 0:
                    break
    return b""


def _moved_to(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # of half an IPv6 address
        raise Refused("bad_url") from None


class _Transport(httpx.AsyncBaseTransport):
    """httpx over an httpcore pool that dials through the guard."""

    def __init__(self, backend: GuardedBackend, context: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=CONNECTIONS_PER_SHARD,
            max_keepalive_connections=KEPT_PER_SHARD,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions={"target": request.extensions["target"]},
            )
        )
        stream = _Body(answer)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream)

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()
