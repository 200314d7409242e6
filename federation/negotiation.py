"""ActivityPub's media types: what a request accepts, and what an answer is."""

from __future__ import annotations

from email.message import Message

ACTIVITY = "application/activity+json"
ACTIVITY_TYPES = frozenset({ACTIVITY, "application/ld+json", "application/json"})
PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
PROFILE = "https://www.w3.org/ns/activitystreams"
MAX_RANGES = 32
MAX_TYPE = 1000  # the library's reading of parameters takes the square of their length


def prefers_page(accept: str | None) -> bool:
    """Whether a browser asks: HTML is named, and no ActivityPub type is wanted at least as much.

    Everything else is another server, however carelessly it asks: a missing header or `*/*` too.
    """
    if not accept:
        return False
    page = activity = 0.0
    for text in accept.split(",")[:MAX_RANGES]:
        media_type, *parameters = (part.strip().lower() for part in text.split(";"))
        if media_type in PAGE_TYPES:
            page = max(page, _quality(parameters))
        elif media_type in ACTIVITY_TYPES:
            activity = max(activity, _quality(parameters))
    return page > activity


def is_activity_json(content_type: str) -> bool:
    """Whether a Content-Type is one of ActivityPub's two, in any spelling (GHSA-jhrq-qvrm-qr36)."""
    if len(content_type) > MAX_TYPE:
        return False
    message = Message()
    message["content-type"] = content_type
    if message.get_content_type() == "application/activity+json":
        return True
    profile = message.get_param("profile")
    return (
        message.get_content_type() == "application/ld+json"
        and isinstance(profile, str)
        and PROFILE in profile.split()
    )


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
