"""What a post carries beside its text, cut to what a page can show and a database can hold."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from forum.text.characters import UNWANTED, clean_characters, one_line
from storage.parts import Attachment, Happening, Parts, Tag

MOST_ATTACHMENTS = 20
MOST_TAGS = 50
URL_LIMIT = 2048
ALT_LIMIT = 1500
NAME_LIMIT = 300
PLACE_LIMIT = 300
MOST_PIXELS = 65_535
MOST_SECONDS = 1_000_000.0
MOST_BYTES = 2**31 - 1

URL = re.compile(r"https?://[^\s/?#<>\"\\]+[^\s<>\"\\]*", re.IGNORECASE)
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,126}")
BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,100}")
TIMEZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}")


def clean_parts(parts: Parts) -> Parts:
    """Only what can be shown: links of the web, finite numbers, texts of bounded length."""
    attachments = [_attachment(one) for one in parts.attachments if _is_link(one.url)]
    tags = [_tag(one) for one in parts.tags if one_line(one.name, NAME_LIMIT)]
    return Parts(
        attachments=tuple(attachments[:MOST_ATTACHMENTS]),
        tags=tuple(dict.fromkeys(tags))[:MOST_TAGS],
        happening=None if parts.happening is None else _happening(parts.happening),
        quote_uri=_link(parts.quote_uri),
    )


def _attachment(one: Attachment) -> Attachment:
    media_type = one.media_type.strip().lower()
    return Attachment(
        kind=one.kind,
        url=one.url,
        media_type=media_type if MEDIA_TYPE.fullmatch(media_type) else "",
        alt=clean_characters(one.alt).strip()[:ALT_LIMIT],
        width=_pixels(one.width),
        height=_pixels(one.height),
        seconds=_within(one.seconds, 0.0, MOST_SECONDS),
        focus=_focus(one.focus),
        blurhash=one.blurhash if BLURHASH.fullmatch(one.blurhash) else "",
        preview_url=_link(one.preview_url),
        bytes=one.bytes if one.bytes is not None and 0 < one.bytes <= MOST_BYTES else None,
    )


def _tag(one: Tag) -> Tag:
    return Tag(one.kind, one_line(one.name, NAME_LIMIT), _link(one.url) or "")


def _happening(one: Happening) -> Happening:
    return Happening(
        starts_at=_moment(one.starts_at),
        ends_at=None if one.ends_at is None else _moment(one.ends_at),
        timezone=one.timezone if TIMEZONE.fullmatch(one.timezone) else "",
        place=one_line(one.place, PLACE_LIMIT),
        address=one_line(one.address, PLACE_LIMIT),
        url=_link(one.url),
    )


def _moment(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _is_link(url: str) -> bool:
    is_short = len(url) <= URL_LIMIT
    return is_short and URL.fullmatch(url) is not None and UNWANTED.search(url) is None


def _link(url: str | None) -> str | None:
    return url if url is not None and _is_link(url) else None


def _pixels(number: int | None) -> int | None:
    return number if number is not None and 0 < number <= MOST_PIXELS else None


def _within(number: float | None, least: float, most: float) -> float | None:
    is_number = number is not None and math.isfinite(number) and least <= number <= most
    return number if is_number else None


def _focus(focus: tuple[float, float] | None) -> tuple[float, float] | None:
    if focus is None:
        return None
    x, y = (_within(place, -1.0, 1.0) for place in focus)
    return None if x is None or y is None else (x, y)
