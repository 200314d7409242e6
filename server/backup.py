"""Backup and restore: the database, media and the secret key, in one verified file.

A backup is one moment of the database, taken while the server runs. A restore fills an empty
database only, at the schema of the backup, compares what it wrote with what was read, and then
migrates to this version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec

from server import archive, erased_log, migrate
from server.archive import Archive, Entry, Manifest, TableFacts, Writer
from server.database import url_of
from server.errors import StartError
from server.placing import Placing
from server.settings import MEDIA, SECRET_FILE, Settings, read_secret
from storage import dump, schema
from storage import site as sites
from storage.db import Connection, Database
from storage.dump import Sequence, Table
from storage.media_files import INCOMING


async def backup(settings: Settings, path: Path) -> Manifest:
    """Write everything to a new file. Raises StartError, and then leaves no file."""
    secret = read_secret(settings)
    with archive.create(path) as writer:
        try:
            async with dump.snapshot(url_of(settings)) as conn:
                manifest = await _write_rows(conn, writer, settings)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StartError(f"The database cannot be read ({error}).") from error
        # Gigabytes take long, and no transaction waits for them. A file that a row speaks of is
        # missing only if it was erased meanwhile; one that came meanwhile is swept after a restore.
        manifest = msgspec.structs.replace(manifest, files=_write_files(writer, settings, secret))
        writer.close(manifest)
    return manifest


async def restore(settings: Settings, path: Path) -> Manifest:
    """Fill an empty database and the data directory from a file. Raises StartError."""
    with Archive(path) as source:
        _require_fitting(settings, source.manifest, path)
        await _require_empty(settings)
        source.verify()
        await asyncio.to_thread(migrate.run, url_of(settings), source.manifest.schema)
        placing = Placing(settings.data_dir)
        try:
            await _load(url_of(settings), source)
            _restore_files(settings, source, placing)
            if source.manifest.schema != migrate.newest_version():
                await asyncio.to_thread(migrate.run, url_of(settings))
            await _settle(url_of(settings))
            await _erase_again(settings)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            await _undo(settings, placing)
            raise StartError(f"The restore failed, nothing was kept ({error}).") from error
        except BaseException:
            await _undo(settings, placing)
            raise
    return source.manifest


async def _write_rows(conn: Connection, writer: Writer, settings: Settings) -> Manifest:
    """Everything of the database; the manifest names no file yet."""
    version = await schema.read_version(conn)
    if version is None:
        raise StartError("The database is empty: there is nothing to back up.")
    origin = await sites.read_origin(conn)
    tables = [await _write_table(conn, writer, table) for table in await dump.list_tables(conn)]
    return Manifest(
        format=archive.FORMAT,
        made_at=datetime.now(UTC),
        schema=version,
        origin=origin or settings.origin,
        tables=tables,
        sequences={one.name: one.value for one in await dump.list_sequences(conn)},
        files={},
    )


def _write_files(writer: Writer, settings: Settings, secret: bytes) -> dict[str, str]:
    """The key and what members uploaded: the path of each with its SHA-256."""
    files = {SECRET_FILE: _write_secret(writer, secret)}
    for name, file in _media(settings):
        with suppress(FileNotFoundError):  # erased since it was listed
            files[name] = writer.add_file(f"files/{name}", file)
    return files


async def _write_table(conn: Connection, writer: Writer, table: Table) -> TableFacts:
    facts = Entry()
    with writer.open(f"tables/{table.name}.copy") as entry:

        async def sink(data: bytes) -> None:
            entry.write(facts.take(data))

        rows = await dump.copy_out(conn, table.name, table.columns, sink)
    return TableFacts(table.name, table.columns, rows, facts.sha256)


def _write_secret(writer: Writer, secret: bytes) -> str:
    facts = Entry()
    with writer.open(f"files/{SECRET_FILE}") as entry:
        entry.write(facts.take(secret))
    return facts.sha256


def _media(settings: Settings) -> Iterator[tuple[str, Path]]:
    """What members uploaded, by its path below the data directory; not what is being received."""
    root = settings.data_dir / MEDIA
    for file in sorted(root.rglob("*")):
        is_whole = file.relative_to(root).parts[0] != INCOMING
        if is_whole and file.is_file() and not file.is_symlink():
            yield str(file.relative_to(settings.data_dir)), file


def _require_fitting(settings: Settings, manifest: Manifest, path: Path) -> None:
    if not migrate.is_known(manifest.schema):
        raise StartError(f"{path} was made by a newer Dazzle: install that version to restore it.")
    if manifest.origin != settings.origin:
        raise StartError(
            f"{path} is a backup of {manifest.origin}: set DAZZLE_ORIGIN to that, people have "
            f"their addresses under it."
        )


async def _require_empty(settings: Settings) -> None:
    async with dump.connect(url_of(settings)) as conn:
        if not await dump.is_empty(conn):
            raise StartError(
                "The database is not empty: restore into a new DAZZLE_DATA_DIR or a new database."
            )


async def _load(dsn: str, source: Archive) -> None:
    async with dump.connect(dsn) as conn, conn.transaction():
        tables = {table.name: table for table in await dump.list_tables(conn)}
        stored = {table.name: table for table in source.manifest.tables}
        if tables.keys() != stored.keys():
            raise StartError("The backup does not hold the tables of its schema: it is damaged.")
        await dump.clear(conn)
        for name in tables:
            await _load_table(conn, source, stored[name])
        for name, value in source.manifest.sequences.items():
            await dump.set_sequence(conn, Sequence(name, value))


async def _settle(dsn: str) -> None:
    """What only the newest schema is known to have: an older one may lack a column of these."""
    async with dump.connect(dsn) as conn:
        await dump.release_claims(conn)
        await dump.analyze(conn)


async def _erase_again(settings: Settings) -> None:
    """What was erased after the backup was made does not come back with it."""
    database = await Database.open(url_of(settings), max_size=1)
    try:
        await erased_log.apply(database, settings)
    finally:
        await database.close()


async def _load_table(conn: Connection, source: Archive, table: TableFacts) -> None:
    """Write the rows, read them back, and compare: equal by number and by hash."""
    await dump.copy_in(conn, table.name, table.columns, source.rows(table))
    facts = Entry()

    async def sink(data: bytes) -> None:
        facts.take(data)

    rows = await dump.copy_out(conn, table.name, table.columns, sink)
    if (rows, facts.sha256) != (table.rows, table.sha256):
        raise StartError(f"The table {table.name} does not equal the backup: nothing was kept.")


def _restore_files(settings: Settings, source: Archive, placing: Placing) -> None:
    for name in source.manifest.files:
        if name != SECRET_FILE or settings.secret_key is None:
            placing.put(source, name)


async def _undo(settings: Settings, placing: Placing) -> None:
    """Nothing is kept: no file and no table."""
    try:
        placing.undo()
    finally:
        async with dump.connect(url_of(settings)) as conn:
            await dump.drop_all(conn)
