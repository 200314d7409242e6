"""What every door and worker of federation needs, made once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from federation.address import Lookup
from federation.admission import Admission
from federation.client import Client
from federation.dial import Dial, dial
from federation.fetch import Fetcher
from federation.finding import Finder
from federation.hosts import Hosts
from federation.keeper import Keeper
from federation.keys import KeyCache
from federation.lookup import look_up
from federation.refreshing import Refresher
from federation.sync_header import Notes
from forum.ports import Clock, Renderer
from forum.site import Site
from storage.db import Database


@dataclass(frozen=True, slots=True)
class Federation:
    """`resolver` is the Resolver that forum and web are given."""

    database: Database
    site: Site
    clock: Clock
    renderer: Renderer
    client: Client
    hosts: Hosts
    keys: KeyCache
    fetcher: Fetcher
    refresher: Refresher
    resolver: Finder
    keeper: Keeper
    admission: Admission
    notes: Notes

    async def close(self) -> None:
        await self.refresher.close()
        await self.admission.close()
        await self.keeper.close()
        await self.hosts.close()
        await self.notes.close()
        await self.client.close()


def open_federation(
    database: Database,
    site: Site,
    clock: Clock,
    renderer: Renderer,
    *,
    allow_loopback: bool = False,
    ca_bundle: Path | None = None,
    lookup: Lookup = look_up,
    dial: Dial = dial,
) -> Federation:
    """Connects nothing yet. `lookup` resolves names, `dial` connects; tests pass their own."""
    hosts = Hosts(database, clock)
    client = Client(
        site,
        clock,
        allow_loopback=allow_loopback,
        ca_bundle=ca_bundle,
        lookup=lookup,
        dial=dial,
        memory=hosts,
    )
    fetcher = Fetcher(database, site, clock, client, hosts)
    keys = KeyCache(database, fetcher.key, fetcher.newcomers)
    return Federation(
        database=database,
        site=site,
        clock=clock,
        renderer=renderer,
        client=client,
        hosts=hosts,
        keys=keys,
        fetcher=fetcher,
        refresher=Refresher(fetcher),
        resolver=Finder(fetcher, allow_loopback=allow_loopback),
        keeper=Keeper(database, clock),
        admission=Admission(database, keys.knows),
        notes=Notes(database, clock),
    )
