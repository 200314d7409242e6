"""The door before the application: what is not plain HTTP within limits never reaches a route.

uvicorn with httptools parses strictly but bounds nothing: not the time for a head or a body, not
the number or size of headers. This protocol bounds them per connection, and answers what it
refuses itself. One answer to one bad request, then the connection is closed, so that nothing
smuggled behind it is ever read as a second request.
"""

from __future__ import annotations

import asyncio
import http
import logging
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from federation.admission import TurnedAway
from server.metrics import BOARD
from server.security_headers import Headers, headers_for
from web.file_forms import limits_for

refusals = logging.getLogger("dazzle.refused")

HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
MOST_HEADERS = 100
MOST_HEADER_BYTES = 16_384
MOST_URL_BYTES = 8_192
# Raw bytes of a chunked body beyond its content: sizes and line ends cost at most five bytes for
# each byte of content; more are chunk extensions and trailers, which nobody needs.
MOST_CHUNK_OVERHEAD = 16_384
MOST_BODY_BYTES = 1_048_576  # of a request that is turned away
# A photo from a telephone in the country takes minutes: a form with files may take longer, as long
# as it keeps coming at this rate.
FILE_BYTES_PER_SECOND = 8_192
# Who asks and then does not read: a video that stands still in a browser goes on with a new
# request for the rest of it.
UNREAD_SECONDS = 30.0
LEAST_READ = 16_384  # in that time

INBOX = re.compile(rb"/inbox|/ap/actors/[^/?]+/inbox")
FULL = b"full"

# Asked with the head of a request to the inbox; None when it may come in.
TurnAway = Callable[[list[tuple[bytes, bytes]]], TurnedAway | None]


class Phase(Enum):
    IDLE = 0  # between two requests: uvicorn's keep-alive timeout holds
    HEAD = 1
    BODY = 2
    READ = 3  # the whole request is here


class Refused(Exception):
    """Raised in a callback of the parser, to stop it; `status` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Tests make subclasses with shorter times."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS
    unread_seconds = UNREAD_SECONDS
    headers_of_refusals = headers_for(is_https=False)
    turn_away: TurnAway = staticmethod(lambda _: None)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.phase = Phase.HEAD
        self.deadline: float | None = None
        self.is_refused = False
        self.refusal = 400
        self.header_bytes = 0
        self.raw_bytes = 0
        self.body_bytes = 0
        self.turned_away: TurnedAway | None = None
        self.has_files = False
        self.timer: asyncio.TimerHandle | None = None
        self.reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._enter(Phase.HEAD, self.head_seconds)
        self.timer = self.loop.call_later(self.head_seconds, self._look_at_clock)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More is written than the other side has taken."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._stop_waiting_for_reader()
        super().resume_writing()

    def _wait_for_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self.reader_timer = self.loop.call_later(self.unread_seconds, self._look_at_reader, unread)

    def _stop_waiting_for_reader(self) -> None:
        if self.reader_timer is not None:
            self.reader_timer.cancel()

    def _look_at_reader(self, before: int) -> None:
        if self.transport.get_write_buffer_size() > before - LEAST_READ:
            refusals.info("an answer that is not read")
            self.transport.abort()
        else:
            self._wait_for_reader()

    def data_received(self, data: bytes) -> None:
        if self.is_refused:
            return
        if self.phase in {Phase.IDLE, Phase.READ}:
            self._enter(Phase.HEAD, self.head_seconds)
        self.raw_bytes += len(data)
        super().data_received(data)
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.is_refused:
            return
        if self.phase is Phase.HEAD and self.raw_bytes > MOST_HEADER_BYTES + MOST_URL_BYTES:
            # The parser gathers an unfinished line without a word to us.
            self._refuse(431)
        elif self.raw_bytes - 6 * self.body_bytes > 3 * MOST_CHUNK_OVERHEAD:
            self._refuse(400)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.phase is not Phase.HEAD:
            self._enter(Phase.HEAD, self.head_seconds)
        self.header_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MOST_URL_BYTES:
            raise self._refusal_of(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value) + 4
        if self.header_bytes > MOST_HEADER_BYTES:
            raise self._refusal_of(431)
        if self.phase is not Phase.HEAD:
            return  # a trailer: it must not add to the headers that were already judged
        super().on_header(name, value)
        if len(self.headers) > MOST_HEADERS:
            raise self._refusal_of(431)

    def on_headers_complete(self) -> None:
        status = self._judge_head()
        if status is not None:
            raise self._refusal_of(status)
        self.turned_away = self._judge_load()
        self.has_files = self._brings_files()
        self._enter(Phase.BODY, self.body_seconds)
        if self.turned_away is not None:
            return
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self.has_files and self.deadline is not None:
            longer = self.deadline + len(body) / FILE_BYTES_PER_SECOND
            self.deadline = min(longer, self.loop.time() + self.body_seconds)
        if self.turned_away is None:
            super().on_body(body)
        elif self.body_bytes > MOST_BODY_BYTES:
            raise self._refusal_of(413)

    def on_message_complete(self) -> None:
        if self.turned_away is not None:
            self._answer_full(self.turned_away)
            return
        super().on_message_complete()
        self._enter(Phase.READ, None)
        if self.parser.should_upgrade():
            # No upgrade is offered. What follows is not HTTP to us, and must not be read as such.
            self.is_refused = True

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(self.refusal)

    def _enter(self, phase: Phase, seconds: float | None) -> None:
        if phase is Phase.HEAD:
            self.raw_bytes = 0
            self.body_bytes = 0
        self.phase = phase
        self.deadline = None if seconds is None else self.loop.time() + seconds

    def _look_at_clock(self) -> None:
        now = self.loop.time()
        if self.deadline is not None and now >= self.deadline:
            self._refuse(408)
            return
        wait = 1.0 if self.deadline is None else self.deadline - now
        self.timer = self.loop.call_later(wait, self._look_at_clock)

    def _judge_load(self) -> TurnedAway | None:
        """Whether there is no place in the inbox for this request; so it costs nothing more.

        One that waits for another on its connection, or for a word from us, goes the long way.
        """
        is_free = self.cycle is None or self.cycle.response_complete
        if not is_free or self.expect_100_continue or self.parser.should_upgrade():
            return None
        if self.parser.get_method() != b"POST" or not INBOX.fullmatch(self.url):
            return None
        return self.turn_away(self.headers)

    def _brings_files(self) -> bool:
        if self.parser.get_method() != b"POST":
            return False
        kinds = [value for name, value in self.headers if name == b"content-type"]
        path = self.url.partition(b"?")[0].decode("latin-1")
        return bool(kinds) and limits_for(path, kinds[0].decode("latin-1")) is not None

    def _answer_full(self, told: TurnedAway) -> None:
        """Once its body has passed by, so that the sender hears it and may use the connection."""
        self.turned_away = None
        stays = self.parser.should_keep_alive()
        headers = [*self.headers_of_refusals, (b"retry-after", b"%d" % told.retry_after)]
        self.transport.write(_response(503, headers, FULL, stays=stays))
        BOARD.add(4, 1)
        if not stays:
            self.is_refused = True
            self.transport.close()
            return
        self._enter(Phase.IDLE, None)
        HttpToolsProtocol.on_response_complete(self)
        self.flow.pause_reading()
        self.loop.call_later(told.pause, self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _judge_head(self) -> int | None:
        """The status that refuses this head, or None."""
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            return 505
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1:
            return 400
        lengths = sum(name == b"content-length" for name, _ in self.headers)
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (lengths or codings[1:] or version == "1.0"):
            return 400
        if lengths > 1 or (codings and codings[0].strip().lower() != b"chunked"):
            return 400
        return self._judge_target(hosts[0])

    def _judge_target(self, host: bytes) -> int | None:
        if self.url.startswith(b"/"):
            return None
        try:
            target = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            return 400
        is_http = target.schema is not None and target.schema.lower() in {b"http", b"https"}
        if not is_http or not target.host or not target.path or target.userinfo:
            return 400
        port = b":%d" % target.port if target.port else b""
        return None if (target.host + port).lower() == host.lower() else 421

    def _refusal_of(self, status: int) -> Refused:
        self.refusal = status
        return Refused(status)

    def _refuse(self, status: int) -> None:
        """Answer, unless an answer is already on its way, and close."""
        self.is_refused = True
        if self.transport.is_closing():
            return
        if self.raw_bytes:  # browsers open connections that they may never use
            refusals.info("%d at the door", status)
        if self._may_answer():
            self.transport.write(_response(status, self.headers_of_refusals))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.pipeline.clear()
        self.transport.close()

    def _may_answer(self) -> bool:
        if self.pipeline:
            return False
        if self.cycle is None or self.cycle.response_complete:
            return self.phase is not Phase.IDLE
        return self.phase is not Phase.HEAD and not self.cycle.response_started

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.phase is Phase.READ and not self.pipeline:
            self._enter(Phase.IDLE, None)
        elif self.phase is Phase.BODY and not self.transport.is_closing():
            # Answered without reading the body: nobody waits for the rest of it.
            self.transport.close()


class HttpsGuardedProtocol(GuardedProtocol):
    """Behind a proxy that speaks TLS."""

    headers_of_refusals = headers_for(is_https=True)


def protocol_for(*, is_https: bool, turn_away: TurnAway | None = None) -> type[GuardedProtocol]:
    base = HttpsGuardedProtocol if is_https else GuardedProtocol
    if turn_away is None:
        return base
    return type("AdmittingProtocol", (base,), {"turn_away": staticmethod(turn_away)})


def _response(status: int, headers: Headers, words: bytes = b"", *, stays: bool = False) -> bytes:
    phrase = http.HTTPStatus(status).phrase
    words = words or phrase.encode()
    lines = [
        f"HTTP/1.1 {status} {phrase}".encode(),
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(words),
        *([] if stays else [b"connection: close"]),
        b"cache-control: no-store",
        *(name + b": " + value for name, value in headers),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + words
