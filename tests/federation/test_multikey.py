"""Keys as they travel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from federation.errors import Malformed
from federation.multikey import MAX_TEXT, from_base58, from_multikey, to_base58, to_multikey


def pem_of(key: ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def test_a_key_comes_back_as_it_went():
    for kind, key in (
        ("ed25519", ed25519.Ed25519PrivateKey.generate().public_key()),
        ("rsa", rsa.generate_private_key(65537, 2048).public_key()),
    ):
        assert from_multikey(to_multikey(pem_of(key))) == (kind, pem_of(key))


@pytest.mark.skipif("DAZZLE_TEST_CORPUS" not in os.environ, reason="needs DAZZLE_TEST_CORPUS")
def test_the_examples_of_fep_521a_read_as_they_say():
    path = Path(os.environ["DAZZLE_TEST_CORPUS"]) / "vectors/fep/fep-521a.feature"
    text = path.read_text(encoding="utf-8")
    ed25519_hex, rsa_hex = (part.split('"')[1] for part in text.split("hex string")[1:])
    ed25519_text, rsa_text = (
        part.split('"')[1] for part in text.split('"publicKeyMultibase": ')[1:]
    )
    known = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(ed25519_hex))
    assert (to_multikey(pem_of(known)), from_multikey(ed25519_text)[0]) == (ed25519_text, "ed25519")
    known_rsa = serialization.load_der_public_key(bytes.fromhex(rsa_hex))
    assert isinstance(known_rsa, rsa.RSAPublicKey)
    assert (to_multikey(pem_of(known_rsa)), from_multikey(rsa_text)[0]) == (rsa_text, "rsa")


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\1", b"\xff" * 40])
def test_zeros_in_front_are_kept(data: bytes):
    assert from_base58(to_base58(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "m" + "A" * 48,
        "z0OIl",
        "zü",
        "z6Mk",
        "z" + "2" * MAX_TEXT,
        to_base58(b"\xed\x01" + b"x" * 31),
        to_base58(b"\x85\x24junk"),
        to_base58(b"\x80\x24" + b"x" * 33),
    ],
)
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(Malformed):
        from_multikey(text)


def test_another_kind_of_key_does_not_travel():
    with pytest.raises(ValueError):
        to_multikey(pem_of(ec.generate_private_key(ec.SECP256R1()).public_key()))
