"""Posts of every type and in every shape."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from federation.errors import Malformed
from federation.vocabulary.posts import POST_TYPES, parse_post
from federation.vocabulary.types import PUBLIC
from tests.federation.vocabulary.samples import ADA, EVE, NOTE, PEERTUBE_VIDEO, post


@pytest.mark.parametrize("kind", sorted(POST_TYPES))
def test_a_post_of_each_type_is_read(kind: str):
    found = post(type=kind, name="A title", inReplyTo=None)
    assert (found.type, found.title, found.author) == (kind, "A title", ADA)


@pytest.mark.parametrize(
    "shape",
    [
        "Note",
        ["Note"],
        ["Thing", "Note"],
        "as:Note",
        "https://www.w3.org/ns/activitystreams#Note",
    ],
)
def test_r55_a_type_is_read_in_every_shape(shape: object):
    assert post(type=shape).type == "Note"


@pytest.mark.parametrize("author", [ADA, [ADA], {"id": ADA, "type": "Person"}, [{"id": ADA}]])
def test_r55_an_author_is_read_in_every_shape(author: object):
    assert post(attributedTo=author).author == ADA


def test_r55_peertube_names_a_person_and_a_channel():
    assert parse_post(PEERTUBE_VIDEO).author == ADA
    two = [{"type": "Person", "id": ADA}, {"type": "Person", "id": EVE}]
    with pytest.raises(Malformed, match="author"):
        post(attributedTo=two)


@pytest.mark.parametrize("field", ["to", "cc", "audience"])
@pytest.mark.parametrize("shape", [PUBLIC, [PUBLIC], {"id": PUBLIC}, [{"id": PUBLIC}]])
def test_r55_addressees_are_read_in_every_shape(field: str, shape: object):
    assert post(**{"to": None, field: shape}).is_public


@pytest.mark.parametrize("wrong", ["", "\ud800", "x\x00", "x" * 2049, 5, None, {"x": 1}, ["x", []]])
def test_an_addressee_that_cannot_be_stored_is_left_out(wrong: object):
    assert post(to=[PUBLIC, wrong]).addressed == (PUBLIC,)


@pytest.mark.parametrize(
    "shape",
    [
        "https://there.test/@ada/1",
        ["https://there.test/@ada/1"],
        {"type": "Link", "href": "https://there.test/@ada/1"},
        [{"type": "Link", "mediaType": "text/html", "href": "https://there.test/@ada/1"}],
        [
            {"type": "Link", "mimeType": "audio/ogg", "href": "https://there.test/1.ogg"},
            {"type": "Link", "mimeType": "text/html", "href": "https://there.test/@ada/1"},
        ],
    ],
)
def test_r55_the_page_is_read_in_every_shape(shape: object):
    assert post(url=shape).url == "https://there.test/@ada/1"


@pytest.mark.parametrize(
    ("fields", "html", "language"),
    [
        ({"contentMap": {"cy": "Bore da"}}, "Bore da", "cy"),
        ({"content": "Hi", "contentMap": {"cy": "Bore da", "en": "Hi"}}, "Hi", "en"),
        ({"content": "Hi", "contentMap": {"cy": "Bore da"}}, "Hi", "cy"),
        ({"content": ["Hi"]}, "Hi", ""),
        ({"content": {"@value": "Hi", "@language": "en"}}, "Hi", ""),
        ({"content": "Hi", "language": [{"identifier": "en"}, {"identifier": "cy"}]}, "Hi", "en"),
        ({"contentMap": {}}, "", ""),
        ({"contentMap": {"cy": 5}}, "", "cy"),
        ({"contentMap": "x", "content": None}, "", ""),
    ],
)
def test_r55_content_is_read_from_itself_or_from_its_languages(
    fields: dict[str, object], html: str, language: str
):
    found = parse_post({**{k: v for k, v in NOTE.items() if k != "content"}, **fields})
    assert (found.html, found.language) == (html, language)


def test_what_has_only_a_source_is_shown_as_typed():
    source = {"content": "*x* < y", "mediaType": "text/markdown"}
    found = post(content=None, source=source)
    assert (found.html, found.source) == ("<p>*x* &lt; y</p>", "*x* < y")


def test_a_summary_is_a_content_note_on_a_poll_too():
    assert post(type="Question", summary="Needles").content_note == "Needles"
    assert post(type="Event", summary="A teaser").content_note == ""
    assert post(type="Video", summary="Needles", sensitive=True).content_note == "Needles"


def test_an_edit_and_a_conversation_are_read():
    found = post(
        updated="2025-06-01T10:00:00Z", context="https://x.test/c", conversation="tag:x.test,1"
    )
    assert found.updated == datetime(2025, 6, 1, 10, tzinfo=UTC)
    assert found.context == "https://x.test/c"
    assert post(conversation="https://x.test/c").context == "https://x.test/c"
    assert post(conversation="tag:x.test,2025:1").context is None


@pytest.mark.parametrize(
    ("replies", "found"),
    [
        ("https://there.test/r", "https://there.test/r"),
        ({"id": "https://there.test/r", "type": "Collection"}, "https://there.test/r"),
        ({"type": "Collection", "first": "https://there.test/r?1"}, "https://there.test/r?1"),
        (
            {"type": "Collection", "first": {"id": "https://there.test/r?1", "items": []}},
            "https://there.test/r?1",
        ),
        (
            {"type": "Collection", "first": {"next": "https://there.test/r?2", "items": []}},
            "https://there.test/r?2",
        ),
        ([NOTE, {**NOTE, "id": "https://there.test/n/2"}], None),
        ({"first": {"first": {}}}, None),
        (None, None),
        (5, None),
    ],
)
def test_answers_are_found_by_the_address_of_their_collection(replies: object, found: str | None):
    assert post(replies=replies).replies == found


def test_a_page_with_a_half_character_in_its_address_is_none():
    assert post(url="https://there.test/#\ud800").url is None
