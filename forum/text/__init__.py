"""Text: markdown and the HTML of other servers, made safe once, when it is written.

Knows no post and no database. Markdown is rendered in a child process (`renderer`), because a
hostile text can cost seconds.
"""

from forum.text.characters import clean_characters, language_tag, one_line
from forum.text.clean import clean_remote, plain_text
from forum.text.compose import compose, compose_text
from forum.text.parts import clean_parts
from forum.text.renderer import ChildRenderer
from forum.text.types import (
    NOTE_LIMIT,
    OPTION_LIMIT,
    TEXT_LIMIT,
    TITLE_LIMIT,
    Draft,
    PollDraft,
    Rendered,
)

__all__ = [
    "NOTE_LIMIT",
    "OPTION_LIMIT",
    "TEXT_LIMIT",
    "TITLE_LIMIT",
    "ChildRenderer",
    "Draft",
    "PollDraft",
    "Rendered",
    "clean_characters",
    "clean_parts",
    "clean_remote",
    "compose",
    "compose_text",
    "language_tag",
    "one_line",
    "plain_text",
]
