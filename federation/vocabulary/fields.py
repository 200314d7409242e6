"""Reads single fields of a document, in all the shapes that servers give them.

A missing optional field is None or empty; a field that decides who speaks or what is meant
raises Malformed when it is not exactly one usable value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from federation.address import is_same_origin, parse_url
from federation.errors import Malformed, Refused
from federation.vocabulary.types import PUBLIC

Fields = Mapping[str, Any]

AS = "https://www.w3.org/ns/activitystreams#"
PUBLIC_SPELLINGS = frozenset({PUBLIC, "as:Public", "Public"})
MAX_URI_BYTES = 2048
MAX_ADDRESSED = 200
MAX_COUNT = 2**31 - 1
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def types_of(fields: Fields) -> list[str]:
    """The types, without the prefixes of JSON-LD."""
    value = fields.get("type", fields.get("@type"))
    if isinstance(value, str) and ":" not in value:
        return [value]
    found = value if isinstance(value, list) else [value]
    return [t.removeprefix(AS).removeprefix("as:") for t in found[:10] if isinstance(t, str)]


def uri(value: object, code: str = "uri") -> str:
    """A usable http or https identifier. Raises Malformed, with the code of what it should be."""
    if not isinstance(value, str):
        raise Malformed(code)
    try:
        if len(value.encode()) > MAX_URI_BYTES:
            raise Malformed(code)
        parse_url(value)
    except (Refused, UnicodeEncodeError):
        raise Malformed(code) from None
    return value


def id_of(fields: Fields, code: str = "id") -> str:
    return uri(fields.get("id", fields.get("@id")), code)


def reference(value: object, code: str = "uri") -> str:
    """The id that a value gives or that the object in it has. Exactly one; raises Malformed."""
    if isinstance(value, list):
        if len(value) != 1:
            raise Malformed(code)
        value = value[0]
    if isinstance(value, dict):
        return id_of(value, code)
    return uri(value, code)


def optional_reference(value: object) -> str | None:
    return None if value is None or value in ("", []) else reference(value)


def optional_uri(value: object) -> str | None:
    """A reference, or None for whatever can not be one."""
    try:
        return optional_reference(value)
    except Malformed:
        return None


def listed(value: object, most: int) -> list[object]:
    """The first entries of a list; anything else stands for a list of itself alone."""
    if value is None:
        return []
    return value[:most] if isinstance(value, list) else [value]


def count(value: object) -> int | None:
    """How many there are, or None for what is no number of things."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    return None


def number(value: object, least: float, most: float) -> float | None:
    """A number between two others, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    return None


def addressed(*fields: Fields) -> tuple[str, ...]:
    """Everyone in to, cc and audience, in order, each once, with one spelling of Public."""
    found: dict[str, None] = {}
    for name in ("to", "cc", "audience"):
        for document in fields:
            value = document.get(name)
            for entry in (value if isinstance(value, list) else [value])[:MAX_ADDRESSED]:
                target = entry.get("id") if isinstance(entry, dict) else entry
                if isinstance(target, str) and _is_address(target):
                    found[PUBLIC if target in PUBLIC_SPELLINGS else target] = None
    return tuple(found)[:MAX_ADDRESSED]


def text(value: object, most: int) -> str:
    """A text that can be stored: no NUL, no half characters, cut to `most`."""
    if not isinstance(value, str):
        return ""
    if not value.isascii() or "\x00" in value:
        value = UNSTORABLE.sub(lambda found: "" if found[0] == "\x00" else "\ufffd", value)
    return value[:most]


def mapped_text(fields: Fields, name: str, most: int) -> str:
    """A text, or the first entry of its language map."""
    value = fields.get(name)
    if isinstance(value, str):
        return text(value, most)
    if value is not None and (found := _plain(value)) is not None:
        return text(found, most)
    languages = fields.get(f"{name}Map")
    if isinstance(languages, dict):
        return text(next(iter(languages.values()), ""), most)
    return ""


def language(fields: Fields) -> str:
    """A language tag: Lemmy's `language`, or the key of `contentMap` under which the content is."""
    found = next(iter(listed(fields.get("language"), 1)), None)
    if isinstance(found, dict):
        found = found.get("identifier")
    if not isinstance(found, str):
        found = _mapped_language(fields.get("contentMap"), fields.get("content"))
    return found if len(found) <= 35 and LANGUAGE.fullmatch(found) and found != "und" else ""


def boolean(value: object) -> bool:
    return value is True


def page_url(value: object, identifier: str) -> str | None:
    """The human page, from a string, a Link or a list of them; None if on another origin."""
    candidates = value if isinstance(value, list) else [value]
    links: list[tuple[bool, str]] = []
    for candidate in candidates[:20]:
        is_html, href = True, candidate
        if isinstance(candidate, dict):
            href = candidate.get("href")
            kind = candidate.get("mediaType", candidate.get("mimeType", "text/html"))
            is_html = kind == "text/html"
        if isinstance(href, str) and _is_address(href) and is_same_origin(href, identifier):
            links.append((not is_html, href))
    return min(links, default=(False, ""))[1] or None


def moment(value: object) -> datetime | None:
    """A date and time in UTC, or None if there is none that is real."""
    if not isinstance(value, str) or not DATE.fullmatch(value):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_address(value: str) -> bool:
    """Whether it can be looked up and stored; it need not be a URL."""
    is_odd = not value.isascii() or "\x00" in value
    return 0 < len(value) <= MAX_URI_BYTES and not (is_odd and UNSTORABLE.search(value))


def _plain(value: object) -> str | None:
    """The text in a list of one, or in JSON-LD's form of a text with a language."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@value")
    return value if isinstance(value, str) else None


def _mapped_language(languages: object, content: object) -> str:
    if not isinstance(languages, dict):
        return ""
    same = (name for name, said in languages.items() if said == content)
    return str(next(same, next(iter(languages), "")))
