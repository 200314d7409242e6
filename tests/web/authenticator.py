"""A device with a passkey, as a browser would ask it: its key never leaves this file."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """Answers challenges of one origin. `is_verified`: somebody showed a finger or typed a PIN."""

    def __init__(self, origin: str = "https://here.test", domain: str = "here.test") -> None:
        self.origin = origin
        self.domain = domain
        self.id = os.urandom(16)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.counter = 0
        self.is_verified = True

    def make(self, options: dict[str, Any]) -> str:
        """A new key, as `navigator.credentials.create` answers."""
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + cbor2.dumps(cose)
        data = self._data(ATTESTED) + attested
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options)
        return self._answer(clientDataJSON=client, attestationObject=made)

    def sign(self, options: dict[str, Any]) -> str:
        """The answer of `navigator.credentials.get`."""
        self.counter += 1
        data, client = self._data(0), self._client("webauthn.get", options)
        signed = data + hashlib.sha256(client).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.is_verified else 0)
        domain = hashlib.sha256(self.domain.encode()).digest()
        return domain + bytes([flags]) + self.counter.to_bytes(4)

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said).encode()

    def _answer(self, **response: bytes) -> str:
        parts = {name: _text(value) for name, value in response.items()}
        key = _text(self.id)
        return json.dumps({"id": key, "rawId": key, "type": "public-key", "response": parts})


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")
