"""What every publisher works with: rows read once per batch, activities kept, deliveries queued."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from forum.site import Site
from storage import activities, actors, communities, deliveries
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient, recipients_of_community
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id


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
    _actors: dict[int, Actor | None] = field(default_factory=dict)
    _communities: dict[int, Community | None] = field(default_factory=dict)
    _recipients: dict[int, list[Recipient]] = field(default_factory=dict)

    @classmethod
    def open(cls, conn: Connection, site: Site, now: datetime) -> Press:
        """Ids of one batch follow each other: random ones of one millisecond soon meet."""
        return cls(conn, site, now, count(new_id(now)))

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

    async def keep(
        self, actor_id: int, kind: str, post_id: int | None, render: Callable[[str], bytes]
    ) -> Activity:
        """Render an activity under a new id, once, and store its bytes."""
        activity_id = next(self._ids)
        uri = self.site.activity_uri(activity_id)
        activity = Activity(activity_id, uri, actor_id, kind, post_id, render(uri))
        await activities.insert(self.conn, activity)
        return activity

    async def send(self, activity: Activity, object_key: int, recipients: list[Recipient]) -> None:
        await deliveries.queue(self.conn, activity.id, object_key, recipients, self.now)
