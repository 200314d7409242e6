"""Object integrity proofs (FEP-8b32) with `eddsa-jcs-2022`: made and verified.

A proof is over the document as plain JSON in canonical form (RFC 8785), so that it survives being
passed on byte for byte. Linked-data signatures are no proof; they are taken off before one is read.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec
import rfc8785

from federation.address import is_same_origin
from federation.authenticate import find_signer
from federation.context import Federation
from federation.errors import BadSignature, Malformed
from federation.fetch import Budget
from federation.keys import load_proof_key
from federation.multikey import from_base58, from_multikey, to_base58, to_multikey
from federation.render.document import time_text
from federation.signatures.algorithms import ED25519
from federation.signatures.types import NEWEST, Signed
from federation.vocabulary.fields import id_of, moment, reference, uri
from storage.keys import ProofKey

__all__ = [
    "from_multikey",
    "proved_by",
    "read_proof",
    "sign_document",
    "to_multikey",
    "verify_proof",
]

SUITE = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022"}
PURPOSE = "assertionMethod"
MAX_PROOFS = 5
VALUE_BYTES = 64
MOST_EXACT = 2**53 - 1
LAST_OF_PLANE = "\uffff"

Document = dict[str, Any]


def sign_document(document: Document, key: ProofKey, now: datetime) -> Document:
    """The document with a proof, instead of any that it had.

    Its @context must be the one that it is sent with: the proof covers it. Never for anything of a
    closed community: a proof lets whoever has the document show to others who wrote it.
    """
    unsecured = _unsecured(document)
    config = {
        **SUITE,
        "verificationMethod": key.uri,
        "proofPurpose": PURPOSE,
        "created": time_text(now),
    }
    if "@context" in unsecured:
        config = {"@context": unsecured["@context"], **config}
    text = _hash(config) + _hash(unsecured)
    value = to_base58(load_proof_key(key.private_pem).sign(text))
    return {**unsecured, "proof": {**config, "proofValue": value}}


def proved_by(document: Document) -> str | None:
    """The key with which a proof claims to be made; None without a proof that can be verified."""
    proof = _find_proof(document)
    method = None if proof is None else proof.get("verificationMethod")
    return method if isinstance(method, str) else None


async def verify_proof(fed: Federation, document: Document, budget: Budget) -> str:
    """The actor who made a document, by its proof; the document lives at that actor's origin.

    Raises BadSignature; Unreachable or Gone when the key could not be fetched, Malformed when the
    budget is spent, and NotAllowed for a server with which nothing is exchanged.
    """
    signed = read_proof(document, fed.clock.now())
    maker = _maker_of(document)
    if not is_same_origin(signed.key_uri, maker):
        raise BadSignature("key_owner")
    if await fed.keys.known(signed.key_uri) is None:
        budget.spend()
    key = await find_signer(fed, signed)
    if key.actor_uri != maker:
        raise BadSignature("key_owner")
    return maker


def read_proof(document: Document, now: datetime) -> Signed:
    """What the owner of the key must have signed, once all but the key is checked.

    Raises BadSignature.
    """
    proof = _find_proof(document)
    if proof is None:
        raise BadSignature("no_proof")
    if proof.get("proofPurpose") != PURPOSE:
        raise BadSignature("proof_purpose")
    _require_now(proof, now)
    try:
        key_uri = uri(proof.get("verificationMethod"))
        value = from_base58(str(proof.get("proofValue")))
    except Malformed:
        raise BadSignature("proof") from None
    if len(value) != VALUE_BYTES:
        raise BadSignature("proof")
    document_hash = _hash(_unsecured(document))
    texts = tuple(_hash(config) + document_hash for config in _configs(proof, document))
    return Signed(key_uri, value, texts, (ED25519,))


def _find_proof(document: Document) -> Document | None:
    """The first proof of the kind that we know. Others beside it do not matter."""
    value = document.get("proof")
    entries = value[:MAX_PROOFS] if isinstance(value, list) else [value]
    for entry in entries:
        if isinstance(entry, dict) and SUITE.items() <= _plain_items(entry):
            return entry
    return None


def _plain_items(entry: Document) -> set[tuple[str, str]]:
    return {(name, value) for name, value in entry.items() if isinstance(value, str)}


def _unsecured(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in ("proof", "signature")}


def _configs(proof: Document, document: Document) -> list[Document]:
    """What was signed beside the document. Raises BadSignature for a context of its own.

    Fedify signs the document's context along, as the specification says, and leaves it out of the
    proof that it sends.
    """
    config = {name: value for name, value in proof.items() if name != "proofValue"}
    context = document.get("@context")
    if "@context" in config:
        if config["@context"] != context:
            raise BadSignature("proof_context")
        return [config]
    return [config] if context is None else [config, {"@context": context, **config}]


def _require_now(proof: Document, now: datetime) -> None:
    created = moment(proof.get("created"))
    if created is None or created > now + NEWEST:
        raise BadSignature("date")
    if "expires" in proof:
        expires = moment(proof["expires"])
        if expires is None or expires < now - NEWEST:
            raise BadSignature("date")


def _maker_of(document: Document) -> str:
    """Who speaks in a document: its actor, its author, or itself. Raises BadSignature.

    A document that names two of them says two things to two readers.
    """
    try:
        named = {
            reference(document[name]) for name in ("actor", "attributedTo") if name in document
        }
        identifier = id_of(document)
    except Malformed:
        raise BadSignature("maker") from None
    maker = named.pop() if named else identifier
    if named or not is_same_origin(identifier, maker):
        raise BadSignature("maker")
    return maker


def _hash(value: Document) -> bytes:
    """Of the canonical form. Raises BadSignature for numbers that JavaScript can not hold."""
    try:
        return hashlib.sha256(canonical(value)).digest()
    except (ValueError, RecursionError):
        raise BadSignature("canonical_form") from None


def canonical(value: Any) -> bytes:
    """The canonical form of JSON (RFC 8785). Raises ValueError or RecursionError.

    Without fractions, large numbers and rare names it is JSON with sorted names, which msgspec
    writes many times faster than the library for all of them.
    """
    if _is_plain(value):
        return msgspec.json.encode(value, order="sorted")
    return rfc8785.dumps(value)


def _is_plain(value: Any) -> bool:
    """Whether names sort by UTF-16 units as they do by code points, and numbers are exact."""
    kind = type(value)
    if kind is dict:
        for name in value:
            if type(name) is not str or not (name.isascii() or max(name) <= LAST_OF_PLANE):
                return False
        value = value.values()
    elif kind is int:
        return bool(-MOST_EXACT <= value <= MOST_EXACT)
    elif kind is not list:
        return kind is str or kind is bool or value is None
    return all(type(part) is str or _is_plain(part) for part in value)
