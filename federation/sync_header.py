"""The header in which a community says what its followers on one server come to (FEP-8fcf)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

import asyncpg

from federation.address import is_same_origin
from forum.ports import Clock
from storage import followers
from storage.db import Database
from storage.keys import Key

log = logging.getLogger("dazzle.synchronization")

HEADER = "collection-synchronization"
HEADER_NAME = HEADER.encode()
FIELD = re.compile(r'\s*([A-Za-z]{1,20})="([^"\\]{0,2048})"\s*(?:,|$)')
DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_HEADER = 8192
SAME_SECONDS = 600.0  # a digest that was noted is not noted again for this long
MAX_NOTED = 5000


def digest_of(uris: Iterable[str]) -> str:
    """The XOR of the SHA-256 of each id, in hexadecimal digits."""
    total = 0
    for uri in set(uris):
        total ^= int.from_bytes(hashlib.sha256(uri.encode()).digest())
    return f"{total:064x}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a header says: of which collection, where the part for us is, what it comes to."""

    collection: str
    url: str
    digest: str


def read_header(text: str) -> Claim | None:
    """The claim in a Collection-Synchronization header; None if it is none."""
    fields: dict[str, str] = {}
    at = 0
    while len(text) <= MAX_HEADER and at < len(text):
        match = FIELD.match(text, at)
        if match is None or match[1] in fields:
            return None
        fields[match[1]] = match[2]
        at = match.end()
    try:
        claim = Claim(fields["collectionId"], fields["url"], fields["digest"].lower())
    except KeyError:
        return None
    return claim if DIGEST.fullmatch(claim.digest) else None


class Notes:
    """Notes headers beside the requests that bring them, which do not wait for it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[int, tuple[float, str]] = {}
        self._waiting: dict[int, Claim] = {}
        self._task: asyncio.Task[None] | None = None

    def hear(self, key: Key, headers: list[tuple[bytes, bytes]]) -> None:
        """A request that this key signed, and that was taken, came with these headers."""
        if key.actor_kind != "community":
            return
        sent = [value for name, value in headers if name == HEADER_NAME]
        claim = read_header(sent[0].decode("latin-1")) if len(sent) == 1 else None
        if claim is None or not is_same_origin(claim.url, key.actor_uri):
            return
        until, digest = self._noted.get(key.actor_id, (0.0, ""))
        if digest == claim.digest and until > monotonic():
            return
        if len(self._noted) >= MAX_NOTED:
            self._noted.clear()
        self._noted[key.actor_id] = (monotonic() + SAME_SECONDS, claim.digest)
        self._waiting[key.actor_id] = claim
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _write(self) -> None:
        while self._waiting:
            actor_id, claim = self._waiting.popitem()
            try:
                async with self._database.read() as conn:
                    await followers.note(
                        conn,
                        actor_id,
                        claim.collection,
                        claim.url,
                        claim.digest,
                        self._clock.now(),
                    )
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                log.warning("a list of members could not be noted", exc_info=True)
