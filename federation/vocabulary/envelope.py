"""What all activities share: id, actor, and the one object, whole or by its id."""

from __future__ import annotations

from federation.errors import Malformed
from federation.vocabulary.fields import Fields, id_of, reference


def activity_id(fields: Fields) -> str:
    return id_of(fields)


def activity_actor(fields: Fields) -> str:
    return reference(fields.get("actor"), "actor")


def id_or_nothing(fields: Fields) -> str:
    """For activities of which nothing is ever looked up by the id; some servers give them none."""
    return id_of(fields) if fields.get("id") is not None else ""


def object_of(fields: Fields) -> object:
    """The one object, out of a list of one if need be. Raises Malformed."""
    value = fields.get("object")
    if isinstance(value, list):
        if len(value) != 1:
            raise Malformed("object")
        value = value[0]
    return value


def object_id(fields: Fields) -> str:
    return reference(object_of(fields), "object")
