"""Any document: an actor, a post, what is left of one, a collection, or an activity."""

from __future__ import annotations

from federation.errors import Unsupported
from federation.vocabulary.activities import parse_activity
from federation.vocabulary.actors import ACTOR_KINDS, MAX_NAME, parse_actor
from federation.vocabulary.collections import COLLECTION_TYPES, parse_collection
from federation.vocabulary.fields import Fields, id_of, types_of
from federation.vocabulary.keys import parse_key
from federation.vocabulary.posts import POST_TYPES, parse_post
from federation.vocabulary.types import Document, Tombstone

__all__ = [
    "ACTOR_KINDS",
    "MAX_NAME",
    "POST_TYPES",
    "Unsupported",
    "parse_actor",
    "parse_document",
    "parse_key",
    "parse_post",
]


def parse_document(fields: Fields) -> Document:
    """Anything that we understand. Raises Malformed or Unsupported."""
    types = set(types_of(fields))
    if "Tombstone" in types:
        return Tombstone(id_of(fields))
    if types & ACTOR_KINDS.keys():
        return parse_actor(fields)
    if types & POST_TYPES:
        return parse_post(fields)
    if types & COLLECTION_TYPES:
        return parse_collection(fields)
    return parse_activity(fields)
