"""Goes through the lists that people bring from other servers, a few lines at a time.

Whoever is not known here is looked up at their own server, by this server's own actor: the other
server learns that somebody here asked, not who, nor why.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta

from federation.address import canonical_host
from federation.errors import FederationError
from forum import importing, subscriptions
from forum.importing import Address
from forum.keypairs import new_keypair
from forum.ports import NoAnswer, Services
from server.restraint import RESTS_FOR, Restraint
from storage import imports
from storage.actors import Actor, read_unfiltered
from storage.db import Connection
from storage.imports import Import, Line
from storage.subscriptions import read_reader_unfiltered

LEASE = timedelta(minutes=3)
AT_ONCE = 20  # lists: one that waits for a server holds up no other
BATCH = 100
LOOKED_UP = 5  # of a batch: other servers are not hurried
LOOK_UP_SECONDS = 20.0
LOOK_SECONDS = 5.0
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody to look up, and at which server."""

    address: Address
    host: str


@dataclass(slots=True)
class Sorted:
    """By number of line: who is known here, who is to be looked up, what is settled already."""

    known: dict[int, int] = field(default_factory=dict)
    strangers: dict[int, Stranger] = field(default_factory=dict)
    outcomes: dict[int, str] = field(default_factory=dict)


class Importer:
    """One for each worker. `patience` is how many seconds a server has to say who somebody is."""

    def __init__(self, services: Services, *, patience: float = LOOK_UP_SECONDS) -> None:
        self._services = services
        self._patience = patience
        self.restraint = Restraint()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is begun."""
        working: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                claimed = await self._claim() if len(working) < AT_ONCE else None
                if claimed is not None:
                    working.add(asyncio.create_task(self._go_on(claimed)))
                wait = PAUSE_SECONDS if working else LOOK_SECONDS
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait)
                for task in [task for task in working if task.done()]:
                    working.remove(task)
                    task.result()
        finally:
            await asyncio.gather(*working, return_exceptions=True)

    async def step(self) -> bool:
        """Do the next lines of the list that waited longest; False when none waits."""
        claimed = await self._claim()
        if claimed is None:
            return False
        await self._go_on(claimed)
        return True

    async def _claim(self) -> Import | None:
        now = self._services.clock.now()
        async with self._services.database.quiet_write() as conn:
            return await imports.claim(conn, now, now + LEASE)

    async def _go_on(self, claimed: Import) -> None:
        async with self._services.database.read() as conn:
            lines = await imports.list_waiting_unfiltered(conn, claimed.id, BATCH)
        if claimed.kind == "servers":
            await self._settle(claimed, lines, Sorted())
            return
        found = await self._sort(claimed, lines)
        looked_up = await asyncio.gather(
            *(self._look_up(claimed, stranger) for stranger in found.strangers.values())
        )
        for number, result in zip(found.strangers, looked_up, strict=True):
            if isinstance(result, int):
                found.known[number] = result
            elif result is not None:
                found.outcomes[number] = result
        await self._settle(claimed, lines, found)

    async def _sort(self, claimed: Import, lines: list[Line]) -> Sorted:
        """As far as there are enough strangers to look up."""
        found = Sorted()
        async with self._services.database.read() as conn:
            for line in lines:
                if len(found.strangers) == LOOKED_UP:
                    break
                await self._sort_line(conn, claimed, line, found)
        return found

    async def _sort_line(
        self, conn: Connection, claimed: Import, line: Line, found: Sorted
    ) -> None:
        site, now = self._services.site, self._services.clock.now()
        address = importing.read_address(line.address)
        host = None if address is None else _host_of(address)
        if address is None or host is None:
            found.outcomes[line.number] = importing.BAD_LINE
            return
        known = await importing.find_known(conn, site, address)
        if known is not None:
            found.known[line.number] = known
        elif importing.is_here(site, address):
            found.outcomes[line.number] = importing.NOT_FOUND
        elif self.restraint.is_silent(host, now):
            found.outcomes[line.number] = importing.NO_ANSWER
        elif not self.restraint.rests(host, now):
            if self.restraint.spend(claimed.id, host):
                found.strangers[line.number] = Stranger(address, host)
            else:
                found.outcomes[line.number] = importing.LATER

    async def _look_up(self, claimed: Import, stranger: Stranger) -> int | str | None:
        """Who it is, or what became of the line; None when it waits."""
        address, host = stranger.address, stranger.host
        where = address.uri or f"{address.name}@{address.host}"
        try:
            async with asyncio.timeout(self._patience):
                found = await self._services.resolver.look_up_actor(where)
        except (NoAnswer, TimeoutError) as failure:
            now = self._services.clock.now()
            if isinstance(failure, NoAnswer) and not failure.was_asked:
                self.restraint.give_back(claimed.id, host)
                self.restraint.rest(host, now)
                return None
            self.restraint.fail(host, now)
            return importing.NO_ANSWER
        return importing.NOT_FOUND if found is None else found

    async def _settle(self, claimed: Import, lines: list[Line], found: Sorted) -> None:
        """Apply all that is known about, in one transaction."""
        services, known, outcomes = self._services, found.known, found.outcomes
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
            await imports.release(conn, claimed.id, now if outcomes else now + RESTS_FOR)

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


def _host_of(address: Address) -> str | None:
    with contextlib.suppress(FederationError):
        return canonical_host(address.uri or f"https://{address.host}")
    return None
