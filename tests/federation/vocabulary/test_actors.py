"""Accounts that moved, and their keys."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation.errors import Malformed, Unsupported
from federation.multikey import to_multikey
from federation.vocabulary.documents import parse_actor, parse_key
from tests.federation.vocabulary.samples import ACTOR, ADA, EVE

PEM = (
    Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
MULTIKEY = {
    "id": f"{ADA}#ed25519-key",
    "type": "Multikey",
    "controller": ADA,
    "publicKeyMultibase": to_multikey(PEM),
}
MAIN = {"id": f"{ADA}#main-key", "owner": ADA, "publicKeyPem": "pem"}


def test_an_account_says_where_it_moved_and_who_else_it_is():
    found = parse_actor({**ACTOR, "movedTo": EVE, "alsoKnownAs": [EVE, "did:key:z6Mk", EVE, 5]})
    assert (found.moved_to, found.also_known_as) == (EVE, (EVE,))
    alone = parse_actor({**ACTOR, "movedTo": "x", "alsoKnownAs": EVE})
    assert (alone.moved_to, alone.also_known_as) == (None, (EVE,))
    many = parse_actor({**ACTOR, "alsoKnownAs": [f"https://x.test/{n}" for n in range(10_000)]})
    assert len(many.also_known_as) == 20


def test_a_multikey_is_read_as_pem_beside_the_other_key():
    found = parse_actor({**ACTOR, "publicKey": MAIN, "assertionMethod": [MULTIKEY]})
    assert [(key.id, key.kind) for key in found.keys] == [
        (f"{ADA}#main-key", "rsa"),
        (f"{ADA}#ed25519-key", "ed25519"),
    ]
    assert found.keys[1].pem == PEM
    assert found.keys[1].owner == ADA


def test_a_key_may_stand_in_both_places_and_counts_once():
    twice = {**ACTOR, "publicKey": [MULTIKEY, MAIN], "assertionMethod": MULTIKEY}
    assert len(parse_actor(twice).keys) == 2


def test_an_ed25519_key_in_pem_is_known_as_one():
    assert parse_key({**MAIN, "publicKeyPem": PEM}).kind == "ed25519"


def test_a_multikey_stands_by_itself():
    assert parse_key(MULTIKEY).pem == PEM


@pytest.mark.parametrize("text", ["", "x", "z", "z0OIl", "zzzz", "z" * 100_000, 5, None])
def test_a_multikey_that_is_none_is_left_out_and_the_actor_stays(text: object):
    wrong = {**MULTIKEY, "publicKeyMultibase": text}
    assert parse_actor({**ACTOR, "assertionMethod": [wrong, f"{ADA}#other", 5]}).keys == ()
    with pytest.raises(Malformed):
        parse_key(wrong)


def test_an_actor_that_is_no_more_is_none():
    with pytest.raises(Unsupported):
        parse_actor({**ACTOR, "type": ["Person", "Tombstone"]})
