"""Goes through the lists that people bring from other servers, a few lines at a time.

Whoever is not known here is looked up at their own server, by this server's own actor: the other
server learns that somebody here asked, not who, nor why.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime, timedelta

from forum import importing, subscriptions
from forum.importing import Address
from forum.keypairs import new_keypair
from forum.ports import Services
from storage import imports
from storage.actors import Actor, read_unfiltered
from storage.imports import Import, Line
from storage.subscriptions import read_reader_unfiltered

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
BATCH = 100
LOOKED_UP = 5  # of a batch: other servers are not hurried
LOOK_UP_SECONDS = 20.0
SILENT_FOR = timedelta(minutes=30)
MOST_SILENT = 10_000
LOOK_SECONDS = 5.0
PAUSE_SECONDS = 1.0


class Importer:
    """One for each worker. What it remembers of silent servers is lost with it.

    `patience` is how many seconds another server has to say who somebody is.
    """

    def __init__(self, services: Services, *, patience: float = LOOK_UP_SECONDS) -> None:
        self._services = services
        self._patience = patience
        self._silent: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            wait = PAUSE_SECONDS if await self.step() else LOOK_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)

    async def step(self) -> bool:
        """Do the next lines of the list that waited longest; False when none waits."""
        now = self._services.clock.now()
        async with self._services.database.quiet_write() as conn:
            claimed = await imports.claim(conn, now, now + LEASE)
            if claimed is None:
                return False
            lines = await imports.list_waiting_unfiltered(conn, claimed.id, BATCH)
        if claimed.kind == "servers":
            await self._settle(claimed, lines, {}, {})
            return True
        known, unknown, outcomes = await self._known(lines)
        unknown = dict(list(unknown.items())[:LOOKED_UP])
        looked_up = await asyncio.gather(*map(self._look_up, unknown.values()))
        for number, found in zip(unknown, looked_up, strict=True):
            if isinstance(found, int):
                known[number] = found
            else:
                outcomes[number] = found
        await self._settle(claimed, lines, known, outcomes)
        return True

    async def _known(
        self, lines: list[Line]
    ) -> tuple[dict[int, int], dict[int, Address], dict[int, str]]:
        """By number of line: who is known here, who is to be looked up, and what is no address."""
        known: dict[int, int] = {}
        unknown: dict[int, Address] = {}
        outcomes: dict[int, str] = {}
        site = self._services.site
        async with self._services.database.read() as conn:
            for line in lines:
                address = importing.read_address(line.address)
                if address is None:
                    outcomes[line.number] = importing.BAD_LINE
                    continue
                found = await importing.find_known(conn, site, address)
                if found is not None:
                    known[line.number] = found
                elif importing.is_here(site, address):
                    outcomes[line.number] = importing.NOT_FOUND
                else:
                    unknown[line.number] = address
        return known, unknown, outcomes

    async def _look_up(self, address: Address) -> int | str:
        """Who it is, or what became of the line."""
        now = self._services.clock.now()
        if self._silent.get(address.host, now) > now:
            return importing.NO_ANSWER
        where = address.uri or f"{address.name}@{address.host}"
        try:
            async with asyncio.timeout(self._patience):
                found = await self._services.resolver.find_actor(where)
        except TimeoutError:
            if len(self._silent) >= MOST_SILENT:
                self._silent.clear()
            if address.host:
                self._silent[address.host] = now + SILENT_FOR
            return importing.NO_ANSWER
        return importing.NOT_FOUND if found is None else found

    async def _settle(
        self, claimed: Import, lines: list[Line], known: dict[int, int], outcomes: dict[int, str]
    ) -> None:
        """Apply all that is known about, in one transaction."""
        services = self._services
        reader = await self._reader() if claimed.kind == "follows" and known else None
        async with services.database.write() as conn:
            owner = await read_unfiltered(conn, claimed.account_id)
            if owner is None or not await imports.hold(conn, claimed.id):
                return
            now = services.clock.now()
            for line in lines:
                if claimed.kind == "servers":
                    outcomes[line.number] = await importing.apply_server(
                        conn, owner, line.address, now
                    )
                elif line.number in known:
                    outcomes[line.number] = await importing.apply(
                        conn, services.site, owner, claimed, known[line.number],
                        reader=reader, now=now,
                    )  # fmt: skip
            await imports.settle(conn, claimed.id, outcomes)
            await imports.release(conn, claimed.id, now)

    async def _reader(self) -> Actor | None:
        """This server's own reader, made now where nobody has read along before."""
        services = self._services
        async with services.database.read() as conn:
            reader = await read_reader_unfiltered(conn)
        if reader is not None:
            return reader
        keypair = await new_keypair()
        async with services.database.write() as conn:
            return await subscriptions.make_reader(
                conn, services.site, keypair, services.clock.now()
            )
