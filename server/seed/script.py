"""Reads the stories: who is there, what they wrote, and how long ago."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

STORIES = Path(__file__).parent / "stories"
Which = Literal["demo", "a", "b"]
FILES: dict[str, tuple[str, ...]] = {
    "demo": ("a.toml", "a_marfan.toml", "a_rooms.toml"),
    "a": ("a.toml", "a_marfan.toml", "a_rooms.toml"),
    "b": ("b.toml",),
}


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"who": "is"}):
    name: str
    who: str
    role: Literal["member", "moderator", "admin"] = "member"


class Room(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A community and its answers."""

    name: str
    owner: str
    title: str
    description: str
    readers: str
    travels: str
    listed: bool
    indexed: bool
    joining: str
    condition: str | None = None
    questions: tuple[str, ...] = ()
    rules: str = ""
    members: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reply, `hours` after the thread; to the thread, or to the reply that has the id `to`."""

    author: str
    hours: float
    text: str
    id: str = ""
    to: str = ""
    language: str = "en"


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A thread, started `days` before the demo was made."""

    community: str
    author: str
    days: float
    title: str
    text: str
    note: str = ""
    language: str = "en"
    replies: tuple[Said, ...] = ()


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    community: str
    person: str
    days: float
    answers: tuple[str, ...]


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report or a removal of the reply with the id `post`."""

    post: str
    person: str
    days: float
    reason: str


class Erased(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    post: str
    days: float


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: str
    contact: str
    about: str
    people: tuple[Person, ...]
    communities: tuple[Room, ...]
    threads: tuple[Story, ...] = ()
    asking: tuple[Asking, ...] = ()
    reports: tuple[Word, ...] = ()
    removals: tuple[Word, ...] = ()
    erased: tuple[Erased, ...] = ()

    @property
    def admin(self) -> Person:
        return next(person for person in self.people if person.role == "admin")


def read_script(which: str) -> Script:
    """The stories of one server. Raises msgspec.ValidationError for a slip in a file."""
    told: dict[str, object] = {}
    threads: list[object] = []
    for name in FILES[which]:
        part = tomllib.loads((STORIES / name).read_text(encoding="utf-8"))
        threads += part.pop("threads", [])
        told |= part
    return msgspec.convert(told | {"threads": threads}, Script)
