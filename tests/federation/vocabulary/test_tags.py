"""Hashtags, mentions, emoji, quotes."""

from __future__ import annotations

from typing import Any

import pytest

from storage.parts import Tag
from tests.federation.vocabulary.samples import EVE, TAGS, post


def tags(*entries: object) -> tuple[Tag, ...]:
    return post(tag=list(entries)).parts.tags


def test_hashtags_mentions_and_emoji_are_read():
    assert tags(*TAGS) == (
        Tag("hashtag", "Zebra", "https://there.test/tags/zebra"),
        Tag("mention", "eve@elsewhere.test", EVE),
        Tag("emoji", "zebra", "https://there.test/zebra.png"),
    )


@pytest.mark.parametrize("entry", TAGS)
def test_r55_one_tag_may_stand_without_a_list(entry: dict[str, Any]):
    assert post(tag=entry).parts.tags == tags(entry) != ()


@pytest.mark.parametrize(
    ("name", "href", "found"),
    [
        ("@eve@elsewhere.test", EVE, "eve@elsewhere.test"),
        ("eve@elsewhere.test", EVE, "eve@elsewhere.test"),
        ("@eve", EVE, "eve@elsewhere.test"),
        ("!zebras@elsewhere.test", EVE, "zebras@elsewhere.test"),
        (None, EVE, "eve@elsewhere.test"),
        ("", "https://elsewhere.test/@eve/", "eve@elsewhere.test"),
        ("@eve@", EVE, "eve@elsewhere.test"),
        ("Eve <b>", EVE, "eve@elsewhere.test"),
    ],
)
def test_a_mention_names_an_account_with_its_host(name: object, href: str, found: str):
    assert tags({"type": "Mention", "href": href, "name": name}) == (Tag("mention", found, href),)


def test_peertube_hashtags_have_no_sign_and_gancios_no_address():
    assert tags({"type": "Hashtag", "name": "linux"}) == (Tag("hashtag", "linux"),)
    assert tags({"type": "Hashtag", "name": "#test", "href": "/tags/test"}) == (
        Tag("hashtag", "test"),
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "Hashtag"},
        {"type": "Hashtag", "name": "two words"},
        {"type": "Hashtag", "name": "#"},
        {"type": "Hashtag", "name": "x" * 101},
        {"type": "Hashtag", "name": ["x"]},
        {"type": "Mention", "name": "@eve"},
        {"type": "Mention", "href": "https://elsewhere.test/"},
        {"type": "Mention", "href": "acct:eve@elsewhere.test", "name": "@eve"},
        {"type": "Emoji", "name": ":x:"},
        {"type": "Emoji", "name": ":x y:", "icon": "https://x.test/1.png"},
        {"type": "Emoji", "icon": "https://x.test/1.png"},
        {"type": "Thing", "name": "x"},
        {"name": "x"},
        "x",
        None,
        [{"type": "Hashtag", "name": "x"}],
    ],
)
def test_other_tags_are_skipped(entry: object):
    assert tags(entry, TAGS[0]) == tags(TAGS[0])


def test_fifty_of_a_kind_are_kept_of_ten_thousand():
    many = [{"type": "Mention", "href": f"https://x.test/{n}", "name": f"@a{n}"} for n in range(99)]
    hashtags = [{"type": "Hashtag", "name": f"x{n}"} for n in range(99)]
    found = tags(*many, *hashtags, *many * 100)
    assert [tag.kind for tag in found] == ["mention"] * 50 + ["hashtag"] * 50


def test_the_same_tag_counts_once():
    assert tags(*[TAGS[0]] * 60, TAGS[1]) == tags(TAGS[0], TAGS[1])


@pytest.mark.parametrize(
    "said",
    [
        {"quote": EVE},
        {"quote": {"id": EVE, "type": "Note"}},
        {"quoteUrl": EVE},
        {"quoteUri": EVE},
        {"_misskey_quote": EVE},
        {"quote": None, "quoteUrl": "x", "_misskey_quote": EVE},
        {
            "tag": {
                "type": "Link",
                "mediaType": "application/activity+json",
                "href": EVE,
                "rel": "https://misskey-hub.net/ns#_misskey_quote",
            }
        },
        {"tag": [{"type": "Link", "href": EVE, "rel": ["x", "https://w3id.org/fep/044f#quote"]}]},
    ],
)
def test_a_quote_is_read_in_every_spelling(said: dict[str, Any]):
    assert post(**said).parts.quote_uri == EVE


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"quote": "x"},
        {"quote": [EVE, EVE]},
        {"tag": {"type": "Link", "href": EVE}},
        {"tag": {"type": "Link", "href": "x", "rel": "https://w3id.org/fep/044f#quote"}},
        {"tag": {"type": "Link", "href": EVE, "rel": {"x": 1}}},
    ],
)
def test_what_is_no_quote_is_none(said: dict[str, Any]):
    assert post(**said).parts.quote_uri is None
