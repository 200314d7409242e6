"""Likes, dislikes and emoji; Undo of them; PieFed's many at once."""

from __future__ import annotations

from typing import Any

import pytest

from federation.errors import Malformed, Unsupported
from federation.vocabulary.types import Announce, Delete, Follow, Reaction, Undo
from tests.federation.vocabulary.samples import ADA, BATCH, LIKE, NOTE, activity

POST = "https://here.test/n/1"


def reaction(kind: str, **more: Any) -> Reaction:
    found = activity(kind, POST, **more)
    assert isinstance(found, Reaction)
    return found


@pytest.mark.parametrize(
    ("kind", "said", "found"),
    [
        ("Like", {}, ("like", "")),
        ("Dislike", {}, ("dislike", "")),
        ("Dislike", {"content": "🔥"}, ("dislike", "")),
        ("Like", {"content": "🔥"}, ("emoji", "🔥")),
        ("Like", {"content": ":pudding:"}, ("emoji", ":pudding:")),
        ("Like", {"_misskey_reaction": "❤️"}, ("emoji", "❤️")),
        ("Like", {"content": "Ada likes it"}, ("like", "")),
        ("Like", {"content": "<p>x</p>"}, ("like", "")),
        ("Like", {"content": "赞"}, ("like", "")),
        ("Like", {"content": ["🔥"]}, ("like", "")),
        ("Like", {"content": "🔥" * 33}, ("like", "")),
        ("Like", {"content": "\ud800"}, ("like", "")),
        ("EmojiReact", {"content": "👩🏽‍🔬"}, ("emoji", "👩🏽‍🔬")),
        ("EmojiReact", {"content": "1️⃣"}, ("emoji", "1️⃣")),
        ("EmojiReact", {"content": "🏴󠁧󠁢󠁷󠁬󠁳󠁿"}, ("emoji", "🏴󠁧󠁢󠁷󠁬󠁳󠁿")),
        ("EmojiReact", {"content": ":blob@elsewhere.test:"}, ("emoji", ":blob@elsewhere.test:")),
    ],
)
def test_a_reaction_is_a_like_a_dislike_or_an_emoji(
    kind: str, said: dict[str, Any], found: tuple[str, str]
):
    read = reaction(kind, **said)
    assert (read.kind, read.content) == found
    assert len(read.content.encode()) <= 200


@pytest.mark.parametrize("content", [None, "", "words", "12", 5, "x" * 1_000_000])
def test_an_emoji_reaction_needs_an_emoji(content: object):
    with pytest.raises(Malformed, match="emoji"):
        activity("EmojiReact", POST, content=content)


def test_the_post_may_be_sent_along():
    found = activity("Like", {**NOTE, "id": POST})
    assert isinstance(found, Reaction)
    assert found.object == POST


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (LIKE, Reaction),
        ({**LIKE, "type": "Dislike"}, Reaction),
        ({**LIKE, "type": "EmojiReact", "content": "🔥"}, Reaction),
        ({**LIKE, "id": None}, Reaction),
        ({**LIKE, "type": "Follow"}, Follow),
        ({"type": "Follow", "actor": ADA, "object": POST}, Follow),
        ({**LIKE, "type": "Delete"}, Delete),
        ({**LIKE, "type": "Announce"}, Announce),
        ({**LIKE, "type": "Announce", "object": NOTE}, Announce),
        (LIKE["id"], str),
        ([LIKE["id"]], str),
        ({"id": LIKE["id"]}, str),
    ],
)
def test_what_is_taken_back_comes_whole_or_by_its_id(inner: object, kind: type):
    found = activity("Undo", inner)
    assert isinstance(found, Undo)
    assert isinstance(found.object, kind)


@pytest.mark.parametrize("kind", ["Block", "Lock", "Join", "Create", "Note"])
def test_other_things_are_not_taken_back(kind: str):
    with pytest.raises(Unsupported):
        activity("Undo", {**LIKE, "type": kind})


def test_a_community_passes_on_one_reaction_or_many():
    found = activity("Announce", LIKE)
    assert isinstance(found, Announce)
    assert isinstance(found.object, Reaction)
    taken_back = activity("Announce", {**LIKE, "type": "Undo", "object": LIKE})
    assert isinstance(taken_back, Announce)
    assert isinstance(taken_back.object, Undo)
    batch = activity("Announce", BATCH)
    assert isinstance(batch, Announce)
    assert isinstance(batch.object, tuple)
    assert [type(one) for one in batch.object] == [Reaction, Undo]


def test_what_is_no_vote_is_left_out_of_many():
    items: list[Any] = [NOTE, LIKE["id"], {"type": "Like"}, None, LIKE]
    items.append({**LIKE, "type": "Undo", "object": {**LIKE, "type": "Follow"}})
    found = activity("Announce", {**BATCH, "orderedItems": items})
    assert isinstance(found, Announce)
    assert isinstance(found.object, tuple)
    assert len(found.object) == 1


def test_five_hundred_votes_are_read_of_ten_thousand():
    found = activity("Announce", {"type": "Collection", "items": [LIKE] * 10_000})
    assert isinstance(found, Announce)
    assert isinstance(found.object, tuple)
    assert len(found.object) == 500
