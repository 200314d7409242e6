"""What happened, to be told to other servers: the only thing that leaves forum.

Each event is a row of the outbox, written in the transaction of what it tells. `source_uri` is
the id of the activity of another server that caused it (None when it happened here): an Announce
then wraps that activity byte for byte.
"""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True):
    """Base of all events; the class name is the `kind` of the row."""


class ThreadStarted(Event, frozen=True):
    post_id: int
    source_uri: str | None


class ReplyPosted(Event, frozen=True):
    post_id: int
    source_uri: str | None


class MessageSent(Event, frozen=True):
    """Somebody here wrote a direct message."""

    post_id: int


class PostErased(Event, frozen=True):
    """The author took the post back."""

    post_id: int
    source_uri: str | None


class PostRemoved(Event, frozen=True):
    """A moderator of the community took the post down."""

    post_id: int
    moderator_id: int
    reason: str
    source_uri: str | None


class PostEdited(Event, frozen=True):
    """The author changed a post."""

    post_id: int
    source_uri: str | None


class PollVoted(Event, frozen=True):
    """A member here chose answers in a poll whose author lives elsewhere."""

    post_id: int
    actor_id: int
    choices: tuple[int, ...]


class PollTallied(Event, frozen=True):
    """The numbers of a poll of somebody here have changed, or it has ended."""

    post_id: int


class Reacted(Event, frozen=True):
    """Somebody likes, dislikes or answers a post with an emoji, and wants it told."""

    post_id: int
    actor_id: int
    kind: str
    content: str
    source_uri: str | None


class ReactionTakenBack(Event, frozen=True):
    """The same, undone. `uri` is the activity that had told it; None when none had."""

    post_id: int
    actor_id: int
    kind: str
    content: str
    source_uri: str | None
    uri: str | None = None


class MembershipAsked(Event, frozen=True):
    """A member here asks a community elsewhere."""

    community_id: int
    actor_id: int
    follow_uri: str


class MembershipLeft(Event, frozen=True):
    """A member here leaves a community elsewhere, or stops asking."""

    community_id: int
    actor_id: int
    follow_uri: str


class FollowAnswered(Event, frozen=True):
    """A local actor answers the Follow of an actor elsewhere. `follow_body` is that Follow."""

    target_id: int
    actor_id: int
    accepted: bool
    follow_body: str


class DeletionDone(Event, frozen=True):
    """Nothing is left here of what that activity of another server took back.

    `author_id` wrote it; None when it never came here.
    """

    actor_id: int
    source_uri: str
    author_id: int | None = None


class AccountClosed(Event, frozen=True):
    """Somebody closed their account, and all that they wrote is erased."""

    actor_id: int
    erasure_id: int


class AccountMoved(Event, frozen=True):
    """Somebody here is an account elsewhere from now on."""

    actor_id: int
    target_id: int


class MoveTakenBack(Event, frozen=True):
    """Somebody here is not that account after all."""

    actor_id: int
    target_id: int


class CopiesRecalled(Event, frozen=True):
    """One server is to erase all that it was given. `after` is the last post it was told of."""

    erasure_id: int
    host: str
    after: int = 0


KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        ThreadStarted,
        ReplyPosted,
        MessageSent,
        PostErased,
        PostRemoved,
        PostEdited,
        PollVoted,
        PollTallied,
        Reacted,
        ReactionTakenBack,
        MembershipAsked,
        MembershipLeft,
        FollowAnswered,
        DeletionDone,
        AccountClosed,
        AccountMoved,
        MoveTakenBack,
        CopiesRecalled,
    )
}
