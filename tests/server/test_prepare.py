"""An older database becomes one of this version: nothing is lost, and there is a way back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from forum import editing, polls, reactions, threads
from forum.text import PollDraft
from server import backup, migrate, prepare
from server.archive import Archive
from server.errors import StartError
from server.settings import Settings
from storage import actors, edits
from storage import polls as stored_polls
from storage import threads as stored_threads
from storage.audience import NOBODY
from storage.db import Database
from tests.conftest import dsn_of
from tests.factories import SITE, far_future, make_draft, tick
from tests.server.program import running
from tests.server.program import settings as environment_of

FIRST = "0001"

# Rows as the first schema has them, of every table to which the second adds something.
LIFE = """
update site set origin = 'https://here.test', set_up_at = now(), federation_mode = 'open';
insert into actors (id, uri, kind, type, host, is_local, name, inbox) values
  (1, 'https://here.test/ap/instance', 'instance', 'Application', 'here.test', true, 'here.test',
    'https://here.test/inbox'),
  (2, 'https://here.test/ap/actors/2', 'person', 'Person', 'here.test', true, 'zebra',
    'https://here.test/inbox'),
  (3, 'https://here.test/ap/actors/3', 'community', 'Group', 'here.test', true, 'marfan',
    'https://here.test/inbox'),
  (4, 'https://there.test/u/4', 'person', 'Person', 'there.test', false, 'okapi',
    'https://there.test/inbox');
insert into actor_keys (uri, actor_id, public_pem) values
  ('https://there.test/u/4#main-key', 4, 'a key');
insert into accounts (actor_id, password_hash) values (2, 'x');
insert into communities (actor_id, readers, travels, listed, indexed, joining) values
  (3, 'anyone', 'anywhere', true, true, 'open');
insert into memberships (community_id, actor_id, state, role, joined_at) values
  (3, 2, 'accepted', 'owner', now()), (3, 4, 'accepted', 'member', now());
insert into posts (id, uri, kind, author_id, community_id, thread_id, parent_id, path, audience,
    title, source, html, is_local, published_at, state) values
  (10, 'https://here.test/ap/posts/10', 'thread', 2, 3, 10, null, '{10}', 'public',
    'Old title', 'old words', '<p>old words</p>', true, now() - interval '1 day', 'live'),
  (11, 'https://there.test/p/11', 'reply', 4, 3, 10, 10, '{10,11}', 'public',
    '', 'an answer', '<p>an answer</p>', false, now(), 'live'),
  (12, 'https://here.test/ap/posts/12', 'reply', 2, 3, 10, 10, '{10,12}', 'public',
    '', '', '', true, now(), 'erased');
insert into instances (host, software) values ('there.test', 'mastodon');
insert into destinations (host, parked_at) values ('there.test', now());
insert into activities (id, uri, actor_id, type, post_id, body) values
  (20, 'https://here.test/ap/activities/20', 3, 'Announce Create', 10, 'old words');
insert into deliveries (activity_id, inbox, host, object_key) values
  (20, 'https://there.test/inbox', 'there.test', 10);
insert into inbox (id, uri, type, actor_uri, host, body) values
  (30, 'https://there.test/30', 'Create', 'https://there.test/u/4', 'there.test', 'received');
insert into events (kind, payload) values ('ThreadStarted', '{"post_id": 10, "source_uri": null}');
"""

ROWS = """
select (select string_agg(concat(id, state, title, source, html, version), '|' order by id)
    from posts)
  || (select string_agg(concat(id, uri, state), '|' order by id) from actors)
  || (select string_agg(concat(community_id, actor_id, state, role), '|' order by actor_id)
    from memberships)
  || (select string_agg(concat(id, body::text), '|' order by id) from activities)
  || (select string_agg(concat(id, inbox, host), '|' order by id) from deliveries)
  || (select string_agg(concat(id, body::text, state), '|' order by id) from inbox)
  || (select string_agg(concat(id, kind, payload), '|' order by id) from events)
"""

_numbers = count(1)


@pytest.fixture(scope="module")
def lived_in(server_dsn: str) -> Iterator[str]:
    """The name of a database that was set up and lived in with the first version."""
    name = f"first_{os.getpid()}"
    asyncio.run(execute(server_dsn, f"create database {name}"))
    migrate.run(dsn_of(server_dsn, name), FIRST)
    asyncio.run(execute(dsn_of(server_dsn, name), LIFE))
    yield name
    asyncio.run(execute(server_dsn, f"drop database {name}"))


@pytest.fixture
async def copy_of(server_dsn: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Makes copies of a database."""
    made: list[str] = []

    async def make(template: str) -> str:
        name = f"upgraded_{os.getpid()}_{next(_numbers)}"
        await execute(server_dsn, f"create database {name} template {template}")
        made.append(name)
        return dsn_of(server_dsn, name)

    yield make
    for name in made:
        await execute(server_dsn, f"drop database {name} with (force)")


@pytest.fixture
async def old(lived_in: str, copy_of: Callable[[str], Awaitable[str]], tmp_path: Path) -> Settings:
    """A server of the first version."""
    dsn = await copy_of(lived_in)
    return Settings(origin=SITE.origin, database_url=dsn, data_dir=tmp_path / "data")


async def execute(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


async def rows_of(settings: Settings) -> str:
    connection = await asyncpg.connect(settings.database_url)
    try:
        return str(await connection.fetchval(ROWS))
    finally:
        await connection.close()


async def version_of(settings: Settings) -> str | None:
    return await migrate.read_version(settings.database_url or "")


async def upgrade(settings: Settings) -> list[str]:
    """What was said while the database was brought up to date."""
    said: list[str] = []
    await asyncio.to_thread(prepare.bring_up_to_date, settings, said.append)
    return said


def backups_of(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / prepare.BACKUPS).glob("*"))


async def test_an_older_database_is_backed_up_and_migrated(old: Settings) -> None:
    before = await rows_of(old)
    said = await upgrade(old)
    assert await version_of(old) == migrate.newest_version() != FIRST
    assert await rows_of(old) == before
    (file,) = backups_of(old)
    assert said == [f"Backup before the upgrade: {file}"]
    assert file.stat().st_mode & 0o077 == 0
    with Archive(file) as archive:
        archive.verify()
        assert archive.manifest.schema == FIRST
        rows = {table.name: table.rows for table in archive.manifest.tables}
    assert (rows["posts"], rows["actors"], rows["deliveries"]) == (3, 4, 1)


async def test_a_database_of_this_version_is_neither_backed_up_nor_migrated(
    old: Settings,
) -> None:
    await upgrade(old)
    assert await upgrade(old) == []
    assert len(backups_of(old)) == 1


async def test_what_was_written_before_can_be_edited_voted_on_and_liked(old: Settings) -> None:
    await upgrade(old)
    await prepare.introduce(old)
    database = await Database.open(old.database_url or "")
    async with database.write() as conn:
        author = await actors.read_unfiltered(conn, 2)
        other = await actors.read_unfiltered(conn, 4)
        post = await stored_threads.read_unfiltered(conn, 10)
        assert author
        assert other
        assert post
        assert (post.type, post.parts) == ("Note", None)
        draft = make_draft("New title", "new words")
        post = await editing.edit_post(conn, author, post, draft, now=tick())
        (edit,) = await edits.list_edits(conn, NOBODY, 10, 10)
        assert edit.title == "Old title"
        assert await reactions.react(conn, other, post, "like", now=tick())
        poll = PollDraft(("Yes", "No"), votes=(0, 0), ends_at=far_future())
        await polls.attach(conn, post, poll)
        await polls.receive_vote(conn, other, post, "Yes", uri=None, now=tick())
        await threads.erase_post(conn, author, post, now=tick())
        assert await stored_polls.read_poll_unfiltered(conn, 10) is None
    await database.close()


async def test_the_way_back_is_the_backup(
    old: Settings, copy_of: Callable[[str], Awaitable[str]], tmp_path: Path
) -> None:
    """Into a new database it comes back equal, and as one of this version."""
    before = await rows_of(old)
    await upgrade(old)
    empty = await copy_of("template0")
    new = Settings(origin=SITE.origin, database_url=empty, data_dir=tmp_path / "new")
    await backup.restore(new, backups_of(old)[0])
    assert await version_of(new) == migrate.newest_version()
    assert await rows_of(new) == before


async def test_without_a_backup_there_is_no_migration(old: Settings) -> None:
    old.data_dir.mkdir()
    (old.data_dir / prepare.BACKUPS).write_text("in the way")
    before = await rows_of(old)
    with pytest.raises(StartError, match=r"Cannot make [^\n]+$"):
        await upgrade(old)
    assert await version_of(old) == FIRST
    assert await rows_of(old) == before


async def test_a_migration_that_fails_leaves_the_database_as_it_was(old: Settings) -> None:
    assert old.database_url
    await execute(old.database_url, "create table backfills (in_the_way integer)")
    before = await rows_of(old)
    with pytest.raises(StartError, match=r"The migration failed: [^\n]+$"):
        await upgrade(old)
    assert await version_of(old) == FIRST
    assert await rows_of(old) == before
    await execute(old.database_url, "drop table backfills")
    await asyncio.sleep(1.1)  # a backup is called after its second
    await upgrade(old)
    assert await version_of(old) == migrate.newest_version()
    assert len(backups_of(old)) == 2


async def test_a_database_of_a_newer_version_is_left_alone(old: Settings) -> None:
    assert old.database_url
    await execute(old.database_url, "update alembic_version set version_num = '9999'")
    with pytest.raises(StartError, match="migrated by a newer Dazzle"):
        await upgrade(old)
    assert backups_of(old) == []


async def test_an_older_database_is_not_served_without_a_migration(old: Settings) -> None:
    with pytest.raises(StartError, match="run `dazzle migrate` first"):
        await prepare.require_current(old)
    await upgrade(old)
    await prepare.require_current(old)


async def test_serving_upgrades_by_itself(old: Settings, data_dir: Path) -> None:
    environment = environment_of(data_dir, DAZZLE_DATABASE_URL=old.database_url or "")
    environment["DAZZLE_ORIGIN"] = SITE.origin
    with running(environment, "serve") as program:
        await asyncio.to_thread(program.wait_for, "Backup before the upgrade: ")
        await asyncio.to_thread(program.wait_for, "Dazzle serves")
        assert await asyncio.to_thread(program.stop) == 0
    assert await version_of(old) == migrate.newest_version()
    assert len(list((data_dir / prepare.BACKUPS).glob("*.dazzle"))) == 1
