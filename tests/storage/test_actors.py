from __future__ import annotations

from dataclasses import replace

import pytest

from forum import moderation
from storage import actors
from storage.audience import NOBODY, UNKNOWN_SERVER, Viewer
from storage.db import Connection
from tests import factories
from tests.factories import make_person, make_remote_person, tick


async def test_a_fetch_refreshes_and_keeps_the_id(conn: Connection) -> None:
    known = await make_remote_person(conn, name="zebra")
    fetched = replace(known, id=known.id + 1, display_name="Zebra", inbox="https://there.test/new")
    stored = await actors.upsert_remote(conn, fetched, tick())
    assert stored == replace(fetched, id=known.id)
    assert await actors.read_by_uri_unfiltered(conn, known.uri) == stored


async def test_a_fetch_brings_back_the_gone_and_not_the_suspended(conn: Connection) -> None:
    person = await make_remote_person(conn)
    await actors.mark_gone(conn, person.id)
    assert (await actors.upsert_remote(conn, person, tick())).state == "live"
    await actors.set_state(conn, person.id, "suspended")
    assert (await actors.upsert_remote(conn, person, tick())).state == "suspended"


async def test_a_fetch_changes_no_actor_of_ours_and_no_kind(conn: Connection) -> None:
    person = await make_person(conn)
    posing = replace(person, is_local=False, host="evil.test", inbox="https://evil.test")
    assert await actors.upsert_remote(conn, posing, tick()) == person
    with pytest.raises(ValueError):
        await actors.upsert_remote(conn, person, tick())
    remote = await make_remote_person(conn)
    assert await actors.upsert_remote(conn, replace(remote, kind="community"), tick()) == remote


async def test_a_local_actor_does_not_go_because_somebody_says_so(conn: Connection) -> None:
    person = await make_person(conn)
    await actors.mark_gone(conn, person.id)
    assert await actors.read_person(conn, NOBODY, person.name) == person


async def test_a_person_is_found_in_any_spelling_and_only_when_open(conn: Connection) -> None:
    person = await make_person(conn, "zebra")
    assert await actors.read_person(conn, NOBODY, "ZEBRA") == person
    assert await actors.read_person(conn, UNKNOWN_SERVER, "zebra") == person
    waiting = await make_person(conn, state="waiting")
    assert await actors.read_person(conn, NOBODY, waiting.name) is None
    community = await factories.make_community(conn)
    assert await actors.read_person(conn, NOBODY, community.name) is None


async def test_whom_a_person_blocks_does_not_find_them(conn: Connection) -> None:
    person, blocked = await make_person(conn), await make_person(conn)
    await moderation.block_person(conn, person, blocked, tick())
    assert await actors.read_person(conn, Viewer(blocked.id), person.name) is None
    assert await actors.read_person_by_id(conn, Viewer(blocked.id), person.id) is None
    assert await actors.read_person_by_id(conn, Viewer(person.id), blocked.id) == blocked


async def test_ones_own_actor_is_a_live_person_of_this_server(conn: Connection) -> None:
    person, remote = await make_person(conn), await make_remote_person(conn)
    assert await actors.read_own(conn, Viewer(person.id)) == person
    assert await actors.read_own(conn, Viewer(remote.id)) is None
    assert await actors.read_own(conn, NOBODY) is None
