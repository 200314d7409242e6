"""Takes out the characters that no honest text needs and that break databases, XML or pages."""

from __future__ import annotations

import re
import unicodedata

NEWLINES = re.compile("\r\n?|\u0085|\u2028|\u2029")

# NUL and the other controls, lone surrogates, the byte order mark, and the two overrides that
# make text read backwards; marks and isolates for right-to-left writing stay.
UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ufeff\ud800-\udfff]")
SPACES = re.compile(r"\s+")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


def clean_characters(text: str) -> str:
    """The text in normal form, with plain newlines and nothing invisible that harms."""
    return unicodedata.normalize("NFC", UNWANTED.sub("", NEWLINES.sub("\n", text)))


def one_line(text: str, most: int) -> str:
    """A title or a name: one line, cut at `most` characters."""
    return SPACES.sub(" ", clean_characters(text)).strip()[:most].rstrip()


def language_tag(text: str) -> str:
    """A language tag as it was given, or '' when it is none."""
    return text if LANGUAGE.fullmatch(text) else ""
