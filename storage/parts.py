"""What a post carries beside its text, as it stands in `posts.parts`: values only, no statement.

Attachments, tags, an event's time and place, what is quoted. They belong to the post's row, so
whoever may see the post sees them, and they vanish with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

AttachmentKind = Literal["image", "video", "audio", "document", "link"]
TagKind = Literal["hashtag", "mention", "emoji"]


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file or a page. `alt` describes it to who cannot see it; `focus` is from -1 to 1."""

    kind: AttachmentKind
    url: str
    media_type: str = ""
    alt: str = ""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    focus: tuple[float, float] | None = None
    blurhash: str = ""
    preview_url: str | None = None
    bytes: int | None = None


class Tag(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hashtag (name without #), a mention (name@host), or an emoji (shortcode without colons).

    `url` is the tag's page, the actor's URI, or the emoji's image.
    """

    kind: TagKind
    name: str
    url: str = ""


class Happening(msgspec.Struct, frozen=True, omit_defaults=True):
    """When and where an event is (FEP-8a8e). `timezone` is an IANA name."""

    starts_at: datetime
    ends_at: datetime | None = None
    timezone: str = ""
    place: str = ""
    address: str = ""
    url: str | None = None


class Parts(msgspec.Struct, frozen=True, omit_defaults=True):
    """`quote_uri` is the post that is quoted, read and never trusted to be there."""

    attachments: tuple[Attachment, ...] = ()
    tags: tuple[Tag, ...] = ()
    happening: Happening | None = None
    quote_uri: str | None = None


NO_PARTS = Parts()


def parts_of(stored: Any) -> Parts:
    """The parts in a row."""
    return NO_PARTS if stored is None else msgspec.convert(stored, Parts)


def to_stored(parts: Parts) -> Any:
    """What a row keeps; None for a post that is only text."""
    return None if parts == NO_PARTS else msgspec.to_builtins(parts)
