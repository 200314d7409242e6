"""What a visitor gets when we fail: a plain page that says so, and nothing about the inside."""

from __future__ import annotations

import logging

import asyncpg
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

DATABASE_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
)
RETRY_SECONDS = b"10"


class Failures:
    """503 with Retry-After while the database is away, so that other servers try again; else 500.

    The log gets the type of the failure and where it happened, never its message.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def note_start(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, note_start)
        except ClientDisconnect:
            return
        except Exception as error:
            log.exception("a request failed")
            if has_started:
                raise
            await _answer(send, isinstance(error, DATABASE_AWAY))


async def _answer(send: Send, is_away: bool) -> None:
    words = b"This server is busy. Please try again in a moment." if is_away else b"Our mistake."
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(words)),
        (b"cache-control", b"no-store"),
    ]
    if is_away:
        headers.append((b"retry-after", RETRY_SECONDS))
    status = 503 if is_away else 500
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
