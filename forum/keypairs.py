"""Key pairs of our own actors: RSA to sign requests with, which every server can verify, and
Ed25519 to sign documents with, so that they can be believed wherever they are found (FEP-8b32)."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from forum.site import Site
from storage import keys
from storage.db import Connection
from storage.keys import NewKey

BITS = 2048  # larger keys are refused by some software, smaller ones by all
BATCH = 500


@dataclass(frozen=True, slots=True)
class Keypair:
    """The two pairs of one actor. The first is RSA."""

    public_pem: str
    private_pem: str = field(repr=False)
    public_ed25519_pem: str
    private_ed25519_pem: str = field(repr=False)


async def new_keypair() -> Keypair:
    """Takes a tenth of a second: make it before a transaction, not in one."""
    return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), make_keypair)


def make_keypair() -> Keypair:
    return Keypair(
        *_pems(rsa.generate_private_key(public_exponent=65537, key_size=BITS)),
        *_pems(ed25519.Ed25519PrivateKey.generate()),
    )


async def store_keypair(conn: Connection, site: Site, actor_id: int, keypair: Keypair) -> None:
    """Keep the keys of a person or a community that is made in this transaction."""
    await keys.add_own(
        conn,
        [
            NewKey(
                site.key_uri(actor_id), actor_id, keypair.public_pem, keypair.private_pem, "rsa"
            ),
            NewKey(
                site.proof_key_uri(actor_id),
                actor_id,
                keypair.public_ed25519_pem,
                keypair.private_ed25519_pem,
                "ed25519",
            ),
        ],
    )


async def add_proof_keys(conn: Connection, site: Site) -> None:
    """Give an Ed25519 key to everybody here who has none; making one takes no time."""
    last = 0
    while missing := await keys.list_without_proof_key(conn, after=last, limit=BATCH):
        await keys.add_own(conn, [_new_proof_key(site, actor_id) for actor_id in missing])
        last = missing[-1]


def _new_proof_key(site: Site, actor_id: int) -> NewKey:
    public, private = _pems(ed25519.Ed25519PrivateKey.generate())
    return NewKey(site.proof_key_uri(actor_id), actor_id, public, private, "ed25519")


def _pems(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> tuple[str, str]:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return public.decode(), private.decode()


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - threads do not survive a fork
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="keypair")
