"""Activities: JSON fields to frozen values. One reader for each type that we act upon."""

from __future__ import annotations

from collections.abc import Callable

from federation.errors import Malformed, Unsupported
from federation.vocabulary.contents import (
    read_acknowledge,
    read_create,
    read_delete,
    read_move,
    read_update,
)
from federation.vocabulary.envelope import activity_actor, activity_id
from federation.vocabulary.fields import Fields, types_of
from federation.vocabulary.follows import read_accept, read_follow, read_reject
from federation.vocabulary.reactions import read_poll_vote, read_reaction
from federation.vocabulary.types import Activity
from federation.vocabulary.wrapping import read_announce, read_undo

__all__ = ["READERS", "activity_actor", "activity_id", "activity_type", "parse_activity"]


def parse_activity(fields: Fields) -> Activity:
    """An activity. Raises Malformed, or Unsupported for a type that we do not act upon."""
    name = activity_type(fields)
    if name is None:
        raise Unsupported("activity_type")
    return READERS[name](fields)


def activity_type(fields: Fields) -> str | None:
    """The type, if it is one that we act upon.

    Raises Malformed for two of them: whoever is told of it later might read the other one.
    """
    known = {t for t in types_of(fields) if t in READERS}
    if len(known) > 1:
        raise Malformed("two_types")
    return next(iter(known), None)


READERS: dict[str, Callable[[Fields], Activity]] = {
    "Accept": read_accept,
    "Acknowledge": read_acknowledge,
    "Announce": read_announce,
    "Create": read_create,
    "Delete": read_delete,
    "Dislike": read_reaction,
    "EmojiReact": read_reaction,
    "Follow": read_follow,
    "Like": read_reaction,
    "Move": read_move,
    "PollVote": read_poll_vote,
    "Reject": read_reject,
    "Undo": read_undo,
    "Update": read_update,
}
