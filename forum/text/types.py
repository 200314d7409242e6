"""Text that has been checked, and how long each kind may be."""

from __future__ import annotations

from dataclasses import dataclass

TITLE_LIMIT = 200
TEXT_LIMIT = 10_000
NOTE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Rendered:
    """Markdown as it was written, and the safe HTML that was made of it, once."""

    source: str
    html: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A thread or a reply before it is stored. `html` is safe; a reply has no title."""

    title: str
    source: str
    html: str
    content_note: str = ""
    sensitive: bool = False
    language: str = ""
