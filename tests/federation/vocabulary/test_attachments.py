"""Files that come with posts, as each server describes them."""

from __future__ import annotations

from typing import Any

import pytest

from federation.vocabulary.posts import parse_post
from storage.parts import Attachment
from tests.federation.vocabulary.samples import MASTODON_IMAGE, NOTE, PEERTUBE_VIDEO, post


def attached(*entries: object, **changed: Any) -> tuple[Attachment, ...]:
    return post(attachment=list(entries), **changed).parts.attachments


def test_an_image_is_read_with_all_that_describes_it():
    assert attached(MASTODON_IMAGE) == (
        Attachment(
            "image",
            "https://there.test/1.png",
            media_type="image/png",
            alt="A zebra",
            width=640,
            height=480,
            focus=(-0.5, 0.25),
            blurhash="UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
        ),
    )


def test_r55_one_attachment_may_stand_without_a_list():
    assert post(attachment=MASTODON_IMAGE).parts == post(attachment=[MASTODON_IMAGE]).parts


def test_gotosocial_describes_in_summary_and_names_the_file_in_name():
    entry = {**MASTODON_IMAGE, "summary": "A panel of switches", "name": "z64KTcw2.jpg"}
    assert attached(entry)[0].alt == "A panel of switches"


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"type": "Link", "href": "https://x.test/page"}, "link"),
        ("https://x.test/page", "link"),
        ({"type": "Image", "url": "https://x.test/1"}, "image"),
        ({"type": "Document", "mediaType": "audio/ogg", "url": "https://x.test/1"}, "audio"),
        (
            {"type": "Document", "mediaType": "application/pdf", "url": "https://x.test/1"},
            "document",
        ),
        (
            {
                "type": "Document",
                "url": [{"type": "Link", "href": "https://x.test/1", "mediaType": "video/mp4"}],
            },
            "video",
        ),
        ({"type": ["Image", "Thing"], "url": {"href": "https://x.test/1"}}, "image"),
        ({"type": "Document", "url": "https://x.test/cover.JPEG?x"}, "image"),
    ],
)
def test_each_kind_is_known_by_its_media_type_or_its_type(entry: object, kind: str):
    (found,) = attached(entry)
    assert (found.kind, found.url.startswith("https://x.test/")) == (kind, True)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "PropertyValue", "name": "Pronouns", "value": "she"},
        {"type": "Image"},
        {"type": "Image", "url": "javascript:alert(1)"},
        {"type": "Image", "url": "magnet:?xt=urn"},
        {"type": "Image", "url": 7},
        {"url": "https://x.test/1"},
        [MASTODON_IMAGE],
        None,
        5,
        "x",
    ],
)
def test_what_is_no_file_is_skipped(entry: object):
    assert attached(entry, MASTODON_IMAGE) == attached(MASTODON_IMAGE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"focalPoint": [2, 0]},
        {"focalPoint": [float("nan"), 0]},
        {"focalPoint": [True, 0]},
        {"focalPoint": ["0", "0"]},
        {"focalPoint": [10**400, 0]},
        {"focalPoint": [0]},
        {"blurhash": "<script>"},
        {"blurhash": 5},
        {"width": -1},
        {"width": 10**18},
        {"width": "640"},
        {"duration": "P1Y"},
        {"duration": "soon"},
        {"duration": -5},
        {"duration": float("inf")},
        {"mediaType": "image/png<"},
        {"mediaType": ["image/png"]},
        {"icon": {"url": 5}},
        {"preview": "x"},
    ],
)
def test_a_wrong_detail_is_left_out_alone(wrong: dict[str, Any]):
    (found,) = attached({"type": "Image", "url": "https://x.test/1", "name": "A zebra", **wrong})
    assert found == Attachment("image", "https://x.test/1", alt="A zebra")


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("PT5151S", 5151.0), ("P1DT1H1M1.5S", 90061.5), (12, 12.0), (12.5, 12.5), ("PT", None)],
)
def test_a_length_in_time_is_read(duration: object, seconds: float | None):
    entry = {"type": "Audio", "url": "https://x.test/1", "duration": duration}
    assert attached(entry)[0].seconds == seconds


def test_a_preview_comes_from_icon_or_preview():
    video = {"type": "Video", "url": "https://x.test/1"}
    for name in ("icon", "preview"):
        for shape in (
            "https://x.test/p.jpg",
            {"type": "Image", "url": "https://x.test/p.jpg"},
            [{"type": "Image", "url": [{"type": "Link", "href": "https://x.test/p.jpg"}]}],
            {"type": "Link", "href": "https://x.test/p.jpg"},
        ):
            assert attached({**video, name: shape})[0].preview_url == "https://x.test/p.jpg"


def test_a_peertube_video_is_its_modest_file_with_its_picture():
    found = parse_post(PEERTUBE_VIDEO)
    assert found.url == "https://there.test/w/1"
    assert found.html == "<p>About **talks**</p>"
    assert found.parts.attachments == (
        Attachment(
            "video",
            "https://there.test/1-480.mp4",
            media_type="video/mp4",
            alt="A talk",
            width=854,
            height=480,
            seconds=3723.5,
            preview_url="https://there.test/1.jpg",
        ),
    )


def test_how_large_a_file_is_stands_beside_its_address_or_its_description():
    for entry in (
        {"type": "Video", "url": [{"type": "Link", "href": "https://x.test/1", "size": 5000}]},
        {"type": "Video", "url": "https://x.test/1", "size": 5000},
    ):
        assert attached(entry)[0].bytes == 5000
    for wrong in (0, -1, "5000", True, 10**12, None, [5000]):
        assert (
            attached({"type": "Video", "url": "https://x.test/1", "size": wrong})[0].bytes is None
        )


def test_of_a_video_in_large_sizes_only_the_largest_is_taken():
    links = [
        {"type": "Link", "mediaType": "video/mp4", "href": f"https://x.test/{n}", "height": n}
        for n in (1080, 2160)
    ]
    (found,) = post(type="Video", url=links).parts.attachments
    assert found.url == "https://x.test/2160"


@pytest.mark.parametrize(
    ("kind", "url", "found"),
    [
        ("Audio", [{"mimeType": "audio/ogg", "href": "https://x.test/1"}], "audio"),
        ("Image", "https://x.test/1", "image"),
        ("Document", "https://x.test/1", "document"),
        ("Link", "https://x.test/1", "link"),
        ("Video", "https://x.test/1", None),
        ("Document", [{"mediaType": "text/html", "href": "https://x.test/1"}], None),
        ("Note", "https://x.test/1", None),
        ("Page", "https://x.test/1", None),
    ],
)
def test_a_post_that_is_a_file_carries_it(kind: str, url: object, found: str | None):
    attachments = post(type=kind, url=url).parts.attachments
    assert [a.kind for a in attachments] == ([found] if found else [])


def test_a_link_may_name_its_page_in_href():
    found = parse_post({**NOTE, "type": "Link", "href": "https://x.test/1", "name": "A page"})
    assert found.title == "A page"
    assert found.parts.attachments == (Attachment("link", "https://x.test/1", alt="A page"),)


def test_the_picture_of_an_article_is_an_attachment_once():
    picture = {"type": "Image", "url": "https://there.test/1.png", "name": "A zebra"}
    assert post(type="Article", image=picture).parts.attachments[0].alt == "A zebra"
    assert len(attached(picture, image=picture)) == 1
    assert post(type="Page", image={"type": "Link", "href": "https://x.test/"}).parts.quote_uri is (
        None
    )


def test_sixteen_attachments_are_kept_of_ten_thousand_and_long_descriptions_cut():
    many = [{"type": "Image", "url": f"https://x.test/{n}", "name": "x" * 9000} for n in range(100)]
    found = attached(*many, *many * 100)
    assert len(found) == 16
    assert len(found[0].alt) == 1500
