"""How the server and its rendering child talk: four bytes of length, then that many bytes."""

from __future__ import annotations

LENGTH_BYTES = 4


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def length_of(header: bytes) -> int:
    return int.from_bytes(header, "big")
