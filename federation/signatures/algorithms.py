"""The algorithms by which others sign, with the names of RFC 9421, and whether a key did.

RSA with SHA-1 and shared secrets are not among them, whatever a request says (a public key in PEM
must never become the secret of an HMAC).
"""

from __future__ import annotations

from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from federation.signatures.types import Signed

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey

RSA_SHA256 = "rsa-v1_5-sha256"
RSA_SHA512 = "rsa-v1_5-sha512"
RSA_PSS = "rsa-pss-sha512"
ED25519 = "ed25519"
# In the order in which they are tried when a request names none: what everybody uses comes first.
ALL = (RSA_SHA256, ED25519, RSA_SHA512, RSA_PSS)

PADDING = PKCS1v15()
HASH = SHA256()
RSA_SCHEMES = {
    RSA_SHA256: (PADDING, HASH),
    RSA_SHA512: (PADDING, SHA512()),
    RSA_PSS: (PSS(MGF1(SHA512()), SHA512.digest_size), SHA512()),
}


def is_signed_by(key: PublicKey, signed: Signed) -> bool:
    """Whether the key made the signature, over one of the texts, by an algorithm it can do."""
    return any(
        _verifies(key, signed.value, text, algorithm)
        for algorithm in signed.algorithms
        for text in signed.texts
    )


def _verifies(key: PublicKey, value: bytes, text: bytes, algorithm: str) -> bool:
    try:
        if isinstance(key, RSAPublicKey):
            scheme = RSA_SCHEMES.get(algorithm)
            if scheme is None:
                return False
            key.verify(value, text, *scheme)
        elif algorithm == ED25519:
            key.verify(value, text)
        else:
            return False
    except InvalidSignature:
        return False
    return True
