"""A document's context, its bytes, and how another document goes into it unchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

Document: TypeAlias = dict[str, Any]

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"

# Static, and short: every remote context is one more that Friendica must load, and a changing one
# can not be cached. What only few documents say stands in contexts of their own.
CONTEXT: list[Any] = [
    "https://www.w3.org/ns/activitystreams",
    "https://w3id.org/security/v1",
    {
        "toot": "http://joinmastodon.org/ns#",
        "lemmy": "https://join-lemmy.org/ns#",
        "dz": "https://dazzle.example/ns#",
        "sensitive": "as:sensitive",
        "Hashtag": "as:Hashtag",
        "Emoji": "toot:Emoji",
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "moderators": {"@id": "lemmy:moderators", "@type": "@id"},
        "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
        "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
    },
]

# Attachments, polls, quotes, events, emojis as answers.
POST_TERMS: Document = {
    "EmojiReact": "http://litepub.social/ns#EmojiReact",
    "blurhash": "toot:blurhash",
    "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
    "votersCount": "toot:votersCount",
    "quote": {"@id": "https://w3id.org/fep/044f#quote", "@type": "@id"},
    "quoteUrl": "as:quoteUrl",
    "quoteUri": "http://fedibird.com/ns#quoteUri",
    "_misskey_quote": "https://misskey-hub.net/ns#_misskey_quote",
    "address": "https://schema.org/address",
    "VirtualLocation": "https://schema.org/VirtualLocation",
    "timezone": "https://w3id.org/fep/8a8e/timezone",
    "joinMode": "https://w3id.org/fep/8a8e/joinMode",
    "displayEndTime": "https://w3id.org/fep/8a8e/displayEndTime",
    "organizers": "https://w3id.org/fep/8a8e/organizers",
}

# Keys for proofs (FEP-521a), and moving.
ACTOR_TERMS: Document = {
    "sec": "https://w3id.org/security#",
    "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
    "movedTo": {"@id": "as:movedTo", "@type": "@id"},
    "assertionMethod": {"@id": "sec:assertionMethod", "@type": "@id", "@container": "@set"},
    "Multikey": "sec:Multikey",
    "controller": {"@id": "sec:controller", "@type": "@id"},
    "publicKeyMultibase": {"@id": "sec:publicKeyMultibase", "@type": "sec:multibase"},
}

# A private message, for forums and chats.
CHAT_TERMS: Document = {"ChatMessage": "http://litepub.social/ns#ChatMessage"}

# That something was erased, between servers that keep receipts of it.
RECEIPT_TERMS: Document = {"Acknowledge": "https://dazzle.example/ns#Acknowledge"}

# A proof in the document (FEP-8b32).
PROOF_TERMS: Document = {
    "sec": "https://w3id.org/security#",
    "DataIntegrityProof": "sec:DataIntegrityProof",
    "proof": {"@id": "sec:proof", "@type": "@id", "@container": "@graph"},
    "cryptosuite": {"@id": "sec:cryptosuite", "@type": "sec:cryptosuiteString"},
    "verificationMethod": {"@id": "sec:verificationMethod", "@type": "@id"},
    "proofPurpose": {"@id": "sec:proofPurpose", "@type": "@vocab"},
    "proofValue": {"@id": "sec:proofValue", "@type": "sec:multibase"},
    "assertionMethod": {"@id": "sec:assertionMethod", "@type": "@id", "@container": "@set"},
}


def with_context(document: Document, *, is_proved: bool = False) -> Document:
    """The document with every context that it needs, and none that it does not."""
    inner = document.get("object")
    words = {*document, document.get("type")}
    if isinstance(inner, dict):
        words |= {*inner, inner.get("type")}
    known_terms = (POST_TERMS, ACTOR_TERMS, CHAT_TERMS, RECEIPT_TERMS)
    terms = [known for known in known_terms if not words.isdisjoint(known)]
    if is_proved:
        terms.append(PROOF_TERMS)
    return {"@context": [*CONTEXT, *terms] if terms else CONTEXT, **document}


def to_bytes(document: Document) -> bytes:
    """The bytes of a document with its context."""
    return encode(with_context(document))


def encode(document: Document) -> bytes:
    """The bytes of a document that has its context."""
    return msgspec.json.encode(document)


def to_bytes_around(document: Document, inner: bytes) -> bytes:
    """The bytes of a document whose `object` is another one, spliced in byte for byte.

    Parsing it and writing it again would break a proof in it and lose what we do not know
    (FEP-1b12: the group forwards the activity as it received it).
    """
    return to_bytes(document)[:-1] + b',"object":' + inner + b"}"


def time_text(moment: datetime) -> str:
    """A moment as other servers read it, to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
