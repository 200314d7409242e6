"""Looks for what tells who somebody is, before it is published: numbers, addresses, names of
children. A hint for the writer and no more: it finds some of it, never all, and keeps nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

MOST = 10
LONGEST = 80

_CHILD = (
    r"my (?:little |older |younger )?(?:daughter|son|child|girl|boy|baby|grandson|granddaughter)"
    r"|(?:meine?|mein) (?:kleine[rn]? )?(?:tochter|sohn|kind|enkel(?:in)?)"
    r"|m(?:a fille|on fils)|mi hij[ao]|mi[ao] figli[ao]"
)
_STREET = r"street|st\.|road|rd\.|avenue|ave\.|lane|drive|square"
_MONTHS = (
    r"jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli"
    r"|aug(?:ust)?|sep(?:tember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?"
)

# The kind of a find, in the order in which kinds are looked for: what one took, no other takes.
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("mail", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")),
    (
        "birth",
        re.compile(
            r"(?i)(?:born|birth(?:day)?|d\.?o\.?b\.?|geboren|geb\.|né[e]? le|nacid[oa])\D{0,20}"
            rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|\d{{1,2}}\.? (?:{_MONTHS})\.?,? \d{{4}}"
            rf"|(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
        ),
    ),
    (
        "hospital",
        re.compile(
            r"(?i)\b(?:nhs|mrn|hospital|patient(?:en)?|case|insurance|fall|versicherungs?)"
            r"[ -]?(?:no\.?|nr\.?|number|nummer|id)?\s{0,2}[:#]?\s{0,2}[A-Z]{0,3}\d[\d /-]{4,18}\d"
        ),
    ),
    (
        "street",
        re.compile(
            rf"(?i)\b\d{{1,4}}[a-z]? (?:[\w'-]{{2,30}} ){{1,3}}(?:{_STREET})(?!\w)"
            r"|\b[\w-]{2,30}(?:straße|strasse|str\.|weg|gasse|allee|platz) \d{1,4}[a-z]?\b"
            r"|\b\d{1,4},? (?:rue|avenue|boulevard) [\w' -]{3,30}"
        ),
    ),
    ("phone", re.compile(r"(?<![\w/.-])(?:\+|00|\(?0)\d(?:[ ()/.-]{0,2}\d){6,13}(?!\w)")),
    ("child", re.compile(rf"(?:(?i:\b(?:{_CHILD}))),? (?!I\b)[A-ZÀ-ÖØ-Þ][\w'-]{{1,30}}")),
)


@dataclass(frozen=True, slots=True)
class Fragment:
    """`kind` is mail, birth, hospital, street, phone or child; `text` is how it stands there."""

    kind: str
    text: str


def find_fragments(*texts: str) -> list[Fragment]:
    """What may tell who somebody is, each once, the first few."""
    found: dict[Fragment, None] = {}
    for text in texts:
        rest = text
        for kind, pattern in PATTERNS:
            for match in pattern.finditer(rest):
                found.setdefault(Fragment(kind, match.group()[:LONGEST]))
            rest = pattern.sub(" \N{OBJECT REPLACEMENT CHARACTER} ", rest)
    return list(found)[:MOST]


def mark_of(fragments: list[Fragment]) -> str:
    """Stands for exactly these finds in a form: other ones are asked about again."""
    text = "\n".join(sorted(f"{one.kind} {one.text}" for one in fragments))
    return sha256(text.encode()).hexdigest()[:16] if fragments else ""
