"""Key pairs of our own actors: RSA, which every server can verify."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048  # larger keys are refused by some software, smaller ones by all


@dataclass(frozen=True, slots=True)
class Keypair:
    public_pem: str
    private_pem: str = field(repr=False)


async def new_keypair() -> Keypair:
    """Takes a tenth of a second: make it before a transaction, not in one."""
    return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), make_keypair)


def make_keypair() -> Keypair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Keypair(public.decode(), private.decode())


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - threads do not survive a fork
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="keypair")
