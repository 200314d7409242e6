"""What other servers may tell us, once read: every field checked, nothing left of the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from storage.parts import NO_PARTS, Parts

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`kind` is 'rsa' or 'ed25519'; a Multikey is turned into PEM too."""

    id: str
    owner: str
    pem: str
    kind: str = "rsa"


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
    moved_to: str | None = None
    also_known_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Poll:
    """The answers to a Question, with what its server has counted."""

    options: tuple[str, ...]
    votes: tuple[int, ...]
    is_many: bool
    ends_at: datetime | None
    closed_at: datetime | None
    voters: int | None


@dataclass(frozen=True, slots=True)
class Post:
    """A thread or a reply. `title` is empty for a Note without a name.

    A Note with a name, `in_reply_to` and no content is a vote in a poll (`is_vote`). One that has
    an `audience` is for a group (FEP-1b12).
    """

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
    updated: datetime | None = None
    parts: Parts = NO_PARTS
    poll: Poll | None = None
    context: str | None = None
    replies: str | None = None
    has_audience: bool = False

    @property
    def is_public(self) -> bool:
        return PUBLIC in self.addressed

    @property
    def is_vote(self) -> bool:
        is_bare = not self.html and not self.source and self.poll is None
        return self.type == "Note" and is_bare and bool(self.title) and self.in_reply_to is not None


@dataclass(frozen=True, slots=True)
class Tombstone:
    id: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection or a page of one; `items` are addresses, or documents nobody vouches for."""

    id: str | None
    items: tuple[str | dict[str, Any], ...]
    first: str | None
    next: str | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Create:
    """`object` is the id when the object was not sent along; `addressed` is of both together.

    `more` are further votes in the same poll: GoToSocial sends all that somebody chose at once.
    """

    id: str
    actor: str
    object: Post | str
    addressed: tuple[str, ...]
    more: tuple[Post, ...] = ()
    has_audience: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """`object` is what it is now: a post, an actor, or only its id."""

    id: str
    actor: str
    object: Post | ActorDocument | str


@dataclass(frozen=True, slots=True)
class Reaction:
    """Like, Dislike or EmojiReact; a Like with an emoji as its content is an 'emoji' too."""

    id: str
    actor: str
    object: str
    kind: str
    content: str


@dataclass(frozen=True, slots=True)
class PollVote:
    """PieFed's own vote in a poll; others send a Create of a Note with only a name."""

    id: str
    actor: str
    object: str
    choice: str


@dataclass(frozen=True, slots=True)
class Move:
    """An account says that it is another one from now on (FEP-7628)."""

    id: str
    actor: str
    object: str
    target: str


@dataclass(frozen=True, slots=True)
class Delete:
    """`id` is empty where there is none: GoToSocial gives its deletions no id."""

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
class Acknowledge:
    """A server has erased what the activity `object` takes back."""

    id: str
    actor: str
    object: str


@dataclass(frozen=True, slots=True)
class Undo:
    """`object` is the activity or only its id, of which the kind is not known then."""

    id: str
    actor: str
    object: Follow | Reaction | Delete | Announce | str


@dataclass(frozen=True, slots=True)
class Announce:
    """`object` is a whole activity (FEP-1b12), a post, an id, or PieFed's list of reactions."""

    id: str
    actor: str
    object: Announced


Announced: TypeAlias = (
    Create | Update | Delete | Reaction | PollVote | Undo | Post | tuple[Reaction | Undo, ...] | str
)
Activity: TypeAlias = (
    Create
    | Update
    | Delete
    | Reaction
    | PollVote
    | Move
    | Follow
    | Accept
    | Reject
    | Undo
    | Announce
    | Acknowledge
)
Document: TypeAlias = Activity | ActorDocument | Post | Tombstone | Collection
