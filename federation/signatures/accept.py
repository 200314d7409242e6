"""Accept-Signature (RFC 9421, section 5): how one side asks the other for a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import http_sf

from federation.signatures.algorithms import RSA_SHA256
from federation.signatures.types import MAX_HEADER

# What our own documents, and a 401 of the inbox, ask for.
ACCEPT_SIGNATURE = "accept-signature"
OFFER_FOR_GET = 'sig1=("@method" "@target-uri");created;keyid'
OFFER_FOR_POST = 'sig1=("@method" "@target-uri" "content-digest");created;keyid'

MAX_COMPONENTS = 20
MAX_TEXT = 256
DERIVED = frozenset(
    {"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"}
)
FIELDS = frozenset({"host", "date", "content-type", "content-digest", "digest"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A signature that another server wants and that we can make."""

    components: tuple[str, ...] = ()
    nonce: str | None = None
    tag: str | None = None
    wants_expires: bool = False


PLAIN = Asked()


def read_asked(header: str | None) -> Asked | None:
    """The first signature asked for that we can make; None for anything else."""
    if header is None or len(header) > MAX_HEADER:
        return None
    try:
        parsed = http_sf.parse(header.encode("latin-1"), tltype="dictionary")
    except (http_sf.StructuredFieldError, ValueError):
        return None
    members = parsed.values() if isinstance(parsed, dict) else ()
    return next((asked for member in members if (asked := _asked(member)) is not None), None)


def _asked(member: Any) -> Asked | None:
    components, parameters = member
    if not isinstance(components, list) or len(components) > MAX_COMPONENTS:
        return None
    names = tuple(name for name, extra in components if type(name) is str and not extra)
    if len(names) < len(components) or len(set(names)) < len(names):
        return None
    if not set(names) <= DERIVED | FIELDS or parameters.get("alg", RSA_SHA256) != RSA_SHA256:
        return None
    nonce, tag = parameters.get("nonce"), parameters.get("tag")
    if not all(text is None or _is_text(text) for text in (nonce, tag)):
        return None
    return Asked(names, nonce, tag, "expires" in parameters)


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value) <= MAX_TEXT
