"""What was backed up comes back equal, and a file that is not whole is never taken."""

from __future__ import annotations

import asyncio
import hashlib
import os
import zipfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from forum.setup import ensure_site
from server import archive, backup
from server.archive import Archive
from server.database import url_of
from server.errors import StartError
from server.placing import Placing
from server.settings import SECRET_FILE, Settings
from storage import dump, outbox
from storage.db import Database
from tests import factories
from tests.conftest import dsn_of
from tests.factories import KEYPAIR, SITE, START

NASTY = "tab\t newline\n backslash \\ \\N quote ' \" zebra \U0001f993 null-like \\. ä"


@pytest.fixture
async def settings(database_url: str, tmp_path: Path) -> Settings:
    data_dir = tmp_path / "ours"
    data_dir.mkdir()
    return Settings(origin=SITE.origin, database_url=database_url, data_dir=data_dir)


@pytest.fixture
async def lived_in(own_database: Database, settings: Settings) -> Settings:
    """A server with people, a community, a thread, waiting work and media."""
    async with own_database.write() as conn:
        await ensure_site(conn, SITE, START, keypair=KEYPAIR)
        author = await factories.make_person(conn)
        community = await factories.make_community(conn, owner=author)
        thread = await factories.make_thread(conn, author, community, title="Nasty")
        await factories.make_reply(conn, author, thread)
        await conn.execute("update posts set source = $1, html = $1 where title = 'Nasty'", NASTY)
        await outbox.record(conn, "ThreadStarted", {"post_id": thread.id, "source_uri": None})
        await conn.execute(
            "insert into destinations (host, leased_until, leased_by)"
            " values ('there.test', now() + interval '1 hour', 'a worker that is gone')"
        )
        await conn.execute(
            "insert into activities (id, uri, actor_id, type, body)"
            " values (1, 'https://here.test/ap/activities/1', $1, 'Create', '\\x00ff')",
            author.id,
        )
        await conn.execute(
            "insert into deliveries (activity_id, inbox, host, object_key)"
            " values (1, 'https://there.test/inbox', 'there.test', 1)"
        )
        await conn.execute(
            "insert into inbox (id, uri, type, actor_uri, host, body, claimed_until)"
            " values (2, 'https://there.test/1', 'Create', 'x', 'there.test', 'x', now())"
        )
    media = settings.data_dir / "media" / "ab"
    media.mkdir(parents=True)
    (media / "cd.webp").write_bytes(os.urandom(3_000_000))
    return settings


@pytest.fixture
async def empty(server_dsn: str, tmp_path: Path) -> AsyncIterator[Settings]:
    """An installation that has a database and nothing in it."""
    name = f"restored_{os.getpid()}"
    await execute(server_dsn, f"create database {name}")
    yield Settings(
        origin=SITE.origin, database_url=dsn_of(server_dsn, name), data_dir=tmp_path / "theirs"
    )
    await execute(server_dsn, f"drop database {name} with (force)")


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def hashes(settings: Settings) -> dict[str, str]:
    """A hash of each table's rows, without what workers hold."""
    found = {}
    async with dump.snapshot(url_of(settings)) as conn:
        for table in await dump.list_tables(conn):
            columns = [c for c in table.columns if c not in ("leased_by", "leased_until")]
            columns.remove("claimed_until") if table.name == "inbox" else None
            digest = hashlib.sha256()

            async def sink(data: bytes, digest: hashlib._Hash = digest) -> None:
                digest.update(data)

            await dump.copy_out(conn, table.name, columns, sink)
            found[table.name] = digest.hexdigest()
    return found


async def test_every_row_and_file_comes_back(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    before = await hashes(lived_in)
    made = await backup.backup(lived_in, tmp_path / "b.zip")
    await backup.restore(empty, tmp_path / "b.zip")
    assert await hashes(empty) == before
    assert {table.name for table in made.tables if table.rows} >= {"actors", "posts", "deliveries"}
    for name in (SECRET_FILE, "media/ab/cd.webp"):
        restored = empty.data_dir / name
        assert restored.read_bytes() == (lived_in.data_dir / name).read_bytes()
        assert restored.stat().st_mode & 0o077 == 0


async def test_a_restored_server_goes_on_where_it_was(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    await backup.restore(empty, tmp_path / "b.zip")
    connection = await asyncpg.connect(url_of(empty))
    try:
        held = await connection.fetchval("select count(*) from destinations where leased_by <> ''")
        claimed = await connection.fetchval("select count(claimed_until) from inbox")
        waiting = await connection.fetchval("select count(*) from deliveries")
        last = await connection.fetchval("select max(id) from events")
        event = await connection.fetchval(
            "insert into events (kind, payload) values ('x', '{}') returning id"
        )
    finally:
        await connection.close()
    assert (held, claimed, waiting) == (0, 0, 1)
    assert event > last


async def test_a_backup_can_be_made_of_a_restored_server(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    await backup.restore(empty, tmp_path / "b.zip")
    again = await backup.backup(empty, tmp_path / "c.zip")
    with Archive(tmp_path / "b.zip") as first:
        equal = {t.name for t in first.manifest.tables} & {t.name for t in again.tables}
        assert {t.name: t.rows for t in first.manifest.tables} == {
            t.name: t.rows for t in again.tables
        }
        assert first.manifest.files == again.files
    assert "posts" in equal


async def test_rows_written_meanwhile_are_not_torn_apart(
    lived_in: Settings, own_database: Database, tmp_path: Path
) -> None:
    async with dump.snapshot(url_of(lived_in)) as conn:
        await dump.list_tables(conn)
        async with own_database.write() as other:
            await factories.make_person(other)
        rows = await dump.copy_out(conn, "actors", ["id"], _ignore)
        keys = await dump.copy_out(conn, "actor_keys", ["uri"], _ignore)
    made = await backup.backup(lived_in, tmp_path / "b.zip")
    later = {table.name: table.rows for table in made.tables}
    assert (later["actors"], later["actor_keys"]) == (rows + 1, keys + 2)


async def _ignore(data: bytes) -> None:
    del data


async def test_a_backup_overwrites_nothing(lived_in: Settings, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("precious")
    with pytest.raises(StartError, match="exists already"):
        await backup.backup(lived_in, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "precious"


async def test_a_backup_that_fails_leaves_no_file(lived_in: Settings, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="Cannot write"):
        await backup.backup(lived_in, tmp_path / "no such directory" / "b.zip")
    (lived_in.data_dir / "media" / "ab" / "cd.webp").chmod(0)
    if os.geteuid() != 0:
        with pytest.raises(StartError, match="Cannot write"):
            await backup.backup(lived_in, tmp_path / "b.zip")
    assert names_in(tmp_path) == ["ours"]


async def test_only_its_owner_may_read_a_backup(lived_in: Settings, tmp_path: Path) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").stat().st_mode & 0o077 == 0


async def test_an_empty_database_is_not_backed_up(empty: Settings, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="nothing to back up"):
        await backup.backup(empty, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


async def test_a_restore_goes_into_an_empty_database_only(
    lived_in: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    before = await hashes(lived_in)
    with pytest.raises(StartError, match="not empty"):
        await backup.restore(lived_in, tmp_path / "b.zip")
    assert await hashes(lived_in) == before


async def test_a_restore_needs_the_same_origin(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    other = Settings(
        origin="https://other.test", database_url=empty.database_url, data_dir=empty.data_dir
    )
    with pytest.raises(StartError, match=r"backup of https://here\.test"):
        await backup.restore(other, tmp_path / "b.zip")


async def test_a_damaged_backup_is_refused_and_the_database_stays_empty(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    whole = (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        entries = file.infolist()
    for entry in entries:
        flipped = bytearray(whole)
        header = 30 + len(entry.filename) + 20  # the sizes stand there in 64 bits
        flipped[entry.header_offset + header + entry.compress_size // 2] ^= 0xFF
        (tmp_path / "d.zip").write_bytes(flipped)
        with pytest.raises(StartError, match=r"damaged|no backup"):
            await backup.restore(empty, tmp_path / "d.zip")
    (tmp_path / "d.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StartError, match="no backup"):
        await backup.restore(empty, tmp_path / "d.zip")
    async with dump.connect(url_of(empty)) as conn:
        assert await dump.is_empty(conn)


async def test_a_restore_that_fails_in_the_middle_can_be_tried_again(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    _without_table(tmp_path / "b.zip", tmp_path / "d.zip", "blocks")
    with pytest.raises(StartError, match="tables of its schema"):
        await backup.restore(empty, tmp_path / "d.zip")
    await backup.restore(empty, tmp_path / "b.zip")
    assert await hashes(empty) == await hashes(lived_in)


def _without_table(path: Path, target: Path, name: str) -> None:
    with Archive(path) as whole, archive.create(target) as writer:
        for table in whole.manifest.tables:
            if table.name != name:
                with writer.open(table.entry) as entry, zipfile.ZipFile(path) as source:
                    entry.write(source.read(table.entry))
        kept = [table for table in whole.manifest.tables if table.name != name]
        for file in whole.manifest.files:
            with writer.open(f"files/{file}") as entry, zipfile.ZipFile(path) as source:
                entry.write(source.read(f"files/{file}"))
        facts = {
            field: getattr(whole.manifest, field) for field in whole.manifest.__struct_fields__
        }
        writer.close(archive.Manifest(**(facts | {"tables": kept})))


async def test_a_restore_that_fails_at_its_end_leaves_no_file_and_the_key_that_was_there(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    empty.data_dir.mkdir()
    (empty.data_dir / "erased.log").write_bytes(b"\xff\n")
    for there in ({"erased.log"}, {"erased.log", SECRET_FILE}):
        with pytest.raises(StartError, match=r"erased\.log"):
            await backup.restore(empty, tmp_path / "b.zip")
        files = [path for path in empty.data_dir.rglob("*") if path.is_file()]
        assert {path.name for path in files} == there
        (empty.data_dir / SECRET_FILE).write_text("another key")
    assert (empty.data_dir / SECRET_FILE).read_text() == "another key"
    (empty.data_dir / "erased.log").unlink()
    await backup.restore(empty, tmp_path / "b.zip")
    assert await hashes(empty) == await hashes(lived_in)


async def test_of_a_file_that_breaks_off_nothing_stays(lived_in: Settings, tmp_path: Path) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    whole = bytearray((tmp_path / "b.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        entry = file.getinfo("files/media/ab/cd.webp")
    whole[entry.header_offset + entry.compress_size // 2] ^= 0xFF
    (tmp_path / "d.zip").write_bytes(whole)
    with Archive(tmp_path / "d.zip") as damaged:
        placing = Placing(tmp_path / "theirs")
        with pytest.raises(StartError, match="damaged"):
            placing.put(damaged, "media/ab/cd.webp")
    assert [path for path in (tmp_path / "theirs").rglob("*") if path.is_file()] == []


async def test_files_are_stored_as_they_are_and_no_transaction_waits_for_them(
    lived_in: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_file, open_then = archive.Writer.add_file, []

    def look_first(writer: archive.Writer, name: str, path: Path) -> str:
        with ThreadPoolExecutor() as beside:
            open_then.append(beside.submit(asyncio.run, _transactions(url_of(lived_in))).result())
        return add_file(writer, name, path)

    monkeypatch.setattr(archive.Writer, "add_file", look_first)
    await backup.backup(lived_in, tmp_path / "b.zip")
    assert open_then == [0]
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        kinds = {entry.filename: entry.compress_type for entry in file.infolist()}
    assert kinds["files/media/ab/cd.webp"] == zipfile.ZIP_STORED
    assert kinds["tables/posts.copy"] == zipfile.ZIP_DEFLATED


async def _transactions(dsn: str) -> int:
    """How many of a backup are open."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'dazzle backup'"
            " and datname = current_database() and xact_start is not null"
        )
    finally:
        await connection.close()


async def test_a_file_that_is_no_backup_is_one_line(empty: Settings, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    with pytest.raises(StartError, match="is no backup"):
        await backup.restore(empty, tmp_path / "x")
    with pytest.raises(StartError, match="Cannot read"):
        await backup.restore(empty, tmp_path / "y")


async def test_a_secret_from_the_environment_stays_there(
    lived_in: Settings, empty: Settings, tmp_path: Path
) -> None:
    await backup.backup(lived_in, tmp_path / "b.zip")
    given = Settings(
        origin=SITE.origin,
        database_url=empty.database_url,
        data_dir=empty.data_dir,
        secret_key="k" * 40,
    )
    await backup.restore(given, tmp_path / "b.zip")
    assert not (empty.data_dir / SECRET_FILE).exists()
