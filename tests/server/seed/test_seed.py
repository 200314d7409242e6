"""The demo is complete, lives through the rules, and is made once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from forum.pictures import PictureMaker
from forum.ports import Services, SystemClock
from forum.setup import complete_setup, ensure_site, issue_setup_token
from forum.site import Site
from forum.text import ChildRenderer, plain_text
from server import seed
from server.errors import StartError
from server.mailing import SmtpMailer
from server.seed.script import read_script
from storage.actors import Actor
from storage.audience import NOBODY, Viewer
from storage.communities import list_communities
from storage.db import Database
from storage.media_files import MediaFiles
from storage.site import read_site
from tests.factories import KEYPAIR, PASSWORD_HASH

SITE = Site("http://localhost:8000")
COUNTED = ("actors", "posts", "memberships", "reports", "modlog", "events")


class NoResolver:
    """The demo is made without asking any other server."""

    async def find_community(self, address: str) -> int | None:
        raise AssertionError(address)

    async def find_actor(self, address: str) -> int | None:
        raise AssertionError(address)

    async def look_up_actor(self, address: str) -> int | None:
        raise AssertionError(address)

    async def has_moved_to(self, old: Actor, uri: str) -> bool:
        raise AssertionError(old, uri)

    async def software_of(self, host: str) -> str | None:
        raise AssertionError(host)


@pytest.fixture
async def services(database: Database, tmp_path: Path) -> AsyncIterator[Services]:
    renderer = ChildRenderer()
    async with database.write() as conn:
        await ensure_site(conn, SITE, SystemClock().now(), keypair=KEYPAIR)
    yield Services(
        database,
        SITE,
        SystemClock(),
        renderer,
        NoResolver(),
        b"x" * 32,
        SmtpMailer(b"x" * 32),
        MediaFiles(tmp_path),
        PictureMaker(),
    )
    await renderer.close()


async def count_rows(database: Database) -> list[int]:
    async with database.read() as conn:
        return [await conn.fetchval(f"select count(*) from {table}") for table in COUNTED]


async def test_the_demo_is_made_once(services: Services) -> None:
    logins = await seed.seed(services, which="demo")
    counted = await count_rows(services.database)
    assert await seed.seed(services, which="demo") == logins
    assert await count_rows(services.database) == counted
    async with services.database.read() as conn:
        row = await read_site(conn)
    assert row.is_seeded
    assert (row.signup, row.federation_mode) == ("open", "open")


async def test_the_demo_has_what_a_newcomer_should_meet(services: Services) -> None:
    await seed.seed(services, which="demo")
    async with services.database.read() as conn:
        threads = await conn.fetchval("select count(*) from posts where kind = 'thread'")
        replies = await conn.fetchval("select count(*) from posts where kind = 'reply'")
        late = await conn.fetchval("select count(*) from posts where published_at > now()")
        states = dict(await conn.fetch("select state, count(*) from posts group by state"))
        asking = await conn.fetchval("select count(*) from memberships where state = 'asked'")
        reports = await conn.fetchval("select count(*) from reports where state = 'open'")
        orpha = await conn.fetchval("select condition from communities where readers = 'anyone'")
    assert threads >= 12
    assert replies >= 60
    assert late == 0
    assert states["removed"] == states["erased"] == 1
    assert (asking, reports, orpha) == (1, 1, "ORPHA:558")


async def test_a_stranger_sees_no_unlisted_community_of_the_demo(services: Services) -> None:
    await seed.seed(services, which="demo")
    async with services.database.read() as conn:
        seen = {c.name for c in await list_communities(conn, NOBODY, after="", limit=50)}
        juniper = await conn.fetchval("select id from actors where name = 'juniper'")
        hers = {c.name for c in await list_communities(conn, Viewer(juniper), after="", limit=50)}
    assert seen == {"marfan", "heart_parents", "lounge"}
    assert "window_seat" in hers


async def test_a_and_b_are_two_different_servers(services: Services) -> None:
    await seed.seed(services, which="b")
    with pytest.raises(StartError):
        await seed.seed(services, which="a")


async def test_a_database_in_use_is_left_alone(services: Services) -> None:
    now = services.clock.now()
    async with services.database.write() as conn:
        token = await issue_setup_token(conn)
        assert token is not None
        await complete_setup(
            conn,
            SITE,
            token=token,
            title="Ours",
            contact="a@b.example",
            signup="closed",
            federation_mode="nobody",
            name="somebody",
            password_hash=PASSWORD_HASH,
            keypair=KEYPAIR,
            now=now,
        )
    before = await count_rows(services.database)
    with pytest.raises(StartError, match="use this database already"):
        await seed.seed(services)
    assert await count_rows(services.database) == before


@pytest.mark.parametrize("which", ["demo", "b"])
def test_every_story_can_be_told(which: str) -> None:
    script = read_script(which)
    members = {room.name: {room.owner, *room.members} for room in script.communities}
    names = {person.name for person in script.people}
    assert set().union(*members.values()) <= names
    for story in script.threads:
        assert story.author in members[story.community], story.title
        at = {"": 0.0}
        for said in story.replies:
            assert said.author in members[story.community], said.text
            assert at[said.to] < said.hours < story.days * 24, said.text
            at[said.id or "-"] = said.hours


@pytest.mark.parametrize("which", ["demo", "b"])
def test_no_story_names_a_dose(which: str) -> None:
    for story in read_script(which).threads:
        for text in (story.text, *(said.text for said in story.replies)):
            assert " mg" not in plain_text(text).lower()


def test_a_login_says_who_it_is() -> None:
    assert str(seed.Login("wren", "secret", "lives with it")) == (
        "wren           secret   lives with it"
    )
