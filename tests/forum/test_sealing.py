from __future__ import annotations

import pytest

from forum.sealing import BadSeal, seal, unseal

SECRET = b"s" * 32


def test_what_was_sealed_opens_with_the_same_key_for_the_same_purpose():
    sealed = seal(SECRET, "codes", b"plain")
    assert b"plain" not in sealed
    assert unseal(SECRET, "codes", sealed) == b"plain"
    assert seal(SECRET, "codes", b"plain") != sealed


@pytest.mark.parametrize(
    ("secret", "purpose", "change"),
    [(b"t" * 32, "codes", 0), (SECRET, "mail", 0), (SECRET, "codes", 1)],
    ids=["another key", "another purpose", "a changed byte"],
)
def test_it_opens_for_nothing_else(secret, purpose, change):
    sealed = bytearray(seal(SECRET, "codes", b"plain"))
    sealed[-1] ^= change
    with pytest.raises(BadSeal):
        unseal(secret, purpose, bytes(sealed))


def test_what_is_too_short_to_be_a_seal_does_not_open():
    with pytest.raises(BadSeal):
        unseal(SECRET, "codes", b"short")
