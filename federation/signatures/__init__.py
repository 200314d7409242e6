"""HTTP signatures in both forms: draft-cavage, which everybody speaks, and RFC 9421.

Signing and checking only: whose key it is, and where it comes from, is `keys` and `authenticate`.
"""

from __future__ import annotations

from datetime import datetime

from federation.signatures import cavage, rfc9421
from federation.signatures.algorithms import is_signed_by
from federation.signatures.cavage import sign_request
from federation.signatures.types import Message, Signed

__all__ = ["Message", "Signed", "is_signed_by", "read_signature", "sign_request"]


def read_signature(message: Message, now: datetime) -> Signed | None:
    """What the sender of a request must have signed; None if it is not signed.

    All but the key is checked. A Signature-Input decides that it is RFC 9421, of which the
    Signature header can not be read as the other form. Raises BadSignature.
    """
    if message.has(b"signature-input"):
        return rfc9421.read(message, now)
    return cavage.read(message, now)
