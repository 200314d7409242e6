"""What checking and making a signature costs, of each kind, with keys in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from bench.figures import Figure
from bench.world import World, note_of
from federation.address import parse_url
from federation.keys import load_own_key, load_public_key
from federation.proofs import read_proof, sign_document
from federation.signatures import Message, is_signed_by, read_signature, rfc9421, sign_request
from federation.signatures.types import Outgoing
from storage.keys import ProofKey
from tests import factories

COUNT = 2000
ORIGIN = "https://here.test"
KEY_URI = "https://there.test/actors/ada#main-key"
TYPE = {"content-type": "application/activity+json"}


def measure(world: World) -> list[Figure]:
    """Of a POST with an activity of usual size."""
    now = datetime.now(UTC)
    body = note_of(world.peers[0], world, 0)
    own = load_own_key(factories.KEYPAIR.private_pem)
    outgoing = Outgoing("POST", parse_url(f"{ORIGIN}/inbox"), body, TYPE)
    cavage = sign_request("post", f"{ORIGIN}/inbox", body, KEY_URI, own, now)
    newer = rfc9421.sign(outgoing, KEY_URI, own, now)
    proof_key = ProofKey(KEY_URI, factories.KEYPAIR.private_ed25519_pem)
    document = msgspec.json.decode(body)
    proved = sign_document(document, proof_key, now)
    return [
        _timed("draft-cavage verified", lambda: _verify(cavage, body, now)),
        _timed("RFC 9421 verified", lambda: _verify(newer, body, now)),
        _timed("proof verified (FEP-8b32)", lambda: _verify_proof(proved, now)),
        _timed(
            "draft-cavage signed",
            lambda: sign_request("post", f"{ORIGIN}/inbox", body, KEY_URI, own, now),
        ),
        _timed("RFC 9421 signed", lambda: rfc9421.sign(outgoing, KEY_URI, own, now)),
        _timed("proof made (FEP-8b32)", lambda: sign_document(document, proof_key, now)),
    ]


def _verify(headers: dict[str, str], body: bytes, now: datetime) -> None:
    received = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    signed = read_signature(Message("POST", ORIGIN, "/inbox", "", received, body), now)
    if signed is None or not is_signed_by(load_public_key(factories.KEYPAIR.public_pem), signed):
        raise RuntimeError("a signature of our own was not believed")


def _verify_proof(document: dict[str, object], now: datetime) -> None:
    key = load_public_key(factories.KEYPAIR.public_ed25519_pem)
    if not is_signed_by(key, read_proof(document, now)):
        raise RuntimeError("a proof of our own was not believed")


def _timed(name: str, work: Callable[[], object]) -> Figure:
    work()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(COUNT):
        work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Figure(name, COUNT, cpu, 0.0, wall, note=f"{cpu / COUNT * 1e6:.0f} µs")
