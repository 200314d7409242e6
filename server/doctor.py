"""Looks at an installation the way somebody would who was asked for help."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from server import migrate, pg_home
from server.database import reachable, url_of
from server.errors import StartError
from server.settings import Settings
from storage import queues, schema
from storage.queues import Lengths, SetAside
from storage.site import SiteRow, read_site

LITTLE_ROOM = 1_000_000_000
LATE_SECONDS = 120.0

Say = Callable[[str], None]


def examine(settings: Settings, say: Say) -> int:
    """Say what is there and what is wrong; the number of things that are wrong."""
    try:
        pg_home.make_data_dir(settings.data_dir)
        with reachable(settings) as opened:
            facts = asyncio.run(_read(url_of(opened)))
    except StartError as error:
        say(f"wrong  {error}")
        return 1
    findings = [*_on_disk(settings), *_on_schema(facts), *_on_site(settings, facts.site)]
    findings += _on_queues(facts.lengths)
    findings += [(True, _on_set_aside(one)) for one in facts.set_aside]
    for problem, line in findings:
        say(f"{'wrong' if problem else 'well'}  {line}")
    return sum(problem for problem, _ in findings)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says."""

    version: str | None
    site: SiteRow | None
    lengths: Lengths | None
    set_aside: list[SetAside]


Finding = tuple[bool, str]


async def _read(url: str) -> Facts:
    connection = await asyncpg.connect(url)
    try:
        version = await schema.read_version(connection)
        if version != migrate.newest_version():
            return Facts(version, None, None, [])
        return Facts(
            version,
            await read_site(connection),
            await queues.read_lengths(connection),
            await queues.list_set_aside(connection),
        )
    finally:
        await connection.close()


def _on_disk(settings: Settings) -> list[Finding]:
    free = shutil.disk_usage(settings.data_dir).free
    line = f"{free / 1e9:.1f} GB free in {settings.data_dir}"
    return [(free < LITTLE_ROOM, line)]


def _on_schema(facts: Facts) -> list[Finding]:
    newest = migrate.newest_version()
    if facts.version == newest:
        return [(False, f"the database is at version {newest}")]
    found = facts.version or "none"
    return [(True, f"the database is at version {found}, not {newest}: run `dazzle migrate`")]


def _on_site(settings: Settings, site: SiteRow | None) -> list[Finding]:
    if site is None:
        return []
    findings = []
    if site.origin is not None and site.origin != settings.origin:
        findings.append((True, f"people here have addresses under {site.origin}, not the setting"))
    if site.set_up_at is None:
        findings.append((True, "nobody is administrator yet: `dazzle serve` prints a link"))
    if site.federation_mode is None:
        findings.append((True, "federation is not decided: run `dazzle policy mode …`"))
    if site.is_seeded and settings.is_https:
        findings.append((True, "this is the demo, which is never served under https"))
    return findings or [(False, f"{settings.origin}, federation: {site.federation_mode}")]


def _on_queues(lengths: Lengths | None) -> list[Finding]:
    if lengths is None:
        return []
    is_late = lengths.oldest_event > LATE_SECONDS
    aside = lengths.dead_events + lengths.dead_inbox
    waiting = f"{lengths.inbox} received, {lengths.events} events, {lengths.deliveries} deliveries"
    return [
        (is_late, f"waiting: {waiting}" + (": is a worker running?" if is_late else "")),
        (aside > 0, f"{aside} set aside after five failures"),
        (False, _on_servers(lengths)),
    ]


def _on_servers(lengths: Lengths) -> str:
    """No fault of this one: the page Administration says which, and what will happen."""
    return f"{lengths.failing} other servers do not answer, {lengths.parked} more were given up"


def _on_set_aside(one: SetAside) -> str:
    """Which, as far as it can be told without anybody's words."""
    sender = f" from {one.host}" if one.host else ""
    return f"set aside: {one.number} {one.kind}{sender} ({one.reason})"
