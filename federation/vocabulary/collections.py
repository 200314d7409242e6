"""Collections of other servers, or one page of them. How far one reads is the reader's concern."""

from __future__ import annotations

from typing import Any

from federation.errors import Malformed, Unsupported
from federation.vocabulary.fields import Fields, count, listed, optional_uri, types_of, uri
from federation.vocabulary.types import Collection

COLLECTION_TYPES = frozenset(
    {"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"}
)
MAX_ITEMS = 500


def parse_collection(fields: Fields) -> Collection:
    """A collection or a page. A first page that is sent along counts as the collection itself.

    Raises Malformed, or Unsupported if it is something else.
    """
    if not any(t in COLLECTION_TYPES for t in types_of(fields)):
        raise Unsupported("not_a_collection")
    items = _items(fields)
    first, following = fields.get("first"), optional_uri(fields.get("next"))
    if isinstance(first, dict):
        items = (*items, *_items(first))[:MAX_ITEMS]
        following = following or optional_uri(first.get("next"))
        first = None
    return Collection(
        id=optional_uri(fields.get("id")),
        items=items,
        first=optional_uri(first),
        next=following,
        total=count(fields.get("totalItems")),
    )


def _items(fields: Fields) -> tuple[str | dict[str, Any], ...]:
    """What is in it, by address or whole; what is neither is left out."""
    found: list[str | dict[str, Any]] = []
    for name in ("orderedItems", "items"):
        for entry in listed(fields.get(name), MAX_ITEMS):
            if isinstance(entry, dict):
                found.append(entry)
                continue
            try:
                found.append(uri(entry))
            except Malformed:
                continue
    return tuple(found[:MAX_ITEMS])
