"""The copy that somebody takes along: what is in it, what is not, and what becomes of the file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from forum import aliases, exporting, importing, media, subscriptions, threads
from forum.pictures import PictureMaker
from forum.ports import Services
from forum.text import ChildRenderer
from server.exporting import Exporter
from server.mailing import SmtpMailer
from storage import exports
from storage.actors import Actor
from storage.audience import Viewer
from storage.db import Connection, Database
from storage.media_files import MediaFiles
from storage.parts import Parts
from tests.factories import (
    KEYPAIR,
    SITE,
    join,
    make_community,
    make_draft,
    make_person,
    make_remote_community,
    make_reply,
    make_site,
    make_thread,
    member_of,
)
from tests.federation.wire import MovableClock
from tests.server.seed.test_seed import NoResolver

SOUND = b"OggS\x00\x02" + bytes(22) + b"OpusHead" + bytes(100)


@pytest.fixture
async def services(database: Database, tmp_path: Path) -> AsyncIterator[Services]:
    async with database.write() as conn:
        await make_site(conn)
    renderer = ChildRenderer()
    yield Services(
        database,
        SITE,
        MovableClock(),
        renderer,
        NoResolver(),
        b"x" * 32,
        SmtpMailer(b"x" * 32),
        MediaFiles(tmp_path / "media"),
        PictureMaker(),
        data_dir=tmp_path,
    )
    await renderer.close()


@pytest.fixture
def exporter(services: Services) -> Exporter:
    return Exporter(services, services.data_dir / exporting.DIRECTORY)


async def ask(services: Services, person: Actor) -> None:
    async with services.database.write() as conn:
        await exporting.ask_for_copy(conn, member_of(person), services.clock.now())


async def latest(services: Services, person: Actor) -> exports.Export | None:
    async with services.database.read() as conn:
        return await exports.read_latest(conn, Viewer(person.id), services.clock.now())


async def opened(services: Services, person: Actor) -> zipfile.ZipFile:
    export = await latest(services, person)
    assert export is not None
    assert export.state == "ready"
    assert export.file is not None
    return zipfile.ZipFile(services.data_dir / exporting.DIRECTORY / export.file)


async def test_pat04_a_copy_holds_everything_of_one_person_and_nothing_of_others(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada, eve = await make_person(conn, "ada"), await make_person(conn, "eve")
        community = await make_community(conn, eve, name="quiet", readers="members")
        await join(conn, community, ada)
        thread = await make_thread(conn, ada, community, title="My <first> day", text="Hard.")
        theirs = await make_reply(conn, eve, thread, text="Somebody else said this.")
        await make_reply(conn, ada, theirs, text="And I answered.")
        await conn.execute("insert into blocks values ($1, $2)", ada.id, eve.id)
        await conn.execute("insert into host_blocks values ($1, 'rude.test')", ada.id)
        await conn.execute(
            "insert into consents (account_id, purpose, version, locale, given_at)"
            " values ($1, 'account', 1, 'en', now())",
            ada.id,
        )
    await ask(services, ada)
    assert await exporter.step()
    with await opened(services, ada) as copy:
        page = copy.read("index.html").decode()
        outbox = json.loads(copy.read("outbox.json"))
        rest = json.loads(copy.read("everything_else.json"))
        assert copy.read("following_accounts.csv").decode().splitlines()[1:] == [
            "quiet@here.test,true,false,"
        ]
        assert copy.read("blocked_accounts.csv") == b"eve@here.test\r\n"
        assert copy.read("blocked_domains.csv") == b"rude.test\r\n"
        whole = b"".join(copy.read(name) for name in copy.namelist())
    assert "My &lt;first&gt; day" in page
    assert "And I answered." in page
    assert b"Somebody else said this." not in whole
    assert b"PRIVATE KEY" not in whole
    assert b"argon2" not in whole
    assert outbox["totalItems"] == len(outbox["orderedItems"]) == 2
    first, second = (item["object"] for item in outbox["orderedItems"])
    assert (first["name"], first["source"]["content"]) == ("My <first> day", "Hard.")
    assert (second["inReplyTo"], second["audience"]) == (theirs.uri, community.uri)
    assert first["to"] == second["to"] == []
    assert "account" in [one["purpose"] for one in rest["consents"]]


async def keep_sound(conn: Connection, services: Services, owner: Actor) -> str:
    """The name of a recording that waits for a post."""
    upload = services.media.incoming()
    upload.write_bytes(SOUND)
    prepared = await media.prepare(services.media, services.pictures, upload)
    medium = await media.keep(conn, owner.id, prepared, now=services.clock.now())
    return medium.name


async def test_pat04_a_copy_holds_the_pictures_and_recordings_of_ones_posts(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada = await make_person(conn, "ada")
        community = await make_community(conn, ada)
        name = await keep_sound(conn, services, ada)
        chosen = [media.Chosen(name, "My voice")]
        parts = Parts(await media.attachments_of(conn, SITE, ada.id, chosen))
        draft = replace(make_draft("Heard"), parts=parts, files=(name,))
        await threads.start_thread(conn, SITE, ada, community, draft, now=services.clock.now())
    await ask(services, ada)
    assert await exporter.step()
    with await opened(services, ada) as copy:
        path = f"media/{name}.original.ogg"
        assert copy.read(path) == SOUND
        assert f'<a href="{path}"' in copy.read("index.html").decode()
        [create] = json.loads(copy.read("outbox.json"))["orderedItems"]
    assert create["object"]["attachment"] == [
        {"type": "Document", "mediaType": "audio/ogg", "url": path, "name": "My voice"}
    ]


class SlowFiles(MediaFiles):
    """Each file that is asked for takes three minutes."""

    clock: MovableClock

    def path(self, name: str, variant: str) -> Path:
        self.clock.move(timedelta(minutes=3))
        return super().path(name, variant)


async def test_while_files_come_slowly_nobody_else_begins_the_same_copy(
    services: Services,
) -> None:
    assert isinstance(services.clock, MovableClock)
    slow = SlowFiles(services.data_dir / "media")
    slow.clock = services.clock
    async with services.database.write() as conn:
        ada = await make_person(conn, "ada")
        community = await make_community(conn, ada)
        names = [await keep_sound(conn, services, ada) for _ in range(3)]
        chosen = [media.Chosen(name) for name in names]
        parts = Parts(await media.attachments_of(conn, SITE, ada.id, chosen))
        draft = replace(make_draft("Heard"), parts=parts, files=tuple(names))
        await threads.start_thread(conn, SITE, ada, community, draft, now=services.clock.now())
    await ask(services, ada)
    exporter = Exporter(replace(services, media=slow), services.data_dir / exporting.DIRECTORY)
    note, found = exporter._note, []

    async def look_first(export: exports.Export, done: int, total: int) -> None:
        async with services.database.write() as conn:
            now = services.clock.now()
            found.append(await exports.claim(conn, now, now))
        await note(export, done, total)

    exporter._note = look_first  # type: ignore[method-assign]
    assert await exporter.step()
    assert found == [None] * 3
    with await opened(services, ada) as copy:
        assert sum(name.startswith("media/") for name in copy.namelist()) == 3


async def test_pat04_a_copy_of_many_posts_tells_how_far_it_is(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada = await make_person(conn)
        community = await make_community(conn, ada)
        thread = await make_thread(conn, ada, community)
        for number in range(120):
            await make_reply(conn, ada, thread, text=f"Answer {number}.")
    await ask(services, ada)
    told = []
    note = exporter._note

    async def listen(export: exports.Export, done: int, total: int) -> None:
        await note(export, done, total)
        told.append(await latest(services, ada))

    exporter._note = listen  # type: ignore[method-assign]
    assert await exporter.step()
    assert [(one.done, one.total, one.state) for one in told if one] == [(200, 242, "waiting")]
    with await opened(services, ada) as copy:
        assert json.loads(copy.read("outbox.json"))["totalItems"] == 121


async def test_asking_twice_makes_one_and_a_newer_one_replaces_the_older(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada = await make_person(conn)
        await conn.execute(
            "update accounts set email = 'ada@there.test', email_confirmed_at = now(),"
            " message_mail_after = now() where actor_id = $1",
            ada.id,
        )
    await ask(services, ada)
    await ask(services, ada)
    assert await exporter.step()
    async with services.database.read() as conn:
        told = await conn.fetch("select address, kind, data ->> 'link' from mails")
    assert [tuple(row) for row in told] == [
        ("ada@there.test", "export_ready", "https://here.test/settings/export")
    ]
    assert not await exporter.step()
    first = await latest(services, ada)
    assert isinstance(services.clock, MovableClock)
    services.clock.move(timedelta(minutes=1))
    await ask(services, ada)
    assert await exporter.step()
    services.clock.move(timedelta(hours=1))  # what was just made may not be named yet
    await exporter.tidy()
    second = await latest(services, ada)
    assert first is not None
    assert second is not None
    assert first.id != second.id
    directory = services.data_dir / exporting.DIRECTORY
    assert [path.name for path in directory.iterdir()] == [second.file]


async def test_a_file_goes_after_a_week_and_with_its_owner(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada, eve = await make_person(conn), await make_person(conn)
    for person in (ada, eve):
        await ask(services, person)
        assert await exporter.step()
    directory = services.data_dir / exporting.DIRECTORY
    async with services.database.write() as conn:
        await exports.drop_of_account(conn, eve.id)
    await exporter.tidy()
    assert len(list(directory.iterdir())) == 1
    assert isinstance(services.clock, MovableClock)
    services.clock.move(timedelta(days=8))
    await exporter.tidy()
    assert list(directory.iterdir()) == []
    assert await latest(services, ada) is None


async def test_a_copy_that_cannot_be_written_leaves_no_half_of_it(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada = await make_person(conn)
    (services.data_dir / exporting.DIRECTORY).write_text("in the way")
    await ask(services, ada)
    assert await exporter.step()
    export = await latest(services, ada)
    assert export is not None
    assert export.state == "failed"


async def test_a_copy_that_a_dead_worker_began_is_made_by_the_next(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada = await make_person(conn)
    await ask(services, ada)
    now = services.clock.now()
    async with services.database.write() as conn:
        assert await exports.claim(conn, now, now + timedelta(minutes=5)) is not None
    assert not await exporter.step()
    assert isinstance(services.clock, MovableClock)
    services.clock.move(timedelta(minutes=6))
    assert await exporter.step()
    assert (await opened(services, ada)).testzip() is None


async def test_pat18_what_was_written_under_another_name_is_on_the_page_and_in_no_outbox(
    services: Services, exporter: Exporter
) -> None:
    now = services.clock.now()
    async with services.database.write() as conn:
        ada = await make_person(conn, "ada")
        community = await make_community(conn, name="quiet")
        await join(conn, community, ada)
        await make_thread(conn, ada, community, text="As myself.")
        hidden = await aliases.start_unnamed_thread(
            conn, aliases.Fresh(SITE, KEYPAIR), ada, community,
            make_draft("Without a name", "As nobody."), now=now + timedelta(days=9),
        )  # fmt: skip
        name = await conn.fetchval("select name from actors where id = $1", hidden.author_id)
    await ask(services, ada)
    assert await exporter.step()
    with await opened(services, ada) as copy:
        page = copy.read("index.html").decode()
        outbox = copy.read("outbox.json").decode()
    assert "As nobody." in page
    assert f"You wrote this as {name}." in page
    assert page.count("You wrote this as") == 1
    assert "As myself." in outbox
    assert "As nobody." not in outbox
    assert json.loads(outbox)["totalItems"] == 1


async def test_pat04_lists_of_a_copy_are_taken_in_again(
    services: Services, exporter: Exporter
) -> None:
    async with services.database.write() as conn:
        ada, eve = await make_person(conn, "ada"), await make_person(conn, "eve")
        there = await make_remote_community(conn, host="there.test", name="herd")
        reader = await subscriptions.make_reader(conn, SITE, KEYPAIR, services.clock.now())
        await subscriptions.subscribe(conn, SITE, there, ada, reader, services.clock.now())
        await conn.execute("insert into blocks values ($1, $2)", ada.id, eve.id)
    await ask(services, ada)
    assert await exporter.step()
    with await opened(services, ada) as copy:
        follows = copy.read("following_accounts.csv").decode()
        blocked = copy.read("blocked_accounts.csv").decode()
    assert importing.read_list(follows, "follows") == ["herd@there.test"]
    assert importing.read_list(blocked, "blocks") == ["eve@here.test"]
