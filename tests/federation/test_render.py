"""The shapes of what is sent, where the door and the publishers do not show them already."""

from __future__ import annotations

import msgspec
import pytest

from federation import quirks
from federation.negotiation import prefers_page
from federation.render import activities, collections, posts
from federation.render.document import CONTEXT, PUBLIC, to_bytes, to_bytes_around
from storage.db import Connection
from tests.factories import (
    SITE,
    join,
    make_community,
    make_person,
    make_remote_community,
    make_site,
    make_thread,
    tick,
)


async def test_a_thread_for_a_community_elsewhere_owns_no_conversation(conn: Connection) -> None:
    await make_site(conn)
    community = await make_remote_community(conn)
    author = await make_person(conn)
    await join(conn, community, author)
    post = await make_thread(conn, author, community)
    note = posts.document_of(SITE, posts.Written(post, author, community))
    assert "context" not in note
    assert note["audience"] == community.uri
    create = activities.create("https://here.test/ap/activities/1", community, note)
    assert {name: create[name] for name in ("type", "actor", "to", "cc", "audience")} == {
        "type": "Create",
        "actor": author.uri,
        "to": [PUBLIC, community.uri],
        "cc": [community.followers],
        "audience": community.uri,
    }
    assert create["object"] is note
    assert "@context" not in note


async def test_a_moderators_delete_carries_the_reason(conn: Connection) -> None:
    await make_site(conn)
    community = await make_community(conn)
    author = await make_person(conn)
    await join(conn, community, author)
    post = await make_thread(conn, author, community)
    plain = activities.delete("u", author, community, post, tick())
    removal = activities.delete("u", author, community, post, tick(), reason="spam")
    assert "summary" not in plain
    assert removal["summary"] == "spam"
    assert plain["object"] == {"id": post.uri, "type": "Tombstone", "formerType": "Note"}


def test_an_undo_embeds_what_it_takes_back_and_is_addressed_alike() -> None:
    follow = {"id": "f", "type": "Follow", "actor": "a", "to": ["g"], "object": "g"}
    assert activities.undo("u", follow) == {
        "id": "u",
        "type": "Undo",
        "actor": "a",
        "to": ["g"],
        "object": follow,
    }


@pytest.mark.parametrize(
    "inner", [b'{"b":1,"a":2,"b":3}', b'"https://x.test/1"', b' {"n":1.0,"s":"\\u00e9\xc3\xa9"}\n']
)
def test_another_document_goes_in_byte_for_byte(inner: bytes) -> None:
    whole = to_bytes_around({"id": "u", "type": "Announce"}, inner)
    assert inner in whole
    decoded = msgspec.json.decode(whole)
    assert decoded["object"] == msgspec.json.decode(inner)
    assert decoded["@context"] == CONTEXT


def test_the_context_comes_first_and_is_always_the_same() -> None:
    assert to_bytes({"id": "a"}).startswith(b'{"@context":["https://www.w3.org/ns/activitystreams"')


@pytest.mark.parametrize(
    ("number", "lower"),
    [(0, 0), (9, 0), (10, 10), (19, 10), (20, 20), (49, 20), (50, 50), (99, 50), (100, 100),
     (199, 100), (200, 200), (12345, 10000)],
)  # fmt: skip
def test_numbers_are_shown_as_the_lower_bound_of_a_band(number: int, lower: int) -> None:
    assert collections.band(number) == lower


@pytest.mark.parametrize("software", ["lemmy", "PieFed", "mbin", "nodebb", "discourse", "dazzle"])
def test_forums_take_the_wrapped_activity_only(software: str) -> None:
    assert quirks.takes_wrapped(software)
    assert not quirks.takes_bare(software)


@pytest.mark.parametrize(
    "software",
    ["mastodon", "gotosocial", "misskey", "sharkey", "pleroma", "Akkoma", "snac", "pixelfed",
     "wordpress"],
)  # fmt: skip
def test_microblogs_take_the_bare_object_only(software: str) -> None:
    assert not quirks.takes_wrapped(software)
    assert quirks.takes_bare(software)


@pytest.mark.parametrize("software", [None, "", "friendica", "something-new"])
def test_unknown_software_gets_both(software: str | None) -> None:
    assert quirks.takes_wrapped(software)
    assert quirks.takes_bare(software)


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/activity+json", False),
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/activity+json, text/html", False),
        ("application/activity+json;q=0.5, text/html;q=0.9", True),
        ("text/html;q=0.5, application/ld+json;q=0.8", False),
        ("text/html;q=nonsense", False),
        ("text/html;q=0", False),
        (";;,,=;q", False),
    ],
)
def test_only_who_names_html_is_sent_to_the_page(accept: str | None, page: bool) -> None:
    assert prefers_page(accept) is page
