"""What other servers may tell us, once read: every field checked, nothing left of the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


@dataclass(frozen=True, slots=True)
class PublicKey:
    id: str
    owner: str
    pem: str


@dataclass(frozen=True, slots=True)
class ActorDocument:
    """A person, a community or a server. `readers` to `condition` are a community's answers."""

    id: str
    type: str
    kind: str
    name: str
    display_name: str
    summary_html: str
    url: str | None
    inbox: str
    shared_inbox: str | None
    followers: str | None
    keys: tuple[PublicKey, ...]
    readers: str
    listed: bool
    joining: str
    condition: str | None


@dataclass(frozen=True, slots=True)
class Post:
    """A thread or a reply. `title` is empty for a Note without a name."""

    id: str
    type: str
    author: str
    in_reply_to: str | None
    title: str
    html: str
    source: str | None
    content_note: str
    sensitive: bool
    language: str
    url: str | None
    published: datetime | None
    addressed: tuple[str, ...]

    @property
    def is_public(self) -> bool:
        return PUBLIC in self.addressed


@dataclass(frozen=True, slots=True)
class Tombstone:
    id: str


@dataclass(frozen=True, slots=True)
class Create:
    """`object` is the id when the object was not sent along; `addressed` is of both together."""

    id: str
    actor: str
    object: Post | str
    addressed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    id: str
    actor: str
    object: str
    reason: str


@dataclass(frozen=True, slots=True)
class Follow:
    id: str
    actor: str
    object: str


@dataclass(frozen=True, slots=True)
class Accept:
    id: str
    actor: str
    object: Follow | str


@dataclass(frozen=True, slots=True)
class Reject:
    id: str
    actor: str
    object: Follow | str


@dataclass(frozen=True, slots=True)
class Undo:
    id: str
    actor: str
    object: Follow | str


@dataclass(frozen=True, slots=True)
class Announce:
    id: str
    actor: str
    object: Create | Delete | Post | str


Activity: TypeAlias = Create | Delete | Follow | Accept | Reject | Undo | Announce
Document: TypeAlias = Activity | ActorDocument | Post | Tombstone
