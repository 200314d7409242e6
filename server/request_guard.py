"""Judges a whole request before any route sees it: its Host, its path, the size of its body.

The body is read here, within its limit, and handed on in one piece; so no route can read too much
or forget to look, and a slow sender occupies no handler and no database connection. Only the inbox
reads its own, because it first asks whether there is a place at all (federation/admission.py), and
a form with files, which is read piece by piece after who sends it is known (web/door.py).

Everything else has places of its own: however much other servers send, pages are answered, and
what comes beyond the places is told so at once. Forms with files and the files themselves have
places apart from those of the pages, because they take as long as whoever sends or reads them.
"""

from __future__ import annotations

import http
import logging
import re

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forum.limits import address_subject
from forum.site import Site
from server.places import Places
from web.file_forms import limits_for
from web.file_places import GIVE_BACK

refusals = logging.getLogger("dazzle.refused")

PLACES = 256
# A form with files holds one of these until all of it is here; who is refused gives it back first.
FORM_PLACES = 32
FILE_PLACES = 256
FILES_OF_ONE = 64  # addresses: many people may be behind one, and a proxy asks for all at once
BYTES_AT_ONCE = 64 * 1024 * 1024
BUSY = "This server is busy. Please try again in a moment."
RETRY_SECONDS = b"5"
INBOX_BYTES = 1_048_576
FORM_BYTES = 409_600  # the longest post, percent-encoded in a script of three bytes a letter

INBOX_PATH = re.compile(r"/inbox|/ap/(?:actors/[^/]+|instance)/inbox")
BAD_PATH = re.compile(r"[\x00-\x1f\x7f\\]")
FILE_PATHS = ("/media/", "/settings/export/file")
HEALTH_PATHS = frozenset({"/healthz", "/readyz"})  # they cost nothing, and have no places
LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")
PLAIN_HOST = re.compile(r"[\w.-]+(?::\d+)?|\[[0-9a-f:.]+\](?::\d+)?", re.ASCII)
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestGuard:
    def __init__(self, app: ASGIApp, *, site: Site) -> None:
        self.app = app
        self.site = site
        self.hosts = _names_of(site)
        self.pages, self.forms = Places(PLACES), Places(FORM_PLACES)
        self.files = Places(FILE_PLACES, of_one=FILES_OF_ONE)
        self.bytes_held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host, length, has_body = _read_headers(scope)
        status = self._judge(scope, host)
        if status == 421:
            await _refuse(send, 421, f"This server answers at {self.site.origin}")
        elif status is not None:
            await _refuse(send, status)
        elif length <= INBOX_BYTES and INBOX_PATH.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
        elif _brings_files(scope):
            # How long it may be is judged when its words are here, so that they can be given back.
            await self._serve(scope, receive, send, self.forms)
        elif length > FORM_BYTES:
            await _refuse(send, 413)
        elif not has_body:
            await self._serve(scope, receive, send)
        else:
            await self._read_and_serve(scope, receive, send)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, places: Places | None = None
    ) -> None:
        if scope["path"] in HEALTH_PATHS:
            await self.app(scope, receive, send)
            return
        give_back = (places or self._places_for(scope)).take(_address(scope))
        if give_back is None:
            await _refuse(send, 503, BUSY)
            return
        try:
            await self.app({**scope, GIVE_BACK: give_back}, receive, send)
        finally:
            give_back()

    def _places_for(self, scope: Scope) -> Places:
        return self.files if scope["path"].startswith(FILE_PATHS) else self.pages

    def _judge(self, scope: Scope, host: bytes) -> int | None:
        path: str = scope["path"]
        if BAD_PATH.search(path) or b"%00" in scope["query_string"]:
            return 400
        name = host.decode("latin-1").lower()
        if name in self.hosts:
            return None
        if path in HEALTH_PATHS and LOOPBACK_HOST.fullmatch(name):
            return None
        return 421 if PLAIN_HOST.fullmatch(name) else 400

    async def _read_and_serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        try:
            status = await self._read_body(receive, body)
            if status is not None:
                await _refuse(send, status, BUSY if status == 503 else "")
            else:
                whole: Message = {"type": "http.request", "body": bytes(body), "more_body": False}
                await self._serve(scope, _once(whole, receive), send)
        except ClientDisconnect:
            return
        finally:
            self.bytes_held -= len(body)

    async def _read_body(self, receive: Receive, body: bytearray) -> int | None:
        """The status that refuses it, or None. Raises ClientDisconnect."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            body += chunk
            self.bytes_held += len(chunk)
            if len(body) > FORM_BYTES:
                return 413
            if self.bytes_held > BYTES_AT_ONCE:
                return 503
            if not message.get("more_body", False):
                return None


def _names_of(site: Site) -> frozenset[str]:
    """What a Host header may say: the origin's host, its default port written out or not."""
    default = 443 if site.origin.startswith("https:") else 80
    has_port = re.search(r":\d+$", site.host) is not None
    return frozenset({site.host} if has_port else {site.host, f"{site.host}:{default}"})


def _read_headers(scope: Scope) -> tuple[bytes, int, bool]:
    """The Host, the declared length, and whether there is a body."""
    host, length, has_body = b"", 0, scope["method"] not in BODILESS
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        elif name == b"content-length":
            length, has_body = int(value), True
        elif name == b"transfer-encoding":
            has_body = True
    return host, length, has_body


def _brings_files(scope: Scope) -> bool:
    """Whether this is a form with files; their door limits what they bring (web/door.py)."""
    if scope["method"] != "POST":
        return False
    for name, value in scope["headers"]:
        if name == b"content-type":
            return limits_for(scope["path"], value.decode("latin-1")) is not None
    return False


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return "" if client is None else address_subject(client[0])


def _once(message: Message, receive: Receive) -> Receive:
    """The message first, then whatever comes: a disconnect, in practice."""
    waiting = [message]

    async def receive_rest() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_rest


async def _refuse(send: Send, status: int, text: str = "") -> None:
    refusals.info("%d before any route", status)
    body = (text or http.HTTPStatus(status).phrase).encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        # The rest of the request is not read.
        (b"connection", b"close"),
    ]
    if status == 503:
        headers.append((b"retry-after", RETRY_SECONDS))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
