"""Compares lists of members when a community elsewhere says that its own differs (FEP-8fcf).

The header on an activity that the community signed is only noted. A worker compares it with what
stands here, and asks for the list where it must, from the community's own server, signed. A list
counts only if it comes to what the community says of it: one that is cut short, or shown to
somebody else, would end memberships that stand.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import asyncpg

from federation.address import is_same_origin
from federation.context import Federation
from federation.errors import FederationError, Malformed
from federation.followers import digest_of
from federation.negotiation import is_activity_json
from federation.vocabulary.strict import decode_json
from forum.errors import ForumError
from forum.ports import Clock
from forum.synchronization import reconcile
from storage import communities, followers, keys
from storage.db import Database
from storage.followers import Check
from storage.keys import Key

log = logging.getLogger("dazzle.synchronization")

FIELD = re.compile(r'\s*([A-Za-z]{1,20})="([^"\\]{0,2048})"\s*(?:,|$)')
DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_HEADER = 8192
SAME_SECONDS = 600.0  # a digest that was noted is not noted again for this long
MAX_NOTED = 5000
MAX_PAGES = 20
MAX_ITEMS = 10_000
LEASE = timedelta(minutes=5)
POLL_SECONDS = 5.0


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

    def hear(self, key: Key, header: str | None) -> None:
        """A request that this key signed, and that was taken, came with the header."""
        claim = read_header(header) if header and key.actor_kind == "community" else None
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


async def run(fed: Federation, stop: asyncio.Event) -> None:
    """Compare until `stop` is set."""
    bell = fed.database.doorbell.listener()
    try:
        while not stop.is_set():
            if not await step(fed):
                await bell.wait(POLL_SECONDS)
    finally:
        await bell.close()


async def step(fed: Federation) -> bool:
    """Compare one list; False when none is to be compared."""
    now = fed.clock.now()
    async with fed.database.read() as conn:
        check = await followers.claim(conn, now, LEASE)
        if check is None:
            return False
        here = await followers.list_here_unfiltered(conn, check.community_id)
    is_asked = digest_of(one.uri for one in here if one.state == "accepted") != check.digest
    if is_asked:
        try:
            await _compare(fed, check)
        except (FederationError, ForumError) as error:
            log.info("the members here of a community of %s: %s", check.host, error)
    async with fed.database.read() as conn:
        await followers.finish(conn, check.community_id, now if is_asked else None)
    return True


async def _compare(fed: Federation, check: Check) -> None:
    await fed.hosts.require(check.host)
    listed = await _fetch_list(fed, check)
    if digest_of(listed) != check.digest:
        raise Malformed("list_differs_from_digest")
    async with fed.database.write() as conn:
        community = await communities.read_unfiltered(conn, check.community_id)
        if community is not None:
            ours = {uri for uri in listed if fed.site.is_local_uri(uri)}
            await reconcile(conn, fed.site, community, ours, fed.clock.now())


async def _fetch_list(fed: Federation, check: Check) -> set[str]:
    """The community's followers here, as its own server lists them to us."""
    listed: set[str] = set()
    url: str | None = check.url
    for _ in range(MAX_PAGES):
        if url is None:
            return listed
        fields = await _fetch(fed, check, url)
        first = fields.get("first")
        page = first if isinstance(first, dict) else fields
        listed.update(_items(page))
        url = _uri(first if isinstance(first, str) else page.get("next"))
    raise Malformed("too_many_pages")


async def _fetch(fed: Federation, check: Check, url: str) -> dict[str, Any]:
    if not is_same_origin(url, check.uri):
        raise Malformed("other_origin")
    async with fed.database.read() as conn:
        own_key = await keys.read_instance_key(conn)
    response = await fed.client.get(url, signed_by=own_key)
    if response.status != 200:
        raise Malformed(f"status_{response.status}")
    if not is_same_origin(response.url, check.uri):
        raise Malformed("other_origin")
    if not is_activity_json(response.headers.get("content-type", "")):
        raise Malformed("content_type")
    return decode_json(response.body)


def _items(fields: dict[str, Any]) -> list[str]:
    found = fields.get("orderedItems", fields.get("items", []))
    if not isinstance(found, list) or len(found) > MAX_ITEMS:
        raise Malformed("items")
    if not all(isinstance(item, str) for item in found):
        raise Malformed("items")
    return found


def _uri(value: Any) -> str | None:
    return value if isinstance(value, str) else None
