"""Collections: pages of URIs or activities. Health data is counted in bands or not at all."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from federation.render.document import Document, to_bytes


def collection(uri: str, *, total: int | None = None, owner: str | None = None) -> Document:
    """A collection that shows none of its items: a number at most."""
    document: Document = {"id": uri, "type": "OrderedCollection"}
    if owner is not None:
        document["attributedTo"] = owner
    if total is not None:
        document["totalItems"] = total
    return document


def full(uri: str, items: list[str], *, owner: str | None = None) -> Document:
    """A short collection in one piece."""
    return {**collection(uri, total=len(items), owner=owner), "orderedItems": items}


def paged(uri: str, first: str, *, owner: str | None = None) -> Document:
    """A collection that is read page by page."""
    return {**collection(uri, owner=owner), "first": f"{uri}?{first}"}


def page(uri: str, place: dict[str, int], items: list[bytes], following: dict[str, int]) -> bytes:
    """One page; `items` are JSON already and go in as they are. `following` is empty at the end."""
    document: Document = {
        "id": f"{uri}?{urlencode(place)}",
        "type": "OrderedCollectionPage",
        "partOf": uri,
    }
    if following:
        document["next"] = f"{uri}?{urlencode(following)}"
    return to_bytes(document)[:-1] + b',"orderedItems":[' + b",".join(items) + b"]}"


def as_items(uris: list[str]) -> list[bytes]:
    return [msgspec.json.encode(uri) for uri in uris]


def band(number: int) -> int:
    """The lower bound of 0, 10, 20, 50, 100, 200, …: all that others learn of a number."""
    if number < 10:
        return 0
    power = int("1".ljust(len(str(number)), "0"))
    return max(step * power for step in (1, 2, 5) if step * power <= number)
