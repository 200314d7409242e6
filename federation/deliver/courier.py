"""What all visits of one worker share: keys, digests, and who writes the results."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import asyncpg

from federation.client import Response
from federation.context import Federation
from federation.deliver.settling import Settler
from federation.followers import Digests
from federation.sync_header import HEADER
from storage import deliveries
from storage.db import Connection
from storage.deliveries import Due
from storage.keys import SigningKey, read_signing_key

log = logging.getLogger("dazzle.deliver")

MAX_KEYS = 4096
PER_HOST = 32


@dataclass(slots=True)
class Courier:
    """`place` is the host, by name, after which the next lease goes on.

    `has_news` says that something may be due since the last look, before which there is a rest.
    """

    fed: Federation
    worker: str
    stop: asyncio.Event
    settler: Settler
    digests: Digests
    place: str = ""
    rests_until: float = 0.0
    has_news: bool = False
    _keys: dict[int, SigningKey | None] = field(default_factory=dict)

    @classmethod
    def open(cls, fed: Federation, worker: str, stop: asyncio.Event) -> Courier:
        return cls(fed, worker, stop, Settler(fed.database), Digests(fed.site))

    async def read_due(self, conn: Connection, hosts: list[str]) -> dict[str, list[Due]]:
        """What may be sent to leased hosts now, with what is said beside it."""
        rows: dict[str, list[Due]] = {host: [] for host in hosts}
        now = self.fed.clock.now()
        for row in await deliveries.due(conn, hosts, now, per_host=PER_HOST):
            rows[row.host].append(row)
        announced = {
            (row.actor_id, row.host) for due in rows.values() for row in due if _is_to_members(row)
        }
        try:
            await self.digests.prepare(conn, announced)
        except (TimeoutError, asyncpg.PostgresError):
            log.warning("deliveries go without what their followers come to", exc_info=True)
        return rows

    async def post(self, row: Due, inbox: str, key: SigningKey) -> Response:
        headers = {}
        if _is_to_members(row) and (header := self.digests.header(row.actor_id, row.host)):
            headers[HEADER] = header
        return await self.fed.client.post(inbox, row.body, key=key, headers=headers)

    async def key_of(self, actor_id: int) -> SigningKey | None:
        if actor_id not in self._keys:
            if len(self._keys) >= MAX_KEYS:
                self._keys.clear()
            async with self.fed.database.read() as conn:
                self._keys[actor_id] = await read_signing_key(conn, actor_id)
        return self._keys[actor_id]


def _is_to_members(row: Due) -> bool:
    """What a community announces goes to its members."""
    return row.type.startswith("Announce")
