"""Headers that every answer carries: pages, activities, redirects, refusals, failures.

A page sets its own, wider content security policy; what sets none gets one that allows nothing.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

EVERYWHERE: Headers = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # no-referrer would make browsers send `Origin: null` with forms, and the CSRF check fail.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), browsing-topics=()"),
]
# Without includeSubDomains: what else an organisation runs below its domain is not ours to decide.
OVER_HTTPS: Headers = [(b"strict-transport-security", b"max-age=31536000")]


def headers_for(*, is_https: bool) -> Headers:
    return EVERYWHERE + (OVER_HTTPS if is_https else [])


class SecurityHeaders:
    """Adds what an answer lacks; never changes what it has."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self.headers = headers_for(is_https=is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                present = [name for name, _ in headers]  # ASGI: lower case already
                message["headers"] = [*headers, *(h for h in self.headers if h[0] not in present)]
            await send(message)

        await self.app(scope, receive, send_with_headers)
