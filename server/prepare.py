"""Makes a database ready to serve: schema, this server's own row, and what must not be served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from forum import setup
from forum.errors import Conflict
from forum.site import Site
from server import backup, erased_log, migrate
from server.database import url_of
from server.errors import StartError
from server.settings import Settings
from storage.db import Connection, Database
from storage.site import read_site

BACKUPS = "backups"


def bring_up_to_date(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Migrate if this code is newer than the database, after a backup. Raises StartError."""
    url = url_of(settings)
    version = asyncio.run(migrate.read_version(url))
    if version == migrate.newest_version():
        asyncio.run(migrate.replay_functions(url))
        return
    if version is not None and not migrate.is_known(version):
        raise StartError(
            f"The database was migrated by a newer Dazzle (to {version}): "
            f"install that version again, or restore a backup made before."
        )
    if version is not None:
        _back_up(settings, version, say)
    migrate.run(url)


async def require_current(settings: Settings) -> None:
    """Raises StartError unless the database is at the version of this code."""
    if await migrate.read_version(url_of(settings)) != migrate.newest_version():
        raise StartError("The database is not at this version: run `dazzle migrate` first.")


async def introduce(settings: Settings) -> None:
    """Make this server's own row and keys, if they are not there.

    Raises StartError when this database must not be served at this origin.
    """
    database = await Database.open(url_of(settings), max_size=1)
    try:
        async with database.write() as conn:
            await _refuse_seeded(conn, settings)
            await setup.ensure_site(conn, Site(settings.origin), datetime.now(UTC))
        await erased_log.apply(database, settings)
    except Conflict as error:
        raise StartError(
            f"People here already have addresses under another origin than {settings.origin}: "
            f"set DAZZLE_ORIGIN back, other servers know them by it."
        ) from error
    finally:
        await database.close()


async def invite_administrator(settings: Settings) -> str | None:
    """The link of the first visit while nobody is administrator; it ends the link before."""
    database = await Database.open(url_of(settings), max_size=1)
    try:
        async with database.write() as conn:
            token = await setup.issue_setup_token(conn)
    finally:
        await database.close()
    return None if token is None else f"{settings.origin}/setup/{token}"


async def _refuse_seeded(conn: Connection, settings: Settings) -> None:
    row = await read_site(conn)
    if row.is_seeded and settings.is_https:
        raise StartError(
            "This database holds the demo, whose passwords everybody knows: it is never served "
            "under https. Give another DAZZLE_DATA_DIR or DAZZLE_DATABASE_URL."
        )


def _back_up(settings: Settings, version: str, say: Callable[[str], None]) -> None:
    directory = settings.data_dir / BACKUPS
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    file = directory / f"before-upgrade-from-{version}-{moment}.dazzle"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StartError(f"Cannot make {directory} ({error.strerror}).") from error
    asyncio.run(backup.backup(settings, file))
    say(f"Backup before the upgrade: {file}")
