from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.text import clean_parts
from forum.text.parts import ALT_LIMIT, MOST_ATTACHMENTS, MOST_TAGS
from storage.parts import NO_PARTS, Attachment, Happening, Parts, Tag, parts_of, to_stored

WHEN = datetime(2026, 5, 1, 18, 30, tzinfo=UTC)
PICTURE = Attachment(
    kind="image",
    url="https://there.test/a.png?x=1#y",
    media_type="image/png",
    alt="Two zebras",
    width=640,
    height=480,
    focus=(-0.5, 1.0),
    blurhash="LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    preview_url="https://there.test/a.small.png",
)


def test_what_is_well_made_stays_as_it_is() -> None:
    parts = Parts(
        attachments=(PICTURE, Attachment("video", "http://there.test/v", seconds=12.5)),
        tags=(Tag("hashtag", "marfan", "https://there.test/tags/marfan"), Tag("emoji", "blob")),
        happening=Happening(WHEN, WHEN, "Europe/Berlin", "Town hall", "Main street 1"),
        quote_uri="https://there.test/posts/1",
    )
    assert clean_parts(parts) == parts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "ftp://there.test/a",
        "//there.test/a",
        "https://",
        "https://there.test/a b",
        "https://there.test/\n",
        'https://there.test/"onload="x',
        "https://there.test/\x00",
        "https://there.test/" + "a" * 2048,
    ],
)
def test_only_links_of_the_web_are_kept(url: str) -> None:
    parts = Parts(
        attachments=(Attachment("image", url),),
        tags=(Tag("emoji", "blob", url),),
        happening=Happening(WHEN, url=url),
        quote_uri=url,
    )
    cleaned = clean_parts(parts)
    assert cleaned.attachments == ()
    assert cleaned.tags == (Tag("emoji", "blob"),)
    assert cleaned.happening == Happening(WHEN)
    assert cleaned.quote_uri is None


def test_a_preview_that_is_no_link_leaves_its_picture() -> None:
    (kept,) = clean_parts(
        Parts((Attachment("image", "https://there.test/a", preview_url="x"),))
    ).attachments
    assert kept == Attachment("image", "https://there.test/a")


def test_numbers_that_cannot_be_are_left_out() -> None:
    url = "https://there.test/a"
    odd = [
        Attachment("image", url, width=0, height=-1),
        Attachment("image", url, width=10**9, seconds=math.inf),
        Attachment("image", url, seconds=math.nan, focus=(math.nan, 0.0)),
        Attachment("image", url, seconds=-1.0, focus=(0.0, 1.5)),
        Attachment("image", url, media_type="not a type", blurhash="<b>"),
    ]
    cleaned = clean_parts(Parts(tuple(odd)))
    assert cleaned.attachments == (Attachment("image", url),) * 5


def test_texts_are_cut_and_freed_of_what_harms() -> None:
    picture = Attachment("image", "https://there.test/a", alt="a\x00\u202e" + "b" * 5000)
    tag = Tag("hashtag", " zebra\n")
    happening = Happening(datetime(2026, 5, 1), timezone="<x>", place="p\n" * 400)
    cleaned = clean_parts(Parts((picture,), (tag, Tag("hashtag", "\x00")), happening))
    assert cleaned.attachments[0].alt == "a" + "b" * (ALT_LIMIT - 1)
    assert cleaned.tags == (Tag("hashtag", "zebra"),)
    assert cleaned.happening is not None
    assert len(cleaned.happening.place) <= 300
    assert cleaned.happening.timezone == ""
    assert cleaned.happening.starts_at.tzinfo is UTC


def test_there_are_only_so_many() -> None:
    pictures = tuple(Attachment("image", f"https://x.test/{n}") for n in range(100))
    tags = tuple(Tag("hashtag", f"t{n % 80}") for n in range(200))
    cleaned = clean_parts(Parts(pictures, tags))
    assert cleaned.attachments == pictures[:MOST_ATTACHMENTS]
    assert cleaned.tags == tags[:MOST_TAGS]


texts = st.text(max_size=40)
links = st.one_of(texts, texts.map(lambda text: f"https://there.test/{text}"))
numbers = st.none() | st.floats()
attachments = st.builds(
    Attachment,
    kind=st.sampled_from(["image", "video", "audio", "document", "link"]),
    url=links,
    media_type=texts,
    alt=texts,
    width=st.none() | st.integers(),
    height=st.none() | st.integers(),
    seconds=numbers,
    focus=st.none() | st.tuples(st.floats(), st.floats()),
    blurhash=texts,
    preview_url=st.none() | links,
)
tags = st.builds(Tag, kind=st.sampled_from(["hashtag", "mention", "emoji"]), name=texts, url=links)
happenings = st.builds(
    Happening,
    starts_at=st.datetimes(timezones=st.none() | st.just(UTC)),
    ends_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    timezone=texts,
    place=texts,
    address=texts,
    url=st.none() | links,
)
all_parts = st.builds(
    Parts,
    attachments=st.lists(attachments, max_size=4).map(tuple),
    tags=st.lists(tags, max_size=4).map(tuple),
    happening=st.none() | happenings,
    quote_uri=st.none() | links,
)


@given(all_parts)
def test_whatever_comes_fits_into_a_database_and_comes_back_equal(parts: Parts) -> None:
    cleaned = clean_parts(parts)
    assert clean_parts(cleaned) == cleaned
    stored = json.dumps(to_stored(cleaned), allow_nan=False)
    assert "\\u0000" not in stored
    stored.encode("utf-8")
    assert parts_of(json.loads(stored)) == cleaned


def test_no_parts_are_stored_as_nothing() -> None:
    assert to_stored(NO_PARTS) is None
    assert parts_of(None) == NO_PARTS
