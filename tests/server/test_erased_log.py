"""A restored backup brings nothing back that was erased after it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from forum import closing
from forum.setup import ensure_site
from forum.threads import erase_post
from server import backup, erased_log, prepare
from server.database import url_of
from server.erased_log import FILE, LINE, ErasedLog
from server.errors import StartError
from server.settings import Settings
from storage import dump
from storage.db import Connection, Database
from storage.erased import hash_of
from tests import factories
from tests.factories import KEYPAIR, SITE, START, tick
from tests.server.test_backup import empty  # noqa: F401 - a fixture

CANARY = "A canary sings"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    data_dir = tmp_path / "ours"
    data_dir.mkdir()
    return Settings(origin=SITE.origin, database_url=database_url, data_dir=data_dir)


async def test_pat05_a_restored_backup_never_resurrects_what_was_erased(
    settings: Settings,
    own_database: Database,
    empty: Settings,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    async with own_database.write() as conn:
        await ensure_site(conn, SITE, START, keypair=KEYPAIR)
        author, leaver = await factories.make_person(conn), await factories.make_person(conn)
        community = await factories.make_community(conn, author)
        await factories.join(conn, community, leaver)
        gone = await factories.make_thread(conn, author, community, text=f"{CANARY}.")
        kept = await factories.make_thread(conn, author, community, text="Still here.")
        theirs = await factories.make_thread(conn, leaver, community, text=f"{CANARY}!")
    await backup.backup(settings, tmp_path / "b.zip")
    async with own_database.write() as conn:
        await erase_post(conn, author, gone, now=tick())
        await closing.close_account(conn, leaver, tick())
    await ErasedLog(settings).write(own_database, tick())

    empty.data_dir.mkdir()
    (empty.data_dir / FILE).write_bytes((settings.data_dir / FILE).read_bytes())
    await backup.restore(empty, tmp_path / "b.zip")
    async with dump.connect(url_of(empty)) as conn:
        assert await _states(conn) == {gone.id: "erased", kept.id: "live", theirs.id: "live"}
        row = await conn.fetchrow(
            "select a.state, s.state from actors a join accounts s on s.actor_id = a.id"
            " where a.id = $1",
            leaver.id,
        )
        assert tuple(row) == ("gone", "closed")
        assert await conn.fetchval("select count(*) from departures") == 1
        told = await conn.fetchval("select count(*) from events where kind = 'PostErased'")
        assert told == 1, "other servers are told once more"


async def _states(conn: Connection) -> dict[int, str]:
    return {row["id"]: row["state"] for row in await conn.fetch("select id, state from posts")}


async def test_pat05_a_database_that_was_put_back_by_hand_is_cleaned_at_the_start(
    settings: Settings, own_database: Database
) -> None:
    async with own_database.write() as conn:
        await ensure_site(conn, SITE, START, keypair=KEYPAIR)
        author = await factories.make_person(conn)
        community = await factories.make_community(conn, author)
        thread = await factories.make_thread(conn, author, community, text=CANARY)
    (settings.data_dir / FILE).write_text(f"{hash_of(thread.uri).hex()}\n")
    for _ in range(2):
        await prepare.introduce(settings)
    async with own_database.read() as conn:
        assert await _states(conn) == {thread.id: "erased"}
        assert await conn.fetchval("select count(*) from events where kind = 'PostErased'") == 1


async def test_the_file_is_only_added_to_and_each_erasure_stands_in_it(
    settings: Settings, own_database: Database
) -> None:
    log, file = ErasedLog(settings), settings.data_dir / FILE
    async with own_database.write() as conn:
        await conn.execute(
            "insert into erased (uri_hash) select substring(sha256(n::text::bytea) for 16)"
            " from generate_series(1, 2500) n"
        )
    await log.write(own_database, tick())
    assert len(file.read_bytes()) == 2500 * LINE
    assert file.stat().st_mode & 0o077 == 0
    first = file.read_bytes()
    await log.write(own_database, tick())
    async with own_database.write() as conn:
        await conn.execute("insert into erased (uri_hash) values ($1)", hash_of("x"))
    file.write_bytes(first[:-5])  # the disk was full in the middle of a line
    await log.write(own_database, tick())
    assert file.read_bytes() == first[:-5] + b"\n" + hash_of("x").hex().encode() + b"\n"
    async with own_database.write() as conn:
        await conn.execute("delete from erased")
    assert await erased_log.apply(own_database, settings) == 0
    async with own_database.read() as conn:
        assert await conn.fetchval("select count(*) from erased where is_written") == 2500


async def test_what_cannot_be_written_is_written_later(
    settings: Settings, own_database: Database
) -> None:
    async with own_database.write() as conn:
        await conn.execute("insert into erased (uri_hash) values ($1)", hash_of("x"))
    (settings.data_dir / FILE).mkdir()
    with pytest.raises(OSError, match="directory"):
        await ErasedLog(settings).write(own_database, tick())
    with pytest.raises(StartError, match="Cannot read"):
        await erased_log.apply(own_database, settings)
    (settings.data_dir / FILE).rmdir()
    await ErasedLog(settings).write(own_database, tick())
    assert (settings.data_dir / FILE).read_text() == hash_of("x").hex() + "\n"
