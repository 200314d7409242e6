"""Was this form sent by our own page? Two independent answers, and both must be yes.

The browser's word: Sec-Fetch-Site and Origin. Our own: a token in the form, an HMAC over the
session, or over a random cookie where nobody is signed in (sign-in, sign-up, first visit).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from starlette.datastructures import Headers

FIELD = "form_token"


def new_key() -> str:
    """A random value for the cookie that anonymous forms are bound to."""
    return secrets.token_urlsafe(24)


def token_for(secret: bytes, key: str) -> str:
    """The token of all forms of one session, or of one anonymous cookie."""
    digest = hmac.new(secret, b"form\0" + key.encode("utf-8", "replace"), hashlib.sha256)
    return digest.hexdigest()[:40]


def is_token_right(secret: bytes, key: str | None, token: str) -> bool:
    if not key:
        return False
    given = token.encode("utf-8", "replace")
    return hmac.compare_digest(token_for(secret, key).encode(), given)


def is_from_our_page(headers: Headers, origin: str) -> bool:
    """False when the browser says that another site sent it; old browsers say nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    sender = headers.get("origin")
    return sender is None or sender.lower() == origin.lower()
