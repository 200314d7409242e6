"""What every publisher works with: rows read once per batch, activities and deliveries kept for it.

What one event needs is read for all of them together, and what they make is written together: one
after the other, most of the time of publishing would go to the way to the database and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from forum.site import Site
from storage import activities, actors, communities, deliveries, erasures, inbox, threads
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient, recipients_in_thread, recipients_of_community
from storage.communities import Community
from storage.db import Connection
from storage.deliveries import Sending
from storage.ids import new_id
from storage.keys import ProofKey, read_proof_key
from storage.threads import Post

# Whatever is told as new; most of what is sent, and in no receipt.
GOES_OUT = frozenset({"Create", "Announce", "Announce Create", "Update", "Announce Update"})


@dataclass(frozen=True, slots=True)
class Press:
    """One transaction's worth of publishing.

    Actors, communities and their recipients are read once for all events of the batch: an hour's
    backlog is mostly the same few communities.
    """

    conn: Connection
    site: Site
    now: datetime
    _ids: Iterator[int]
    _posts: dict[int, Post | None] = field(default_factory=dict)
    _bodies: dict[str, bytes] = field(default_factory=dict)
    _actors: dict[int, Actor | None] = field(default_factory=dict)
    _communities: dict[int, Community | None] = field(default_factory=dict)
    _recipients: dict[int, list[Recipient]] = field(default_factory=dict)
    _in_threads: dict[int, list[Recipient]] = field(default_factory=dict)
    _proof_keys: dict[int, ProofKey | None] = field(default_factory=dict)
    _activities: list[Activity] = field(default_factory=list)
    _sendings: list[Sending] = field(default_factory=list)

    @classmethod
    def open(cls, conn: Connection, site: Site, now: datetime) -> Press:
        """Ids of one batch follow each other: random ones of one millisecond soon meet."""
        return cls(conn, site, now, count(new_id(now)))

    async def prepare(self, post_ids: set[int], source_uris: set[str]) -> None:
        """Read what the events of a batch are about: posts, what they answer, authors, originals.

        The posts are held by the caller, so they stay what they are until the end.
        """
        found = await self._read_posts(post_ids)
        parents = {p.parent_id for p in found if p.is_local and p.parent_id is not None}
        found += await self._read_posts(parents - self._posts.keys())
        if authors := {post.author_id for post in found}:
            rows = await actors.list_by_ids_unfiltered(self.conn, list(authors))
            self._actors.update({row.id: row for row in rows})
        if source_uris:
            self._bodies.update(await inbox.read_bodies_by_uri(self.conn, list(source_uris)))

    async def post(self, post_id: int) -> Post | None:
        if post_id not in self._posts:
            await self._read_posts({post_id})
        return self._posts.get(post_id)

    async def actor(self, actor_id: int) -> Actor | None:
        if actor_id not in self._actors:
            self._actors[actor_id] = await actors.read_unfiltered(self.conn, actor_id)
        return self._actors[actor_id]

    async def community(self, community_id: int) -> Community | None:
        if community_id not in self._communities:
            self._communities[community_id] = await communities.read_unfiltered(
                self.conn, community_id
            )
        return self._communities[community_id]

    async def recipients(self, community_id: int) -> list[Recipient]:
        if community_id not in self._recipients:
            self._recipients[community_id] = await recipients_of_community(self.conn, community_id)
        return self._recipients[community_id]

    async def recipients_in_thread(self, thread_id: int) -> list[Recipient]:
        if thread_id not in self._in_threads:
            self._in_threads[thread_id] = await recipients_in_thread(self.conn, thread_id)
        return self._in_threads[thread_id]

    async def proof_key(self, actor_id: int) -> ProofKey | None:
        if actor_id not in self._proof_keys:
            self._proof_keys[actor_id] = await read_proof_key(self.conn, actor_id)
        return self._proof_keys[actor_id]

    def original(self, source_uri: str | None) -> bytes | None:
        """The bytes of another server's activity, while they are kept."""
        return self._bodies.get(source_uri) if source_uri else None

    def new_id(self) -> int:
        return next(self._ids)

    def keep(
        self,
        actor_id: int,
        kind: str,
        post_id: int | None,
        render: Callable[[str], bytes],
        *,
        activity_id: int | None = None,
    ) -> Activity:
        """Render an activity under a new id, once, and store its bytes with the next `flush`."""
        activity_id = activity_id or self.new_id()
        uri = self.site.activity_uri(activity_id)
        activity = Activity(activity_id, uri, actor_id, kind, post_id, render(uri))
        self._activities.append(activity)
        return activity

    def send(self, activity: Activity, object_key: int, recipients: list[Recipient]) -> None:
        if recipients:
            self._sendings.append(Sending(activity.id, object_key, recipients))

    async def was_sent(self, post_id: int) -> bool:
        """Whether other servers may have heard of the post at all."""
        await self.flush()
        return await activities.was_sent(self.conn, post_id)

    async def flush(self) -> None:
        """Write what was kept and queued."""
        if self._activities:
            await activities.insert_all(self.conn, self._activities)
        if self._sendings:
            await deliveries.queue_all(self.conn, self._sendings, self.now)
            await self._note_in_receipts()
        self.forget()

    async def _note_in_receipts(self) -> None:
        """Who is told that something is taken back stands in the receipt of whoever did."""
        kinds = {activity.id: activity.type for activity in self._activities}
        tellings = [
            (sending.activity_id, recipient.host)
            for sending in self._sendings
            if kinds.get(sending.activity_id) not in GOES_OUT
            for recipient in sending.recipients
        ]
        if tellings:
            await erasures.note_telling(self.conn, tellings)

    def forget(self) -> None:
        """Drop what was kept and not yet written."""
        self._activities.clear()
        self._sendings.clear()

    async def _read_posts(self, post_ids: set[int]) -> list[Post]:
        self._posts.update(dict.fromkeys(post_ids))
        found = await threads.list_unfiltered(self.conn, list(post_ids)) if post_ids else []
        self._posts.update({post.id: post for post in found})
        return found
