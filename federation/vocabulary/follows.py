"""Follow and its answers. The Follow that is answered comes whole or by its id."""

from __future__ import annotations

from federation.errors import Unsupported
from federation.vocabulary.envelope import activity_actor, id_or_nothing, object_id, object_of
from federation.vocabulary.fields import Fields, id_of, reference, types_of, uri
from federation.vocabulary.types import Accept, Follow, Reject


def read_follow(fields: Fields) -> Follow:
    return Follow(id_of(fields), activity_actor(fields), object_id(fields))


def read_accept(fields: Fields) -> Accept:
    return Accept(id_or_nothing(fields), activity_actor(fields), _followed(fields))


def read_reject(fields: Fields) -> Reject:
    return Reject(id_or_nothing(fields), activity_actor(fields), _followed(fields))


def read_told_follow(fields: Fields) -> Follow:
    """A Follow as somebody else repeats it, perhaps without its id."""
    return Follow(id_or_nothing(fields), activity_actor(fields), object_id(fields))


def _followed(fields: Fields) -> Follow | str:
    inner = object_of(fields)
    if not isinstance(inner, dict):
        return uri(inner, "object")
    types = types_of(inner)
    if not types:
        return reference(inner, "object")
    if "Follow" not in types:
        raise Unsupported("object_type")
    return read_told_follow(inner)
