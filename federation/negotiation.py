"""What a request accepts: an ActivityPub document, or rather the page for people."""

from __future__ import annotations

ACTIVITY = "application/activity+json"
ACTIVITY_TYPES = frozenset({ACTIVITY, "application/ld+json", "application/json"})
PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
MAX_RANGES = 32


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


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
