"""Whatever stands in a document, there comes a value that can be stored, or a refusal."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import FederationError, Malformed
from federation.vocabulary.activities import READERS
from federation.vocabulary.actors import ACTOR_KINDS
from federation.vocabulary.collections import COLLECTION_TYPES
from federation.vocabulary.discovery import (
    AS_TYPE,
    NODEINFO,
    parse_nodeinfo_links,
    parse_software,
    parse_webfinger,
)
from federation.vocabulary.documents import parse_document, parse_key
from federation.vocabulary.posts import POST_TYPES
from federation.vocabulary.strict import decode_json
from federation.vocabulary.types import PUBLIC, Collection, Post
from storage.parts import parts_of, to_stored
from tests.federation.vocabulary.samples import (
    ACTOR,
    ADA,
    BATCH,
    COLLECTION,
    EVE,
    EVENT,
    LIKE,
    MASTODON_IMAGE,
    NOTE,
    PEERTUBE_VIDEO,
    QUESTION,
    TAGS,
)
from tests.federation.vocabulary.test_actors import MAIN, MULTIKEY
from tests.federation.vocabulary.test_polls import VOTE

A: dict[str, Any] = {"id": "https://there.test/a/1", "actor": ADA}
FULL_NOTE = {
    **NOTE,
    "attachment": [MASTODON_IMAGE],
    "tag": TAGS,
    "quoteUrl": EVE,
    "contentMap": {"en": "<p>Hello</p>"},
    "source": {"content": "Hello", "mediaType": "text/markdown"},
    "published": "2025-06-01T10:00:00Z",
    "inReplyTo": EVE,
    "replies": COLLECTION,
}
DOCUMENTS: list[dict[str, Any]] = [
    FULL_NOTE,
    QUESTION,
    EVENT,
    PEERTUBE_VIDEO,
    COLLECTION,
    LIKE,
    {**ACTOR, "publicKey": MAIN, "assertionMethod": [MULTIKEY], "alsoKnownAs": [EVE]},
    {**ACTOR, "type": "Group", "endpoints": {"sharedInbox": "https://there.test/inbox"}},
    {"id": EVE, "type": "Tombstone"},
    {**A, "type": "Create", "object": FULL_NOTE},
    {**A, "type": "Create", "object": [VOTE, VOTE]},
    {**A, "type": "Update", "object": QUESTION},
    {**A, "type": "Update", "object": ACTOR},
    {**A, "type": "Delete", "object": {"id": EVE, "type": "Tombstone"}, "summary": "x"},
    {**A, "type": "Move", "object": ADA, "target": EVE},
    {**A, "type": "PollVote", "object": EVE, "choice_text": "Yes"},
    {**A, "type": "EmojiReact", "object": EVE, "content": ":x:", "tag": TAGS},
    {**A, "type": "Undo", "object": LIKE},
    {**A, "type": "Undo", "object": {**A, "type": "Announce", "object": EVE}},
    {**A, "type": "Accept", "object": {**A, "type": "Follow", "object": EVE}},
    {**A, "type": "Announce", "object": {**A, "type": "Create", "object": FULL_NOTE}},
    {**A, "type": "Announce", "object": BATCH},
]
LINKS: list[dict[str, Any]] = [
    {"rel": "self", "type": "application/activity+json", "href": ADA, "properties": {AS_TYPE: "x"}},
    {"rel": f"{NODEINFO}2.1", "href": EVE},
]
FOUND = {
    "subject": "acct:ada@there.test",
    "links": LINKS,
    "software": {"name": "x", "version": "1"},
}
TYPES = sorted({*READERS, *ACTOR_KINDS, *POST_TYPES, *COLLECTION_TYPES, "Tombstone", "Block"})


def names_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


NAMES = sorted(
    {name for document in [*DOCUMENTS, FOUND] for name in names_in(document)} | {"closed", "rel"}
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, 10**400, -1])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\x00", "\ud800", "x" * 2100, "🔥", ":x:", "PT9S", "2025-06-01T10:00:00Z"])
    | st.sampled_from([ADA, PUBLIC, "https://x.test/#\ud800", "https://x.test/\x00", "magnet:?x"])
    | st.sampled_from(TYPES)
)
anything = st.recursive(
    scalars | st.sampled_from(DOCUMENTS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=8)
    ),
    max_leaves=20,
)


def places_in(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value of a document stands."""
    entries: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, dict):
        entries = iter(value.items())
    elif isinstance(value, list):
        entries = iter(enumerate(value))
    for name, inner in entries:
        yield (*path, name)
        yield from places_in(inner, (*path, name))


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A good document in which a few values are others, gone, or in a list."""
    document: dict[str, Any] = copy.deepcopy(draw(st.sampled_from([*DOCUMENTS, FOUND])))
    for _ in range(draw(st.integers(1, 3))):
        places = list(places_in(document))
        if not places:
            break
        *above, name = draw(st.sampled_from(places))
        holder: Any = document
        for step in above:
            holder = holder[step]
        change = draw(st.sampled_from(["other", "gone", "listed", "twice"]))
        if change == "gone":
            del holder[name]
        elif change == "other":
            holder[name] = copy.deepcopy(draw(anything))
        else:
            holder[name] = [copy.deepcopy(holder[name])] * (1 if change == "listed" else 2)
    return document


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for inner in value:
            yield from texts_in(inner)
    elif dataclasses.is_dataclass(value) and not isinstance(value, Collection):
        for field in dataclasses.fields(value):
            yield from texts_in(getattr(value, field.name))
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from texts_in(getattr(value, name))


READS: tuple[Callable[[Any], Any], ...] = (
    parse_document,
    parse_key,
    parse_webfinger,
    parse_nodeinfo_links,
    parse_software,
)


def assert_read_or_refused(fields: Any) -> None:
    """Any other exception than a refusal fails the test, and so does what no column can hold."""
    for parse in READS:
        try:
            found = parse(fields)
        except FederationError:
            continue
        for text in texts_in(found):
            assert "\x00" not in text
            assert len(text.encode()) <= 4 * 200_000
        if isinstance(found, Post):
            stored = to_stored(found.parts)
            assert parts_of(json.loads(json.dumps(stored, allow_nan=False))) == found.parts
            assert len(found.parts.attachments) <= 16
            assert len(found.addressed) <= 200


@given(st.dictionaries(st.sampled_from(NAMES), anything, max_size=12), st.sampled_from(TYPES))
def test_anything_at_all_is_read_or_refused(fields: dict[str, Any], kind: str):
    assert_read_or_refused(fields)
    assert_read_or_refused({**fields, "type": kind})
    assert_read_or_refused({"id": EVE, "actor": ADA, "attributedTo": ADA, **fields, "type": kind})


@given(mutated())
def test_a_document_with_wrong_values_is_read_or_refused(fields: dict[str, Any]):
    assert_read_or_refused(fields)


@given(mutated(), st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_bytes_that_were_changed_are_read_or_refused(
    fields: dict[str, Any], place: int, other: bytes
):
    body = json.dumps(fields).encode()
    place %= len(body)
    try:
        decoded = decode_json(body[:place] + other + body[place + len(other) :])
    except Malformed:
        return
    assert_read_or_refused(decoded)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d["type"])
def test_the_good_documents_are_read(document: dict[str, Any]):
    parse_document(decode_json(json.dumps(document).encode()))
