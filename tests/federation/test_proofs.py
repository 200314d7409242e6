"""Proofs, made and verified, against W3C's vectors and a library that shares no code with ours."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785
from apsig import ProofSigner, ProofVerifier
from cryptography.hazmat.primitives.asymmetric import ed25519

from federation import proofs
from federation.errors import BadSignature, Gone, Malformed, Unreachable
from federation.fetch import Budget
from federation.keys import load_public_key
from federation.multikey import from_base58, from_multikey, to_base58, to_multikey
from federation.proofs import proved_by, read_proof, sign_document, verify_proof
from federation.signatures import Signed, is_signed_by
from federation.signatures.algorithms import ED25519
from forum.errors import NotAllowed
from storage.instances import set_policy
from storage.keys import ProofKey, read_proof_key
from tests.factories import KEYPAIR, make_person
from tests.federation.conftest import Here
from tests.federation.peer import AS2, KEYS, Peer, pem_of
from tests.federation.witness import ED25519_KEYS, any_pem_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADA = "https://there.test/ada"
KEY = ProofKey(f"{ADA}#ed25519-key", KEYPAIR.private_ed25519_pem)
CONTEXT = [AS2, "https://w3id.org/security/data-integrity/v1"]
NOTE = {
    "@context": CONTEXT,
    "id": f"{ADA}/notes/1",
    "type": "Note",
    "attributedTo": ADA,
    "content": "<p>Grüße, \u20ac \U0001f993 and \u2028</p>",
    "sensitive": False,
    "tag": [],
    "likes": {"totalItems": 3, "weight": 1.0, "small": 1e-7, "big": 1e21},
    "summary": None,
}

corpus = pytest.mark.skipif(
    "DAZZLE_TEST_CORPUS" not in os.environ, reason="needs DAZZLE_TEST_CORPUS"
)


def vectors(name: str) -> Path:
    return Path(os.environ["DAZZLE_TEST_CORPUS"]) / "vectors" / name


def is_right(document: dict[str, Any], pem: str = KEYPAIR.public_ed25519_pem) -> bool:
    return is_signed_by(load_public_key(pem), read_proof(document, NOW))


def made_by_apsig(
    document: dict[str, Any], key: ed25519.Ed25519PrivateKey, key_uri: str, **options: Any
) -> dict[str, Any]:
    given = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "proofPurpose": "assertionMethod",
        "verificationMethod": key_uri,
        "created": "2026-03-01T12:00:00Z",
        **options,
    }
    kept = {name: value for name, value in given.items() if value is not None}
    return ProofSigner(key).sign(document, kept)


def actor_with(peer: Peer, name: str, key: ed25519.Ed25519PrivateKey = ED25519_KEYS[0]) -> str:
    uri = f"{peer.origin}/actors/{name}"
    multikey = {
        "id": f"{uri}#ed25519-key",
        "type": "Multikey",
        "controller": uri,
        "publicKeyMultibase": to_multikey(any_pem_of(key)),
    }
    return peer.actor(name, assertionMethod=[multikey])


def note_of(actor: str, /, **changed: Any) -> dict[str, Any]:
    return {**NOTE, "id": f"{actor}/notes/1", "attributedTo": actor, **changed}


def proved(
    actor: str, key: ed25519.Ed25519PrivateKey = ED25519_KEYS[0], **changed: Any
) -> dict[str, Any]:
    return made_by_apsig(note_of(actor, **changed), key, f"{actor}#ed25519-key")


@corpus
def test_r29_the_vectors_of_w3c_verify():
    folder = vectors("eddsa-jcs-2022")
    document = json.loads((folder / "signedJCS.json").read_text(encoding="utf-8"))
    _, pem = from_multikey(
        json.loads((folder / "keyPair.json").read_text(encoding="utf-8"))["publicKeyMultibase"]
    )
    proof = document["proof"]
    assert proved_by(document) == proof["verificationMethod"]
    (config,) = proofs._configs(proof, document)
    assert rfc8785.dumps(config) == (folder / "proofCanonJCS.txt").read_bytes()
    unsecured = proofs._unsecured(document)
    assert rfc8785.dumps(unsecured) == (folder / "canonDocJCS.txt").read_bytes()
    text = proofs._hash(config) + proofs._hash(unsecured)
    assert text.hex() == (folder / "combinedHashJCS.txt").read_text().strip()
    value = from_base58((folder / "sigBTC58JCS.txt").read_text().strip())
    assert value.hex() == (folder / "sigHexJCS.txt").read_text().strip()
    assert proof["proofValue"] == to_base58(value)
    key = load_public_key(pem)
    assert is_signed_by(key, Signed("k", value, (text,), (ED25519,)))
    assert not is_signed_by(key, Signed("k", value, (text[::-1],), (ED25519,)))


@corpus
@pytest.mark.parametrize("name", ["arrays", "french", "structures"])
def test_r29_the_canonical_form_is_that_of_rfc_8785(name: str):
    folder = vectors("jcs")
    given = json.loads((folder / "input" / f"{name}.json").read_text(encoding="utf-8"))
    assert rfc8785.dumps(given) == (folder / "output" / f"{name}.json").read_bytes()


def test_r29_what_we_prove_others_verify():
    document = sign_document(NOTE, KEY, NOW)
    sent = json.loads(msgspec.json.encode(document))
    assert list(sent)[-1] == "proof"
    assert proved_by(sent) == KEY.uri
    public = load_public_key(KEYPAIR.public_ed25519_pem)
    assert ProofVerifier(public).verify(json.loads(json.dumps(sent))) == KEY.uri
    assert is_right(sent)
    assert not is_right(sent, any_pem_of(ED25519_KEYS[0]))


def test_r29_any_change_of_a_proved_document_shows():
    document = sign_document(NOTE, KEY, NOW)
    proof = document["proof"]
    assert is_right(dict(reversed(document.items())))
    for changed in (
        {**document, "content": "<p>other</p>"},
        {**document, "added": 1},
        {name: value for name, value in document.items() if name != "summary"},
        {**document, "proof": {**proof, "created": "2026-03-01T11:59:59Z"}},
        {**document, "proof": {**proof, "verificationMethod": f"{ADA}#other"}},
        {**document, "proof": {**proof, "nonce": "1"}},
    ):
        assert not is_right(changed)


def test_r29_a_linked_data_signature_is_taken_off_first():
    signature = {"type": "RsaSignature2017", "signatureValue": "AAAA"}
    document = sign_document({**NOTE, "signature": signature}, KEY, NOW)
    assert "signature" not in document
    assert is_right({**document, "signature": signature})


def test_a_proof_takes_the_place_of_one_that_was_there():
    once = sign_document(NOTE, KEY, NOW - timedelta(hours=1))
    again = sign_document(once, KEY, NOW)
    assert again["proof"] != once["proof"]
    assert is_right(again)


def test_r29_a_context_that_is_left_out_of_the_proof_may_have_been_signed():
    """Fedify signs it and does not send it; others neither sign nor send it."""
    document = sign_document(NOTE, KEY, NOW)
    proof = {name: value for name, value in document["proof"].items() if name != "@context"}
    assert is_right({**document, "proof": proof})
    plain = {name: value for name, value in NOTE.items() if name != "@context"}
    bare = made_by_apsig(plain, ED25519_KEYS[0], KEY.uri)
    assert "@context" not in bare["proof"]
    assert is_right(bare, any_pem_of(ED25519_KEYS[0]))
    assert not is_right(bare)


def test_r29_a_context_that_is_not_the_documents_is_refused():
    document = sign_document(NOTE, KEY, NOW)
    for context in (AS2, [AS2], [*CONTEXT, {"content": "as:summary"}], None):
        with pytest.raises(BadSignature, match="proof_context"):
            read_proof({**document, "@context": context}, NOW)


def test_r29_one_of_several_proofs_is_enough():
    document = sign_document(NOTE, KEY, NOW)
    other = {"type": "DataIntegrityProof", "cryptosuite": "ecdsa-jcs-2019", "proofValue": "z"}
    assert is_right({**document, "proof": [other, document["proof"]]})
    assert is_right({**document, "proof": [document["proof"]]})


@pytest.mark.parametrize(
    "change",
    [
        {"type": "RsaSignature2017"},
        {"cryptosuite": "eddsa-rdfc-2022"},
        {"cryptosuite": None},
        {"proofPurpose": "authentication"},
        {"proofPurpose": None},
        {"verificationMethod": None},
        {"verificationMethod": "did:key:z6Mk"},
        {"verificationMethod": {"id": f"{ADA}#k"}},
        {"proofValue": None},
        {"proofValue": 5},
        {"proofValue": "z"},
        {"proofValue": "m" + "A" * 86},
        {"proofValue": to_base58(b"x" * 63)},
        {"proofValue": to_base58(b"x" * 65)},
        {"created": None},
        {"created": "yesterday"},
        {"created": 5},
        {"created": "2026-03-01T12:06:00Z"},
        {"expires": "2026-03-01T11:54:00Z"},
        {"expires": "never"},
        {"expires": None},
    ],
    ids=str,
)
def test_r29_a_proof_of_another_kind_or_time_is_refused(change: dict[str, Any]):
    document = sign_document(NOTE, KEY, NOW)
    with pytest.raises(BadSignature):
        read_proof({**document, "proof": {**document["proof"], **change}}, NOW)


def test_r29_a_proof_within_its_time_is_taken():
    for options in (
        {"created": "2026-03-01T12:04:00Z"},
        {"created": "2019-03-01T13:00:00.123456+01:00"},
        {"expires": "2026-03-01T11:56:00Z"},
        {"expires": "2027-01-01T00:00:00Z"},
    ):
        document = made_by_apsig(NOTE, ED25519_KEYS[0], KEY.uri, **options)
        assert is_right(document, any_pem_of(ED25519_KEYS[0]))


@pytest.mark.parametrize("proof", [None, "z", 5, [], {}, [[]], [None] * 100])
def test_a_document_without_a_usable_proof_has_none(proof: object):
    document = {**NOTE, "proof": proof}
    assert proved_by(document) is None
    with pytest.raises(BadSignature, match="no_proof"):
        read_proof(document, NOW)
    assert proved_by(NOTE) is None


@pytest.mark.parametrize("value", [2**53, -(2**60), "\ud800", {"\ud800": 1}, float("nan")])
def test_what_has_no_canonical_form_is_refused(value: object):
    document = sign_document(NOTE, KEY, NOW)
    with pytest.raises(BadSignature, match="canonical_form"):
        read_proof({**document, "extra": value}, NOW)


async def test_r29_a_document_tells_who_made_it_wherever_it_is_found(here: Here, peer: Peer):
    ada = actor_with(peer, "ada")
    budget = Budget(3)
    assert await verify_proof(here.fed, proved(ada), budget) == ada
    assert budget.left == 2
    assert await verify_proof(here.fed, proved(ada), budget) == ada
    assert budget.left == 2
    activity = {
        "@context": CONTEXT,
        "id": f"{ada}/creates/1",
        "type": "Create",
        "actor": ada,
        "object": note_of(ada),
    }
    signed = made_by_apsig(activity, ED25519_KEYS[0], f"{ada}#ed25519-key")
    assert await verify_proof(here.fed, signed, budget) == ada
    for wrong in ({**signed, "object": note_of(ada, content="x")}, proved(ada, ED25519_KEYS[1])):
        with pytest.raises(BadSignature):
            await verify_proof(here.fed, wrong, budget)


async def test_r29_a_wrong_owner_is_refused(here: Here, peer: Peer, other_peer: Peer):
    ada, bob, eve = actor_with(peer, "ada"), actor_with(peer, "bob"), actor_with(other_peer, "eve")
    assert await verify_proof(here.fed, proved(eve), Budget()) == eve

    def by(signer: str, document: dict[str, Any]) -> dict[str, Any]:
        return made_by_apsig(document, ED25519_KEYS[0], f"{signer}#ed25519-key")

    for document in (
        by(eve, note_of(ada)),
        by(bob, note_of(ada)),
        by(eve, note_of(eve, id=f"{ada}/notes/1")),
        by(eve, note_of(eve, id=None)),
        by(eve, note_of(eve, attributedTo=[eve, ada])),
        by(eve, note_of(eve, actor=ada)),
        by(eve, note_of(ada, actor=eve)),
        by(eve, {**note_of(eve), "attributedTo": None}),
    ):
        with pytest.raises(BadSignature, match=r"key_owner|maker"):
            await verify_proof(here.fed, document, Budget())


async def test_r29_a_key_that_its_owner_does_not_list_is_refused(here: Here, peer: Peer):
    ada = peer.actor("ada")
    with pytest.raises(BadSignature):
        await verify_proof(here.fed, proved(ada), Budget())
    uri = peer.put(
        "/key",
        {
            "id": f"{peer.origin}/key",
            "type": "Multikey",
            "controller": ada,
            "publicKeyMultibase": to_multikey(any_pem_of(ED25519_KEYS[0])),
        },
    )
    document = made_by_apsig(note_of(ada), ED25519_KEYS[0], uri)
    with pytest.raises(BadSignature):
        await verify_proof(here.fed, document, Budget())


async def test_r29_an_rsa_key_makes_no_such_proof(here: Here, peer: Peer):
    ada = peer.actor("ada")
    document = made_by_apsig(note_of(ada), ED25519_KEYS[0], f"{ada}#main-key")
    with pytest.raises(BadSignature):
        await verify_proof(here.fed, document, Budget())
    rows = await here.fetch("select public_pem, kind from actor_keys where uri like $1", f"{ada}%")
    assert rows == [(pem_of(KEYS[0]), "rsa")]


async def test_r20_a_rotated_key_proves_after_one_look(here: Here, peer: Peer):
    ada = actor_with(peer, "ada")
    assert await verify_proof(here.fed, proved(ada), Budget()) == ada
    actor_with(peer, "ada", ED25519_KEYS[1])
    assert await verify_proof(here.fed, proved(ada, ED25519_KEYS[1]), Budget()) == ada
    with pytest.raises(BadSignature):
        await verify_proof(here.fed, proved(ada), Budget())


@pytest.mark.parametrize(
    ("arrange", "trouble"),
    [
        (lambda peer: peer.put("/actors/ada", b"", status=500), Unreachable),
        (lambda peer: peer.put("/actors/ada", b"", status=410), Gone),
        (lambda peer: peer.put("/actors/ada", b"junk"), BadSignature),
    ],
)
async def test_trouble_with_the_key_is_told_apart(
    here: Here, peer: Peer, arrange: Callable[[Peer], object], trouble: type[Exception]
):
    ada = actor_with(peer, "ada")
    arrange(peer)
    with pytest.raises(trouble):
        await verify_proof(here.fed, proved(ada), Budget())


async def test_a_spent_budget_fetches_no_key(here: Here, peer: Peer):
    with pytest.raises(Malformed):
        await verify_proof(here.fed, proved(actor_with(peer, "ada")), Budget(0))
    assert peer.asked == []


async def test_nothing_is_asked_of_a_refused_server(here: Here, peer: Peer):
    async with here.database.write() as conn:
        await set_policy(conn, peer.host, "refused")
    with pytest.raises(NotAllowed):
        await verify_proof(here.fed, proved(actor_with(peer, "ada")), Budget())
    assert peer.asked == []


async def test_what_was_proved_here_is_known_when_it_comes_back(here: Here):
    async with here.database.write() as conn:
        person = await make_person(conn, site=here.site)
        key = await read_proof_key(conn, person.id)
    assert key
    document = sign_document(note_of(person.uri), key, here.fed.clock.now())
    assert await verify_proof(here.fed, document, Budget(0)) == person.uri
    with pytest.raises(BadSignature):
        await verify_proof(here.fed, {**document, "content": "x"}, Budget(0))
    unknown = here.site.actor_uri(1)
    forged = made_by_apsig(note_of(unknown), ED25519_KEYS[0], f"{unknown}#ed25519-key")
    with pytest.raises(BadSignature):
        await verify_proof(here.fed, forged, Budget())


SCRAPS = (
    "", "a", "é", "\u2028\x7f\x00\x1f\\\"/", "\ufb33", "\U0001f993", "\ue000", 0, -7, 2**53 - 1,
    1.0, -0.25, 1e-7, 123456789.125, True, False, None,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_the_quick_canonical_form_is_the_canonical_form(seed: int) -> None:
    dice = random.Random(seed)

    def anything(depth: int) -> Any:
        kind = dice.choice(["scrap", "list", "dict"]) if depth else "scrap"
        if kind == "scrap":
            return dice.choice(SCRAPS)
        parts = [anything(depth - 1) for _ in range(dice.randrange(5))]
        if kind == "list":
            return parts
        return {"".join(map(str, dice.sample(SCRAPS[:7], 2))): part for part in parts}

    value = anything(5)
    assert proofs.canonical(value) == rfc8785.dumps(value)
