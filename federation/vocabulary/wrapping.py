"""Activities about activities: Undo, and Announce as communities use it (FEP-1b12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from federation.errors import Malformed, Unsupported
from federation.vocabulary.contents import read_create, read_delete, read_update
from federation.vocabulary.envelope import activity_actor, id_or_nothing, object_id, object_of
from federation.vocabulary.fields import Fields, id_of, listed, reference, types_of, uri
from federation.vocabulary.follows import read_told_follow
from federation.vocabulary.posts import POST_TYPES, parse_post
from federation.vocabulary.reactions import REACTION_TYPES, read_poll_vote, read_reaction
from federation.vocabulary.types import (
    Announce,
    Announced,
    Create,
    Delete,
    Follow,
    PollVote,
    Reaction,
    Undo,
    Update,
)

MAX_AT_ONCE = 500
COLLECTIONS = frozenset({"OrderedCollection", "Collection"})


def read_undo(fields: Fields) -> Undo:
    return Undo(id_or_nothing(fields), activity_actor(fields), _undone(object_of(fields)))


def read_announce(fields: Fields) -> Announce:
    return Announce(id_of(fields), activity_actor(fields), _announced(object_of(fields)))


def _undone(inner: object) -> Follow | Reaction | Delete | Announce | str:
    if not isinstance(inner, dict):
        return uri(inner, "object")
    types = set(types_of(inner))
    if not types:
        return reference(inner, "object")
    if "Follow" in types:
        return read_told_follow(inner)
    if types & REACTION_TYPES:
        return read_reaction(inner)
    if "Delete" in types:
        return read_delete(inner)
    if "Announce" in types:
        return Announce(id_or_nothing(inner), activity_actor(inner), object_id(inner))
    raise Unsupported("object_type")


def _announced(inner: object) -> Announced:
    if not isinstance(inner, dict):
        return uri(inner, "object")
    types = set(types_of(inner))
    if not types:
        return reference(inner, "object")
    if types & POST_TYPES:
        return parse_post(inner)
    for name, read in ACTIVITIES.items():
        if name in types:
            return read(inner)
    if types & REACTION_TYPES:
        return read_reaction(inner)
    if types & COLLECTIONS:
        return _many(inner)
    raise Unsupported("object_type")


def _many(collection: dict[str, Any]) -> tuple[Reaction | Undo, ...]:
    """PieFed's votes, several in one Announce (FEP-1a11); what is no vote is left out."""
    items = collection.get("orderedItems", collection.get("items"))
    found: list[Reaction | Undo] = []
    for item in listed(items, MAX_AT_ONCE):
        vote = _vote(item)
        if vote is not None:
            found.append(vote)
    return tuple(found)


def _vote(item: object) -> Reaction | Undo | None:
    if not isinstance(item, dict):
        return None
    types = set(types_of(item))
    try:
        if types & REACTION_TYPES:
            return read_reaction(item)
        if "Undo" in types:
            undo = read_undo(item)
            return undo if isinstance(undo.object, Reaction) else None
    except Malformed:
        pass
    return None


ACTIVITIES: dict[str, Callable[[Fields], Create | Update | Delete | PollVote | Undo]] = {
    "Create": read_create,
    "Update": read_update,
    "Delete": read_delete,
    "PollVote": read_poll_vote,
    "Undo": read_undo,
}
