"""Documents in the shapes of the servers that are named in them, and one way to read each kind."""

from __future__ import annotations

from typing import Any

from federation.vocabulary.activities import parse_activity
from federation.vocabulary.posts import parse_post
from federation.vocabulary.types import PUBLIC, Activity, Post

ADA = "https://there.test/users/ada"
EVE = "https://elsewhere.test/users/eve"
NOTE: dict[str, Any] = {
    "id": "https://there.test/n/1",
    "type": "Note",
    "attributedTo": ADA,
    "content": "<p>Hello</p>",
    "to": [PUBLIC],
}
ACTOR: dict[str, Any] = {
    "id": ADA,
    "type": "Person",
    "preferredUsername": "ada",
    "inbox": f"{ADA}/inbox",
}
MASTODON_IMAGE: dict[str, Any] = {
    "type": "Document",
    "mediaType": "image/png",
    "url": "https://there.test/1.png",
    "name": "A zebra",
    "focalPoint": [-0.5, 0.25],
    "blurhash": "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
    "width": 640,
    "height": 480,
}
PEERTUBE_VIDEO: dict[str, Any] = {
    "id": "https://there.test/videos/1",
    "type": "Video",
    "name": "A talk",
    "duration": "PT1H2M3.5S",
    "mediaType": "text/markdown",
    "content": "About **talks**",
    "attributedTo": [
        {"type": "Person", "id": ADA},
        {"type": "Group", "id": "https://there.test/channels/1"},
    ],
    "icon": [{"type": "Image", "url": "https://there.test/1.jpg", "mediaType": "image/jpeg"}],
    "url": [
        {"type": "Link", "mediaType": "text/html", "href": "https://there.test/w/1"},
        {
            "type": "Link",
            "mediaType": "application/x-mpegURL",
            "href": "https://there.test/1.m3u8",
            "tag": [
                {"type": "Infohash", "name": "x"},
                {
                    "type": "Link",
                    "mediaType": "video/mp4",
                    "href": "https://there.test/1-480.mp4",
                    "height": 480,
                    "width": 854,
                },
                {
                    "type": "Link",
                    "mediaType": "video/mp4",
                    "href": "https://there.test/1-2160.mp4",
                    "height": 2160,
                },
            ],
        },
        {"type": "Link", "mediaType": "application/x-bittorrent", "href": "magnet:?xt=1"},
    ],
}
QUESTION: dict[str, Any] = {
    **NOTE,
    "type": "Question",
    "endTime": "2025-06-01T10:00:00Z",
    "votersCount": 5,
    "oneOf": [
        {"type": "Note", "name": "Yes", "replies": {"type": "Collection", "totalItems": 4}},
        {"type": "Note", "name": "No", "replies": {"type": "Collection", "totalItems": 1}},
    ],
}
EVENT: dict[str, Any] = {
    **NOTE,
    "type": "Event",
    "name": "A meeting",
    "startTime": "2025-06-01T10:00:00+02:00",
    "endTime": "2025-06-01T12:00:00+02:00",
    "timezone": "Europe/Rome",
    "location": {
        "type": "Place",
        "name": "The library",
        "address": {
            "type": "PostalAddress",
            "streetAddress": "1 Main Street",
            "postalCode": None,
            "addressLocality": "Cardiff",
            "addressCountry": "Wales",
        },
    },
}
TAGS: list[dict[str, Any]] = [
    {"type": "Hashtag", "href": "https://there.test/tags/zebra", "name": "#Zebra"},
    {"type": "Mention", "href": EVE, "name": "@eve@elsewhere.test"},
    {
        "type": "Emoji",
        "id": "https://there.test/emojis/1",
        "name": ":zebra:",
        "icon": {"type": "Image", "mediaType": "image/png", "url": "https://there.test/zebra.png"},
    },
]
LIKE: dict[str, Any] = {
    "id": "https://there.test/likes/1",
    "type": "Like",
    "actor": ADA,
    "object": "https://here.test/n/1",
}
BATCH: dict[str, Any] = {
    "id": "https://there.test/batches/1",
    "type": "OrderedCollection",
    "totalItems": 2,
    "orderedItems": [
        LIKE,
        {"id": "https://there.test/u/1", "type": "Undo", "actor": ADA, "object": LIKE},
    ],
}
COLLECTION: dict[str, Any] = {
    "id": "https://there.test/c",
    "type": "OrderedCollection",
    "totalItems": 3,
    "first": {
        "type": "OrderedCollectionPage",
        "next": "https://there.test/c?page=2",
        "orderedItems": ["https://there.test/n/1", NOTE],
    },
}


def post(**changed: Any) -> Post:
    return parse_post({**NOTE, **changed})


def activity(kind: str, inner: object, **more: Any) -> Activity:
    return parse_activity(
        {"id": "https://there.test/a/1", "type": kind, "actor": ADA, "object": inner, **more}
    )
