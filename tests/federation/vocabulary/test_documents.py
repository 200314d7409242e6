"""Documents in the shapes that servers give them: read to the same values, or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from federation.errors import Malformed
from federation.vocabulary.activities import activity_type, parse_activity
from federation.vocabulary.documents import Unsupported, parse_actor, parse_post
from federation.vocabulary.types import (
    PUBLIC,
    Accept,
    Announce,
    Create,
    Delete,
    Follow,
    Post,
    Undo,
)

ADA = "https://there.test/ada"
NOTE: dict[str, Any] = {
    "id": "https://there.test/n/1",
    "type": "Note",
    "attributedTo": ADA,
    "content": "<p>Hello</p>",
}
ACTOR: dict[str, Any] = {
    "id": ADA,
    "type": "Person",
    "preferredUsername": "ada",
    "inbox": f"{ADA}/inbox",
}


def post(**changed: Any) -> Post:
    return parse_post({**NOTE, **changed})


@pytest.mark.parametrize("author", [ADA, [ADA], {"id": ADA, "type": "Person"}, [{"id": ADA}]])
def test_an_author_is_read_in_every_shape(author: object):
    assert post(attributedTo=author).author == ADA


@pytest.mark.parametrize(
    "author", [[ADA, "https://there.test/eve"], "ada", 1, {"name": "ada"}, None, [], ""]
)
def test_an_author_who_is_not_exactly_one_is_refused(author: object):
    with pytest.raises(Malformed):
        post(attributedTo=author)


@pytest.mark.parametrize("public", [PUBLIC, "as:Public", "Public"])
@pytest.mark.parametrize("field", ["to", "cc"])
def test_public_is_public_in_every_spelling(public: str, field: str):
    assert post(**{field: public}).is_public
    assert post(**{field: [public, "https://x.test/"]}).is_public
    assert not post(**{field: ["https://x.test/"]}).is_public


def test_addressees_come_from_all_fields_once_and_not_without_end():
    many = [f"https://x.test/{number}" for number in range(10_000)]
    found = post(to=many[0], cc=[many[0], many[1]], audience={"id": many[2]}).addressed
    assert found == (many[0], many[1], many[2])
    assert len(post(to=many, cc=many).addressed) == 200


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://there.test/@ada/1", "https://there.test/@ada/1"),
        (
            [
                {
                    "type": "Link",
                    "href": "https://there.test/1.json",
                    "mediaType": "application/json",
                },
                {"type": "Link", "href": "https://there.test/1.html", "mediaType": "text/html"},
            ],
            "https://there.test/1.html",
        ),
        ("https://elsewhere.test/1", None),
        ("javascript:alert(1)", None),
        (5, None),
        (None, None),
    ],
)
def test_the_page_of_a_post_is_on_its_own_server(url: object, found: str | None):
    assert post(url=url).url == found


def test_content_is_read_from_its_language_map():
    found = post(content=None, contentMap={"cy": "<p>Bore da</p>", "en": "<p>Hi</p>"})
    assert (found.html, found.language) == ("<p>Bore da</p>", "cy")


@pytest.mark.parametrize(
    ("given_language", "found"),
    [
        ({"identifier": "pt-BR", "name": "x"}, "pt-BR"),
        ("de", "de"),
        ("und", ""),
        ("<x>", ""),
        (3, ""),
    ],
)
def test_a_language_is_a_tag_or_nothing(given_language: object, found: str):
    assert post(language=given_language).language == found


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown"])
def test_text_that_is_no_html_is_shown_as_typed(media_type: str):
    found = post(content="1 < 2\nyes\n\n<b>", mediaType=media_type)
    assert found.html == "<p>1 &lt; 2<br>yes</p><p>&lt;b&gt;</p>"


def test_a_summary_is_a_content_note_on_a_note_and_a_teaser_on_a_page():
    assert post(summary="Needles").content_note == "Needles"
    assert post(type="Page", summary="A teaser").content_note == ""
    assert post(type="Page", summary="Needles", sensitive=True).content_note == "Needles"


def test_markdown_is_kept_and_other_sources_are_not():
    source = {"content": "*x*", "mediaType": "text/markdown"}
    assert post(source=source).source == "*x*"
    assert post(source={**source, "mediaType": "text/bbcode"}).source is None
    assert post(source="x").source is None


@pytest.mark.parametrize(
    ("published", "found"),
    [
        ("2025-06-01T10:00:00Z", datetime(2025, 6, 1, 10, tzinfo=UTC)),
        ("2025-06-01T12:00:00.123456789+02:00", datetime(2025, 6, 1, 10, 0, 0, 123456, UTC)),
        ("2025-06-01T10:00:00", datetime(2025, 6, 1, 10, tzinfo=UTC)),
        ("2025-02-30T10:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("2025-W01-1", None),
        (1717236000, None),
    ],
)
def test_a_time_is_real_or_nothing(published: object, found: datetime | None):
    assert post(published=published).published == found


def test_long_texts_are_cut_and_very_long_ones_refused():
    found = post(name="x" * 1_000_000, summary="y" * 1_000_000)
    assert (len(found.title), len(found.content_note)) == (500, 500)
    with pytest.raises(Malformed):
        post(content="x" * 100_001)


def test_a_tag_may_be_anything():
    for tag in ({"type": "Mention"}, [{"type": "Mention"}] * 10_000, "x", None):
        assert post(tag=tag).id == NOTE["id"]


@pytest.mark.parametrize(
    "identifier",
    ["https://there.test/" + "x" * 2029, "https://there.test/ü?a=b#c", "https://there.test:443/1"],
)
def test_ids_of_up_to_2048_bytes_are_taken(identifier: str):
    assert post(id=identifier).id == identifier


@pytest.mark.parametrize(
    "identifier",
    [
        "https://there.test/" + "x" * 2030,
        "https://there.test/" + "ü" * 1500,
        "https://there.test/\x00",
        "https://there.test/a b",
        "https://there.test/#\ud800",
        "tag:there.test,2025:1",
        "",
        None,
        7,
        ["https://a.test/", "https://b.test/"],
    ],
)
def test_other_ids_are_refused(identifier: object):
    with pytest.raises(Malformed):
        post(id=identifier)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("Person", "person"),
        ("Organization", "person"),
        ("Service", "person"),
        ("Application", "instance"),
        ("Group", "community"),
        (["Person", "Actor"], "person"),
    ],
)
def test_actors_are_people_communities_or_servers(kind: object, found: str):
    assert parse_actor({**ACTOR, "type": kind}).kind == found


def test_a_service_at_a_servers_own_place_is_that_server():
    assert (
        parse_actor({**ACTOR, "type": "Service", "id": "https://x.test/actor"}).kind == "instance"
    )
    assert parse_actor({**ACTOR, "type": "Service", "preferredUsername": "there.test"}).kind == (
        "instance"
    )


def test_a_communitys_answers_are_read_in_our_words_or_in_lemmys():
    group = {**ACTOR, "type": "Group"}
    ours = parse_actor(
        {
            **group,
            "dz:readers": "members",
            "dz:listed": False,
            "dz:joining": "invite",
            "dz:condition": "ORPHA:558",
        }
    )
    assert (ours.readers, ours.listed, ours.joining, ours.condition) == (
        "members",
        False,
        "invite",
        "ORPHA:558",
    )
    private = parse_actor({**group, "manuallyApprovesFollowers": True, "discoverable": False})
    assert (private.readers, private.listed, private.joining) == ("members", False, "apply")
    plain = parse_actor({**group, "dz:readers": ["x"], "dz:condition": "x"})
    assert (plain.readers, plain.listed, plain.joining, plain.condition) == (
        "anyone",
        True,
        "open",
        None,
    )


@pytest.mark.parametrize("inbox", [None, "x", 5, ["https://a.test/", "https://b.test/"]])
def test_an_actor_without_an_inbox_is_refused(inbox: object):
    with pytest.raises(Malformed):
        parse_actor({**ACTOR, "inbox": inbox})


def test_keys_are_read_one_by_one_and_bad_ones_left_out():
    good = {"id": f"{ADA}#k", "owner": ADA, "publicKeyPem": "pem"}
    for shape in (good, [good], [{"id": 1}, "x", good]):
        assert [key.id for key in parse_actor({**ACTOR, "publicKey": shape}).keys] == [f"{ADA}#k"]
    many = [{**good, "id": f"{ADA}#{number}"} for number in range(100)]
    assert len(parse_actor({**ACTOR, "publicKey": many}).keys) == 10


def activity(kind: str, inner: object) -> Any:
    return parse_activity(
        {"id": "https://there.test/a/1", "type": kind, "actor": {"id": ADA}, "object": inner}
    )


def test_activities_are_read_whole_or_by_reference():
    follow = {"id": "https://here.test/f", "type": "Follow", "actor": ADA, "object": ADA}
    assert isinstance(activity("Follow", ADA), Follow)
    assert isinstance(activity("Accept", follow).object, Follow)
    assert activity("Accept", [follow["id"]]).object == follow["id"]
    assert isinstance(activity("Undo", follow), Undo)
    assert isinstance(activity("Create", NOTE).object, Post)
    assert activity("Create", NOTE["id"]).object == NOTE["id"]
    for inner in (NOTE["id"], {"id": NOTE["id"], "type": "Tombstone"}, NOTE, [NOTE]):
        deleted = activity("Delete", inner)
        assert isinstance(deleted, Delete)
        assert deleted.object == NOTE["id"]
    create = {"id": "https://there.test/c", "type": "Create", "actor": ADA, "object": NOTE}
    assert isinstance(activity("Announce", create).object, Create)
    assert isinstance(activity("Announce", NOTE).object, Post)
    assert isinstance(activity("Announce", NOTE["id"]), Announce)
    assert isinstance(activity("Accept", follow), Accept)


def test_what_a_create_leaves_out_is_its_actors():
    inner = {name: value for name, value in NOTE.items() if name != "attributedTo"}
    assert activity("Create", inner).object.author == ADA


@pytest.mark.parametrize("kind", ["Block", "Flag", "Create2", None, 5, {"a": 1}])
def test_types_without_a_meaning_here_are_told_apart(kind: object):
    with pytest.raises(Unsupported):
        parse_activity({"id": "https://there.test/a/1", "type": kind, "actor": ADA, "object": ADA})
    with pytest.raises(Unsupported):
        activity("Create", {**NOTE, "type": "ChatMessages"})
    with pytest.raises(Unsupported):
        activity("Undo", {**NOTE, "type": "Block"})


def test_an_activity_of_two_meanings_is_refused():
    twofold = {"id": "https://there.test/a/1", "type": ["Follow", "Create"], "actor": ADA}
    with pytest.raises(Malformed):
        activity_type(twofold)
    with pytest.raises(Malformed):
        parse_activity({**twofold, "object": NOTE})
