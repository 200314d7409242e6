"""The `url` of things: a string, a Link, or a list of them; PeerTube hides more Links in theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from federation.errors import Malformed
from federation.vocabulary.fields import count, listed, types_of, uri

MAX_LINKS = 50
MAX_PIXELS = 100_000
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,100}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where something is, with what is known of it before it is fetched."""

    url: str
    media_type: str = ""
    width: int | None = None
    height: int | None = None
    bytes: int | None = None


def targets_of(value: object) -> list[Target]:
    """All usable targets in a `url` or `href`, in order, those nested in a Link after it."""
    found = []
    for entry in listed(value, MAX_LINKS):
        found.extend(_targets(entry))
        if isinstance(entry, dict):
            for nested in listed(entry.get("tag"), MAX_LINKS):
                if isinstance(nested, dict) and "Link" in types_of(nested):
                    found.extend(_targets(nested))
    return found[:MAX_LINKS]


def first_target(value: object) -> str | None:
    """The URL of an `icon`, `image` or `preview`, given as itself or as an object with a url."""
    for entry in listed(value, MAX_LINKS):
        inner = entry.get("url", entry.get("href")) if isinstance(entry, dict) else entry
        for target in targets_of(inner):
            return target.url
    return None


def media_type(value: object) -> str:
    """A media type without its parameters, or nothing."""
    if not isinstance(value, str):
        return ""
    found = value[:200].partition(";")[0].strip().lower()
    return found if MEDIA_TYPE.fullmatch(found) else ""


def pixels(value: object) -> int | None:
    found = count(value)
    return found if found is not None and 0 < found <= MAX_PIXELS else None


def _targets(entry: object) -> list[Target]:
    href = entry.get("href", entry.get("url")) if isinstance(entry, dict) else entry
    try:
        url = uri(href)
    except Malformed:
        return []
    if not isinstance(entry, dict):
        return [Target(url)]
    said = entry.get("mediaType", entry.get("mimeType"))  # Funkwhale says mimeType
    width, height = pixels(entry.get("width")), pixels(entry.get("height"))
    return [Target(url, media_type(said), width, height, count(entry.get("size")) or None)]
