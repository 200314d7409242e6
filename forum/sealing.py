"""Secrets that must be read again, such as that of a code generator, sealed with the server's key.

A copy of the database alone opens none of them. `purpose` is bound into the seal: what was sealed
for one thing opens for no other.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class BadSeal(Exception):
    """It was sealed with another key, for another purpose, or changed."""


def seal(secret: bytes, purpose: str, plain: bytes) -> bytes:
    """Nonce and ciphertext; `secret` is that of the server."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_key(secret, purpose)).encrypt(nonce, plain, purpose.encode())


def unseal(secret: bytes, purpose: str, sealed: bytes) -> bytes:
    """Raises BadSeal."""
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return AESGCM(_key(secret, purpose)).decrypt(nonce, ciphertext, purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise BadSeal from error


def _key(secret: bytes, purpose: str) -> bytes:
    info = f"seal {purpose}".encode()
    return HKDF(hashes.SHA256(), length=32, salt=None, info=info).derive(secret)
