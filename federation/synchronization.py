"""Compares lists of members when a community elsewhere says that its own differs (FEP-8fcf).

The header on an activity that the community signed is only noted. A worker compares it with what
stands here, and asks for the list where it must, from the community's own server, signed. A list
counts only if it comes to what the community says of it: one that is cut short, or shown to
somebody else, would end memberships that stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from typing import Any

from federation.address import is_same_origin
from federation.context import Federation
from federation.errors import FederationError, Malformed
from federation.negotiation import is_activity_json
from federation.sync_header import digest_of
from federation.vocabulary.strict import decode_json
from forum.errors import ForumError
from forum.synchronization import reconcile
from storage import communities, followers, keys
from storage.followers import Check

log = logging.getLogger("dazzle.synchronization")

MAX_PAGES = 20
MAX_ITEMS = 10_000
LEASE = timedelta(minutes=5)
POLL_SECONDS = 5.0


async def run(fed: Federation, stop: asyncio.Event) -> None:
    """Compare until `stop` is set. There is no hurry: it looks now and then."""
    while not stop.is_set():
        if not await step(fed):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)


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
