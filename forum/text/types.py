"""Text that has been checked, and how long each kind may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.parts import NO_PARTS, Parts

TITLE_LIMIT = 200
TEXT_LIMIT = 10_000
NOTE_LIMIT = 200
OPTION_LIMIT = 200  # of an answer in a poll


@dataclass(frozen=True, slots=True)
class Rendered:
    """Markdown as it was written, and the safe HTML that was made of it, once."""

    source: str
    html: str


@dataclass(frozen=True, slots=True)
class PollDraft:
    """The question's answers. `votes` and `voters` are what a server elsewhere has counted."""

    options: tuple[str, ...]
    is_many: bool = False
    ends_at: datetime | None = None
    closed_at: datetime | None = None
    votes: tuple[int, ...] = ()
    voters: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A thread or a reply before it is stored. `html` is safe; a reply has no title.

    `type` is the ActivityPub type that it federates as; one with a `poll` is a Question. `about` is
    whom it is about, if its author says so: self, child or other. `files` are the names of the
    author's own files that `parts` shows.
    """

    title: str
    source: str
    html: str
    content_note: str = ""
    sensitive: bool = False
    language: str = ""
    type: str = "Note"
    parts: Parts = NO_PARTS
    poll: PollDraft | None = None
    about: str = ""
    files: tuple[str, ...] = ()
