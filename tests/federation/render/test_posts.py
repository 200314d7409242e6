"""What a post says to other servers, by its type and with all that it carries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from federation.render.document import CONTEXT, PUBLIC, Document, to_bytes, with_context
from federation.render.posts import Written, document_of
from federation.vocabulary.posts import parse_post
from federation.vocabulary.strict import decode_json
from storage.actors import Actor
from storage.communities import Community
from storage.parts import Attachment, Happening, Parts, Tag, to_stored
from storage.polls import Option, Poll
from storage.threads import Post
from tests.factories import SITE

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENING = datetime(2026, 3, 1, 19, 0, tzinfo=UTC)

AUTHOR = Actor(
    1, "https://here.test/ap/actors/1", "person", "Person", "here.test", True, "rosa", "Rosa", "",
    None, "https://here.test/ap/actors/1/inbox", None, None, "live",
)  # fmt: skip
COMMUNITY = Community(
    2, "https://here.test/ap/actors/2", "here.test", True, "marfan", "Marfan together",
    "https://here.test/c/marfan", "anyone", "anywhere", True, False, "open", "", "", [], 0, None,
    "https://here.test/ap/actors/2/inbox", None, "https://here.test/ap/actors/2/followers",
)  # fmt: skip
THREAD = Post(
    id=3, uri="https://here.test/ap/posts/3", url=None, kind="thread", author_id=1, community_id=2,
    thread_id=3, parent_id=None, path=[3], audience="public", state="live", title="A title",
    source="Some *words*.", html="<p>Some <em>words</em>.</p>", content_note="", sensitive=False,
    language="en", is_local=True, published_at=NOON, edited_at=None, version=1, type="Note",
    parts=None,
)  # fmt: skip
REPLY = replace(
    THREAD, id=4, uri="https://here.test/ap/posts/4", kind="reply", parent_id=3, title=""
)


def shown(post: Post, parts: Parts | None = None, poll: Poll | None = None, **how) -> Document:
    if parts is not None:
        post = replace(post, parts=to_stored(parts))
    return document_of(SITE, Written(post, AUTHOR, COMMUNITY, poll=poll), **how)


def closed(post: Post) -> Post:
    return replace(post, audience="community")


def reread(document: Document):
    return parse_post(decode_json(to_bytes(document)))


PICTURE = Attachment(
    "image", "https://here.test/media/1.jpg", "image/jpeg", "A zebra on a bench", 800, 600,
    focus=(-0.5, 0.25), blurhash="LKO2?U%2Tw=w", preview_url="https://here.test/media/1s.jpg",
)  # fmt: skip
FILM = Attachment(
    "video", "https://here.test/media/2.mp4", "video/mp4", "A walk", 640, 360, seconds=12.5
)
SOUND = Attachment("audio", "https://here.test/media/3.ogg", "audio/ogg", "Her voice", seconds=3.0)
PAPER = Attachment("document", "https://here.test/media/4.pdf", "application/pdf", "A leaflet")
PAGE = Attachment("link", "https://example.org/story", alt="A story")
EVERYTHING = Parts(
    attachments=(PICTURE, FILM, SOUND, PAPER, PAGE),
    tags=(
        Tag("hashtag", "hypermobility", "https://there.test/tags/hypermobility"),
        Tag("mention", "wanda@there.test", "https://there.test/actors/wanda"),
        Tag("emoji", "zebra", "https://here.test/emoji/zebra.png"),
    ),
    quote_uri="https://there.test/posts/9",
)


def test_attachments_say_what_they_show_and_are_what_lemmy_knows() -> None:
    picture, film, sound, paper, page = shown(THREAD, EVERYTHING)["attachment"]
    assert picture == {
        "type": "Image",
        "url": "https://here.test/media/1.jpg",
        "mediaType": "image/jpeg",
        "name": "A zebra on a bench",
        "width": 800,
        "height": 600,
        "focalPoint": (-0.5, 0.25),
        "blurhash": "LKO2?U%2Tw=w",
        "icon": {"type": "Image", "url": "https://here.test/media/1s.jpg"},
    }
    assert [one["type"] for one in (film, sound, paper)] == ["Document"] * 3
    assert (film["mediaType"], film["duration"]) == ("video/mp4", "PT12.5S")
    assert sound["duration"] == "PT3S"
    assert page == {
        "type": "Link",
        "href": "https://example.org/story",
        "name": "A story",
    }


def test_tags_stand_beside_the_community_and_mentions_are_addressed() -> None:
    document = shown(THREAD, EVERYTHING)
    assert document["tag"] == [
        {"type": "Mention", "href": COMMUNITY.uri, "name": "@marfan@here.test"},
        {
            "type": "Hashtag",
            "href": "https://there.test/tags/hypermobility",
            "name": "#hypermobility",
        },
        {"type": "Mention", "href": "https://there.test/actors/wanda", "name": "@wanda@there.test"},
        {
            "type": "Emoji",
            "name": ":zebra:",
            "icon": {"type": "Image", "url": "https://here.test/emoji/zebra.png"},
        },
        {
            "type": "Link",
            "mediaType": 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
            "href": "https://there.test/posts/9",
            "rel": "https://misskey-hub.net/ns#_misskey_quote",
            "name": "RE: https://there.test/posts/9",
        },
    ]
    assert document["cc"] == [COMMUNITY.followers, "https://there.test/actors/wanda"]
    for name in ("quote", "quoteUrl", "quoteUri", "_misskey_quote"):
        assert document[name] == "https://there.test/posts/9"


def test_who_is_mentioned_twice_is_addressed_once() -> None:
    wanda = replace(AUTHOR, id=9, uri="https://there.test/actors/wanda", name="wanda")
    post = replace(REPLY, parts=to_stored(EVERYTHING))
    document = document_of(SITE, Written(post, AUTHOR, COMMUNITY, THREAD.uri, wanda))
    assert document["cc"] == [COMMUNITY.followers, wanda.uri]
    assert [tag.get("href") for tag in document["tag"]].count(wanda.uri) == 1


def test_a_hashtag_without_a_page_leads_to_the_community() -> None:
    tags = shown(THREAD, Parts(tags=(Tag("hashtag", "eds"),)))["tag"]
    assert tags[1] == {"type": "Hashtag", "href": COMMUNITY.url, "name": "#eds"}


def test_in_a_closed_community_hashtags_are_only_words_and_nobody_is_added() -> None:
    document = shown(closed(THREAD), EVERYTHING)
    assert [tag["type"] for tag in document["tag"]] == ["Mention", "Emoji", "Link"]
    assert (document["to"], document["cc"]) == ([COMMUNITY.uri, COMMUNITY.followers], [])
    assert PUBLIC.encode() not in to_bytes(document)
    assert "tag" not in shown(closed(THREAD))


def test_what_is_sent_is_read_back_as_it_was() -> None:
    for post in (THREAD, REPLY):
        read = reread(shown(replace(post, content_note="pain", edited_at=EVENING), EVERYTHING))
        assert read.parts.attachments == EVERYTHING.attachments
        assert read.parts.quote_uri == EVERYTHING.quote_uri
        assert set(EVERYTHING.tags) <= set(read.parts.tags)
        assert (read.content_note, read.sensitive) == ("pain", False)
        assert (read.language, read.updated, read.published) == ("en", EVENING, NOON)
        assert (read.source, read.type) == ("Some *words*.", "Note")


@pytest.mark.parametrize("is_many", [False, True])
def test_r54_a_question_carries_its_answers_and_exact_numbers(is_many: bool) -> None:
    poll = Poll(3, is_many, EVENING, None, 4, [Option(0, "Tea", 3), Option(1, "Coffee", 1)])
    document = shown(replace(THREAD, type="Question"), poll=poll)
    assert document["anyOf" if is_many else "oneOf"] == [
        {"type": "Note", "name": "Tea", "replies": {"type": "Collection", "totalItems": 3}},
        {"type": "Note", "name": "Coffee", "replies": {"type": "Collection", "totalItems": 1}},
    ]
    assert not {"anyOf", "oneOf"} <= set(document)
    assert (document["votersCount"], document["endTime"]) == (4, "2026-03-01T19:00:00Z")
    assert "closed" not in document
    assert document["content"].startswith("<p><strong>A title</strong></p>")
    read = reread(document).poll
    assert read is not None
    assert (read.options, read.votes, read.is_many) == (("Tea", "Coffee"), (3, 1), is_many)
    assert (read.ends_at, read.voters) == (EVENING, 4)


def test_r54_a_closed_question_says_so() -> None:
    poll = Poll(3, False, None, EVENING, 0, [Option(0, "Tea", 0), Option(1, "Coffee", 0)])
    document = shown(replace(THREAD, type="Question"), poll=poll)
    assert document["closed"] == document["endTime"] == "2026-03-01T19:00:00Z"


def test_r52_an_article_has_its_name_apart_and_a_beginning_for_those_who_show_no_more() -> None:
    long = " ".join(["wide & far"] * 60)
    post = replace(
        THREAD, type="Article", html=f"<h3>Begin</h3><p>{long.replace('&', '&amp;')}</p>"
    )
    document = shown(post)
    assert document["content"] == post.html
    assert document["name"] == "A title"
    assert document["summary"].startswith("Begin wide &amp; far wide")
    assert document["summary"].endswith(" …")
    assert len(document["summary"]) <= 500
    assert document["preview"] == {"type": "Note", "content": f"<p>{document['summary']}</p>"}
    assert document["sensitive"] is False


def test_r52_of_a_long_piece_with_a_content_note_or_for_members_nothing_shows_before_the_text() -> (
    None
):
    piece = replace(THREAD, type="Article")
    noted = shown(replace(piece, content_note="operations"))
    assert (noted["summary"], noted["sensitive"]) == ("operations", True)
    assert "preview" not in noted
    assert reread(noted).content_note == "operations"
    for_members = shown(closed(piece))
    assert not {"summary", "preview"} & set(for_members)


def test_an_event_says_when_and_where_and_that_one_cannot_sign_up_from_elsewhere() -> None:
    event = Happening(
        NOON, EVENING, "Europe/Berlin", "The old station", "Station Road 1", "https://meet.test/x"
    )
    document = shown(replace(THREAD, type="Event"), Parts(happening=event))
    expected = {
        "type": "Event",
        "name": "A title",
        "startTime": "2026-03-01T12:00:00Z",
        "endTime": "2026-03-01T19:00:00Z",
        "displayEndTime": True,
        "timezone": "Europe/Berlin",
        "joinMode": "none",
        "location": [
            {"type": "Place", "name": "The old station", "address": "Station Road 1"},
            {
                "type": "VirtualLocation",
                "name": "https://meet.test/x",
                "url": "https://meet.test/x",
            },
        ],
        "organizers": {
            "type": "OrderedCollection",
            "totalItems": 1,
            "orderedItems": [AUTHOR.uri],
        },
    }
    assert {name: document[name] for name in expected} == expected
    assert reread(document).parts.happening == event


def test_an_event_without_an_end_has_one_for_programs_only() -> None:
    document = shown(replace(THREAD, type="Event"), Parts(happening=Happening(NOON)))
    assert (document["endTime"], document["displayEndTime"]) == ("2026-03-02T12:00:00Z", False)
    assert "location" not in document
    only_address = Happening(NOON, address="Station Road 1")
    place = shown(replace(THREAD, type="Event"), Parts(happening=only_address))["location"]
    assert place == {"type": "Place", "name": "Station Road 1", "address": "Station Road 1"}


@pytest.mark.parametrize("kind", ["Note", "Question", "Article", "Event"])
def test_who_hides_what_has_a_name_finds_it_in_the_text(kind: str) -> None:
    document = shown(replace(THREAD, type=kind), named=False)
    assert "name" not in document
    assert document["content"].startswith("<p><strong>A title</strong></p>")


def test_a_plain_post_needs_no_more_than_the_plain_context() -> None:
    assert with_context(shown(REPLY))["@context"] == CONTEXT
    create = {"type": "Create", "object": shown(REPLY)}
    assert with_context(create)["@context"] == CONTEXT


def test_each_term_that_is_not_of_activitystreams_is_in_the_context() -> None:
    poll = Poll(3, False, EVENING, None, 0, [])
    parts = replace_happening(EVERYTHING, Happening(NOON, EVENING, "Europe/Berlin", "x", "y", "z"))
    rich = shown(replace(THREAD, type="Question"), parts, poll)
    for document in (rich, {"type": "Update", "object": rich}):
        known = set().union(*(c for c in with_context(document)["@context"] if isinstance(c, dict)))
        assert {
            "sensitive", "Hashtag", "Emoji", "blurhash", "focalPoint", "votersCount", "quote",
            "quoteUrl", "quoteUri", "_misskey_quote", "address", "timezone", "joinMode",
            "displayEndTime", "organizers", "VirtualLocation",
        } <= known  # fmt: skip


def replace_happening(parts: Parts, happening: Happening) -> Parts:
    return Parts(parts.attachments, parts.tags, happening, parts.quote_uri)
