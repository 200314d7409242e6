"""What a body hashes to, as Digest (RFC 3230) and as Content-Digest (RFC 9530)."""

from __future__ import annotations

import base64
import hashlib


def digest_of(body: bytes) -> str:
    """The Digest header of a body."""
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def content_digest_of(body: bytes) -> str:
    """The Content-Digest header of a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
