"""A document's context, its bytes, and how another document goes into it unchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

Document: TypeAlias = dict[str, Any]

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"

# Static, and short: every remote context is one more that Friendica must load, and a changing one
# can not be cached.
CONTEXT: list[Any] = [
    "https://www.w3.org/ns/activitystreams",
    "https://w3id.org/security/v1",
    {
        "toot": "http://joinmastodon.org/ns#",
        "lemmy": "https://join-lemmy.org/ns#",
        "dz": "https://dazzle.example/ns#",
        "sensitive": "as:sensitive",
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "moderators": {"@id": "lemmy:moderators", "@type": "@id"},
        "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
        "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
    },
]


def to_bytes(document: Document) -> bytes:
    """The bytes of a document with its context."""
    return msgspec.json.encode({"@context": CONTEXT, **document})


def to_bytes_around(document: Document, inner: bytes) -> bytes:
    """The bytes of a document whose `object` is another one, spliced in byte for byte.

    Parsing it and writing it again would break a proof in it and lose what we do not know
    (FEP-1b12: the group forwards the activity as it received it).
    """
    return to_bytes(document)[:-1] + b',"object":' + inner + b"}"


def time_text(moment: datetime) -> str:
    """A moment as other servers read it, to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
