"""Activities: JSON fields to frozen values. One reader for each type that we act upon."""

from __future__ import annotations

from collections.abc import Callable

from federation.errors import Malformed
from federation.vocabulary.documents import (
    ACTOR_KINDS,
    POST_TYPES,
    Unsupported,
    parse_actor,
    parse_post,
)
from federation.vocabulary.fields import Fields, addressed, id_of, reference, text, types_of, uri
from federation.vocabulary.types import (
    Accept,
    Activity,
    Announce,
    Create,
    Delete,
    Document,
    Follow,
    Post,
    Reject,
    Tombstone,
    Undo,
)

MAX_REASON = 1000


def parse_activity(fields: Fields) -> Activity:
    """An activity. Raises Malformed, or Unsupported for a type that we do not act upon."""
    name = activity_type(fields)
    if name is None:
        raise Unsupported("activity_type")
    return READERS[name](fields)


def parse_document(fields: Fields) -> Document:
    """Anything that we understand. Raises Malformed or Unsupported."""
    types = types_of(fields)
    if any(t in ACTOR_KINDS for t in types):
        return parse_actor(fields)
    if any(t in POST_TYPES for t in types):
        return parse_post(fields)
    if "Tombstone" in types:
        return Tombstone(id_of(fields))
    return parse_activity(fields)


def activity_type(fields: Fields) -> str | None:
    """The type, if it is one that we act upon.

    Raises Malformed for two of them: whoever is told of it later might read the other one.
    """
    known = {t for t in types_of(fields) if t in READERS}
    if len(known) > 1:
        raise Malformed("two_types")
    return next(iter(known), None)


def activity_id(fields: Fields) -> str:
    return id_of(fields)


def activity_actor(fields: Fields) -> str:
    return reference(fields.get("actor"))


def _object(fields: Fields) -> object:
    """The one object, out of a list of one if need be."""
    value = fields.get("object")
    if isinstance(value, list):
        if len(value) != 1:
            raise Malformed("not_one")
        value = value[0]
    return value


def _create(fields: Fields) -> Create:
    inner = _object(fields)
    actor = activity_actor(fields)
    if not isinstance(inner, dict):
        return Create(id_of(fields), actor, uri(inner), addressed(fields))
    target = parse_post({"attributedTo": actor, **inner})
    return Create(id_of(fields), actor, target, addressed(fields, inner))


def _delete(fields: Fields) -> Delete:
    return Delete(
        id_of(fields),
        activity_actor(fields),
        reference(_object(fields)),
        text(fields.get("summary"), MAX_REASON),
    )


def _follow(fields: Fields) -> Follow:
    return Follow(id_of(fields), activity_actor(fields), reference(_object(fields)))


def _followed(fields: Fields) -> Follow | str:
    """The Follow that is answered or taken back, whole or by its id."""
    inner = _object(fields)
    if not isinstance(inner, dict):
        return uri(inner)
    if "Follow" not in types_of(inner):
        raise Unsupported("object_type")
    return _follow(inner)


def _accept(fields: Fields) -> Accept:
    return Accept(_answer_id(fields), activity_actor(fields), _followed(fields))


def _reject(fields: Fields) -> Reject:
    return Reject(_answer_id(fields), activity_actor(fields), _followed(fields))


def _undo(fields: Fields) -> Undo:
    return Undo(_answer_id(fields), activity_actor(fields), _followed(fields))


def _announce(fields: Fields) -> Announce:
    inner = _object(fields)
    target: Create | Delete | Post | str
    if not isinstance(inner, dict):
        target = uri(inner)
    elif any(t in POST_TYPES for t in types_of(inner)):
        target = parse_post(inner)
    elif "Create" in types_of(inner):
        target = _create(inner)
    elif "Delete" in types_of(inner):
        target = _delete(inner)
    else:
        raise Unsupported("object_type")
    return Announce(id_of(fields), activity_actor(fields), target)


def _answer_id(fields: Fields) -> str:
    """Some servers give their answers no id; nothing is ever looked up by it."""
    return id_of(fields) if fields.get("id") is not None else ""


READERS: dict[str, Callable[[Fields], Activity]] = {
    "Accept": _accept,
    "Announce": _announce,
    "Create": _create,
    "Delete": _delete,
    "Follow": _follow,
    "Reject": _reject,
    "Undo": _undo,
}
