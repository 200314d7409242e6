"""What the room for text hands out: text as it was written, and as it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendered:
    """Markdown and the safe HTML made of it."""

    source: str
    html: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A post before it is kept. `html` is safe already; a reply has no title."""

    title: str
    source: str
    html: str
    content_note: str = ""
    sensitive: bool = False
    language: str = ""
