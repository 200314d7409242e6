"""One reading of a community or a conversation: how far it goes, and what it brings.

Only the community's own server says what stands in it, so only its collections are read; what
they list is asked for where it was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from federation.address import canonical_host, is_same_origin
from federation.context import Federation
from federation.errors import FederationError, Gone, Malformed, Unreachable
from federation.fetch import Budget
from federation.receive.job import Job
from federation.receive.posts import place
from federation.vocabulary.documents import POST_TYPES
from federation.vocabulary.envelope import activity_actor, object_of
from federation.vocabulary.fields import id_of, optional_uri, types_of, uri
from federation.vocabulary.types import Post
from forum.errors import ForumError
from storage import backfills
from storage.actors import Actor
from storage.communities import Community

MAX_PAGES = 10
MAX_ITEMS = 500
MAX_FETCHES = 700
MAX_FAILURES = 3  # of a server that others point us to: more of it is not asked for


@dataclass(frozen=True, slots=True)
class Item:
    """A post that is listed, by its id, and the conversation that it is in, if that is said."""

    uri: str
    context: str | None = None


@dataclass(slots=True)
class Reading:
    """`is_cut` once anything was left out that was listed."""

    fed: Federation
    actor: Actor
    community: Community
    budget: Budget = field(default_factory=lambda: Budget(MAX_FETCHES))
    items_left: int = MAX_ITEMS
    is_cut: bool = False
    failures: Counter[str] = field(default_factory=Counter)
    thread_id: int | None = None

    async def pages(self, url: str) -> AsyncIterator[list[Item]]:
        """What a collection lists, page by page, with no page twice."""
        known: set[str] = set()
        following: str | None = url
        while following is not None:
            if following in known:
                return
            if len(known) > MAX_PAGES or self.items_left <= 0:
                self.is_cut = True
                return
            known.add(following)
            page = await self.fed.fetcher.collection(self.own(following), self.budget)
            items = [item for entry in page.items if (item := self._item(entry)) is not None]
            if len(items) > self.items_left:
                self.is_cut, items = True, items[: self.items_left]
            self.items_left -= len(items)
            if items:
                yield items
            following = page.next or (page.first if not page.items else None)

    def own(self, url: str) -> str:
        """Raises Malformed for a URL that is not of the community's own server."""
        if not is_same_origin(url, self.community.uri):
            raise Malformed("other_origin")
        return url

    async def unknown(self, uris: list[str]) -> list[str]:
        """Those of these posts that are not here, each once."""
        async with self.fed.database.read() as conn:
            known = await backfills.list_known_unfiltered(conn, uris)
        site = self.fed.site
        return [u for u in dict.fromkeys(uris) if u not in known and not site.is_local_uri(u)]

    async def take(self, address: str) -> Post | None:
        """Ask for a post where it was written, and store it with what is missing above it.

        None when it cannot be had. Raises Unreachable when that is the community's own server.
        """
        is_own = is_same_origin(address, self.community.uri)
        host = canonical_host(address)
        if not is_own and self.failures[host] >= MAX_FAILURES:
            self.is_cut = True
            return None
        try:
            post = await self.fed.fetcher.post(address, self.budget)
            await self.store(post)
        except (FederationError, ForumError) as error:
            if is_own and isinstance(error, Unreachable):
                raise
            self.is_cut = self.is_cut or not isinstance(error, Gone | ForumError)
            self.failures[host] += 1
            return None
        return post

    async def store(self, post: Post) -> int | None:
        """Store a post that came from its own server; its id here."""
        change = await place(self._job(), self.community, post)
        async with self.fed.database.write() as conn:
            return await change(conn)

    async def go_into(self, uris: list[str]) -> None:
        """Read on in the conversation that these posts are in, as far as they are here."""
        if self.thread_id is None:
            async with self.fed.database.read() as conn:
                self.thread_id = await backfills.find_thread_unfiltered(
                    conn, self.community.id, uris
                )

    def _job(self) -> Job:
        now = self.fed.clock.now()
        return Job(
            self.fed,
            self.actor,
            now,
            set(),
            None,
            b"",
            {},
            budget=self.budget,
            is_history=True,
            thread_id=self.thread_id,
        )

    def _item(self, entry: str | dict[str, Any]) -> Item | None:
        """What an entry is about. Nothing else in it is believed: it may be older than an edit."""
        if isinstance(entry, str):
            return Item(entry)
        try:
            inner = self._inner(entry)
            if inner is None or isinstance(inner, str):
                return None if inner is None else Item(inner, optional_uri(entry.get("context")))
            context = optional_uri(entry.get("context")) or optional_uri(inner.get("context"))
            return Item(id_of(inner), context)
        except Malformed:
            return None

    def _inner(self, entry: dict[str, Any]) -> dict[str, Any] | str | None:
        """The post in a Create or Update, perhaps in an Announce, or its id. None for others."""
        inner: object = entry
        if "Announce" in types_of(entry):
            if activity_actor(entry) != self.community.uri:
                return None
            inner = object_of(entry)
        if isinstance(inner, dict) and {"Create", "Update"} & set(types_of(inner)):
            inner = object_of(inner)
        if isinstance(inner, dict):
            return inner if set(types_of(inner)) <= POST_TYPES else None
        return uri(inner)
