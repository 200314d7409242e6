"""Multikey (FEP-521a): a public key as base58 text, with a prefix that says of which kind it is.

Keys are stored as PEM whatever their kind; this is only how they travel.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from federation.errors import Malformed

ED25519_PREFIX = b"\xed\x01"
RSA_PREFIX = b"\x85\x24"
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PLACES = {letter: place for place, letter in enumerate(ALPHABET)}
MAX_TEXT = 1500  # an RSA key of 8192 bits has 1421


@lru_cache(1024)
def to_multikey(pem: str) -> str:
    """The `publicKeyMultibase` of a public key in PEM. Raises ValueError for another kind."""
    key = serialization.load_pem_public_key(pem.encode())
    if isinstance(key, Ed25519PublicKey):
        return to_base58(ED25519_PREFIX + key.public_bytes_raw())
    if isinstance(key, RSAPublicKey):
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        return to_base58(RSA_PREFIX + der)
    raise ValueError("neither Ed25519 nor RSA")


@lru_cache(1024)
def from_multikey(text: str) -> tuple[str, str]:
    """The kind ('ed25519' or 'rsa') and the PEM of a `publicKeyMultibase`.

    Raises Malformed for any other kind of key too: an actor may list some that are of no use here.
    """
    data = from_base58(text)
    try:
        if data.startswith(ED25519_PREFIX):
            return "ed25519", _pem_of(Ed25519PublicKey.from_public_bytes(data[2:]))
        if data.startswith(RSA_PREFIX):
            key = serialization.load_der_public_key(data[2:])
            if isinstance(key, RSAPublicKey):
                return "rsa", _pem_of(key)
    except (ValueError, UnsupportedAlgorithm):
        pass
    raise Malformed("multikey")


def to_base58(data: bytes) -> str:
    """Multibase base58btc: `z`, then the digits of the number that the bytes are."""
    number = int.from_bytes(data)
    digits = []
    while number:
        number, rest = divmod(number, 58)
        digits.append(ALPHABET[rest])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "z" + ALPHABET[0] * zeros + "".join(reversed(digits))


def from_base58(text: str) -> bytes:
    """The bytes of a multibase base58btc text. Raises Malformed."""
    if not text.startswith("z") or len(text) > MAX_TEXT:
        raise Malformed("multibase")
    number = 0
    try:
        for letter in text[1:]:
            number = number * 58 + PLACES[letter]
    except KeyError:
        raise Malformed("multibase") from None
    zeros = len(text) - 1 - len(text[1:].lstrip(ALPHABET[0]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)


def _pem_of(key: Ed25519PublicKey | RSAPublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
