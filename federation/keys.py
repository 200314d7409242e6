"""Key objects, loaded once, and whose key a keyId is: from memory, from storage, else fetched.

A key that cannot be fetched is not asked for again for ten minutes, however many requests name
it, and many requests for one unknown key make one fetch.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import lru_cache
from time import monotonic
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from federation.errors import BadSignature, FederationError, Gone
from federation.newcomers import Newcomers
from federation.signatures.algorithms import PublicKey
from storage.db import Database
from storage.keys import Key, read_key

MIN_BITS = 2048
MAX_BITS = 8192
EXPONENT = 65537
MAX_PEM = 4096

FRESH_SECONDS = 30.0  # a suspension or a new key elsewhere is noticed after this
FAILED_SECONDS = 600.0
REFETCH_SECONDS = 60.0  # between two refetches of one key that both changed nothing
WAIT_SECONDS = 20.0  # a request waits no longer for a key; the fetch itself goes on
MAX_ENTRIES = 5000

Fetch = Callable[[str], Coroutine[None, None, Key]]
Value = TypeVar("Value")


@lru_cache(1024)
def load_own_key(pem: str) -> RSAPrivateKey:
    """A private key that we made ourselves, to sign requests with.

    OpenSSL's validation costs as much as a hundred signatures and is for keys of strangers.
    """
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


@lru_cache(1024)
def load_proof_key(pem: str) -> Ed25519PrivateKey:
    """A private key that we made ourselves, to sign documents with."""
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("not an Ed25519 key")
    return key


@lru_cache(2048)
def load_public_key(pem: str) -> PublicKey:
    """A key of another server.

    Raises BadSignature unless it is Ed25519, or RSA with 2048 to 8192 bits and e = 65537.
    """
    if len(pem) > MAX_PEM:
        raise BadSignature("key")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadSignature("key") from None
    if isinstance(key, Ed25519PublicKey):
        return key
    if not isinstance(key, RSAPublicKey) or not MIN_BITS <= key.key_size <= MAX_BITS:
        raise BadSignature("key")
    if key.public_numbers().e != EXPONENT:
        raise BadSignature("key")
    return key


class KeyCache:
    """keyId to key and actor. `fetch` gets the key from its server and stores it with its actor."""

    def __init__(
        self, database: Database, fetch: Fetch, newcomers: Newcomers | None = None
    ) -> None:
        self._database = database
        self._fetch = fetch
        self._newcomers = newcomers or Newcomers()
        self._known: OrderedDict[str, tuple[float, Key]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[float, FederationError]] = OrderedDict()
        self._refetched: OrderedDict[str, float] = OrderedDict()
        self._running: dict[str, asyncio.Task[Key]] = {}

    def knows(self, key_uri: str) -> bool:
        """Whether the key is in memory, be it a little old."""
        return key_uri in self._known

    async def find(self, key_uri: str) -> Key:
        """The key, stored or fetched now.

        Raises FederationError, ForumError from the policy, TimeoutError when it takes too long.
        """
        known = self._fresh(key_uri) or await self.known(key_uri)
        return known or self._fresh(key_uri) or await self._fetch_once(key_uri)

    async def known(self, key_uri: str) -> Key | None:
        """The key if it is stored; nobody is asked."""
        fresh = self._fresh(key_uri)
        if fresh is not None:
            return fresh
        async with self._database.read() as conn:
            key = await read_key(conn, key_uri)
        fresh = self._fresh(key_uri)
        if fresh is not None:
            return fresh  # fetched meanwhile: what was read may be the one before
        if key is not None:
            _keep(self._known, key_uri, (monotonic() + FRESH_SECONDS, key))
        return key

    async def refetch(self, key: Key) -> Key | None:
        """The key after a look at its server, if it has changed: a rotation. Else None.

        Who comes while somebody looks waits for what they see: it is their rotation as well.
        """
        latest = self._fresh(key.uri)
        if latest is not None and latest.public_pem != key.public_pem:
            return latest
        if key.uri not in self._running:
            if self._refetched.get(key.uri, 0.0) > monotonic():
                return None
            _keep(self._refetched, key.uri, monotonic() + REFETCH_SECONDS)
        try:
            fresh = await self._fetch_once(key.uri)
        except FederationError:
            return None
        if fresh.public_pem == key.public_pem:
            return None
        self._refetched.pop(key.uri, None)
        return fresh

    def _fresh(self, key_uri: str) -> Key | None:
        known = self._known.get(key_uri)
        return known[1] if known is not None and known[0] > monotonic() else None

    async def _fetch_once(self, key_uri: str) -> Key:
        failed = self._failed.get(key_uri)
        if failed is not None:
            if failed[0] > monotonic():
                raise _again(failed[1])
            del self._failed[key_uri]
        task = self._running.get(key_uri)
        if task is None:
            self._newcomers.admit(key_uri)
            task = asyncio.create_task(self._fetch(key_uri))
            self._running[key_uri] = task
            task.add_done_callback(lambda done: self._fetched(key_uri, done))
        async with asyncio.timeout(WAIT_SECONDS):
            return await asyncio.shield(task)

    def _fetched(self, key_uri: str, task: asyncio.Task[Key]) -> None:
        del self._running[key_uri]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            _keep(self._known, key_uri, (monotonic() + FRESH_SECONDS, task.result()))
        elif isinstance(error, FederationError):
            _keep(self._failed, key_uri, (monotonic() + FAILED_SECONDS, _again(error)))


def _again(error: FederationError) -> FederationError:
    """The same trouble without its traceback, which would hold on to all that was read."""
    if isinstance(error, Gone):
        return Gone(error.code, is_final=error.is_final)
    return type(error)(error.code)


def _keep(entries: OrderedDict[str, Value], name: str, value: Value) -> None:
    entries[name] = value
    entries.move_to_end(name)
    while len(entries) > MAX_ENTRIES:
        entries.popitem(last=False)
