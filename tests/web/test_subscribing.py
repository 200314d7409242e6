"""Reading along in a community elsewhere: its server sees one reader, whoever reads here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forum.closing import close_account
from forum.membership import receive_answer
from storage.actors import read_unfiltered
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Database
from storage.home import list_home
from storage.subscriptions import read_reader_unfiltered
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_thread,
    tick,
)
from tests.web.conftest import Browser

Open = Callable[..., Browser]
PATH = "/c/far@there.test"


async def scene(database: Database, browser: Open) -> tuple[Community, list[Browser], list[int]]:
    async with database.write() as conn:
        there = await make_remote_community(conn, name="far")
        people = [await make_person(conn), await make_person(conn)]
    return there, [await browser().sign_in(one) for one in people], [one.id for one in people]


async def events(database: Database) -> list[tuple[str, int]]:
    async with database.read() as conn:
        rows = await conn.fetch("select kind, payload from events order by id")
    return [(row["kind"], row["payload"].get("actor_id", 0)) for row in rows]


async def test_pat19_one_actor_follows_for_all_and_stops_after_the_last(
    database: Database, browser: Open
) -> None:
    there, (rosa, wanda), ids = await scene(database, browser)
    await rosa.send(PATH, f"{PATH}/subscribe")
    await wanda.send(PATH, f"{PATH}/subscribe")
    async with database.read() as conn:
        reader = await read_reader_unfiltered(conn)
        members = await conn.fetch("select actor_id, state from memberships")
    assert reader is not None
    assert reader.type == "Service"
    assert [tuple(row) for row in members] == [(reader.id, "asked")]
    assert await events(database) == [("MembershipAsked", reader.id)]
    async with database.write() as conn:
        await receive_answer(conn, there, reader.id, None, True, tick())
    await rosa.send(PATH, f"{PATH}/unsubscribe")
    assert len(await events(database)) == 1
    await wanda.send(PATH, f"{PATH}/unsubscribe")
    await wanda.act(f"{PATH}/unsubscribe")
    assert await events(database) == [("MembershipAsked", reader.id), ("MembershipLeft", reader.id)]
    await rosa.send(PATH, f"{PATH}/subscribe")
    assert (await events(database))[2:] == [("MembershipAsked", reader.id)]
    assert reader.id not in ids


async def test_pat19_who_reads_along_finds_its_threads_at_home_and_cannot_reply_yet(
    database: Database, browser: Open
) -> None:
    there, (rosa, wanda), ids = await scene(database, browser)
    await rosa.send(PATH, f"{PATH}/subscribe")
    async with database.write() as conn:
        reader = await read_reader_unfiltered(conn)
        assert reader is not None
        await receive_answer(conn, there, reader.id, None, True, tick())
        author = await make_remote_person(conn)
        thread = await make_thread(conn, author, there, title="From far away",
                                   uri="https://there.test/t/1")  # fmt: skip
        await join(conn, there, await make_person(conn))
    assert "From far away" in (await rosa.get("/")).text
    assert "From far away" not in (await wanda.get("/")).text
    assert "Where you read along" in (await rosa.page("/communities")).text
    text = (await rosa.get(f"/t/{thread.id}")).text
    assert "To reply, become a member: the server there.test then learns your name here." in text
    assert (await rosa.act(f"/t/{thread.id}/reply", source="x")).status_code == 403
    async with database.read() as conn:
        assert [line.id for line in await list_home(conn, Viewer(ids[0]), limit=5)] == [thread.id]
    async with database.write() as conn:
        rosas = await conn.fetchval("select actor_id from subscriptions")
        await conn.execute("insert into memberships (community_id, actor_id, state, joined_at)"
                           " values ($1, $2, 'accepted', now())", there.id, rosas)  # fmt: skip
        twice = await list_home(conn, Viewer(rosas), limit=5)
    assert [line.id for line in twice] == [thread.id]


@pytest.mark.parametrize("answers", [{"joining": "apply"}, {"readers": "members"}])
async def test_pat19_where_people_are_let_in_one_by_one_each_asks_as_themselves(
    answers: dict[str, str], database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        there = await make_remote_community(conn, name="far", **answers)  # type: ignore[arg-type]
        here = await make_community(conn)
        rosa = await make_person(conn)
    member = await browser().sign_in(rosa)
    for community in (there, here):
        path = f"/c/{community.name}" + ("" if community.is_local else f"@{community.host}")
        assert "subscribe" not in (await member.get(path)).text
        assert (await member.act(f"{path}/subscribe")).status_code in (403, 404)
    assert await events(database) == []


async def test_pat19_who_closes_their_account_reads_along_no_more(
    database: Database, browser: Open
) -> None:
    _, (rosa, _), ids = await scene(database, browser)
    await rosa.send(PATH, f"{PATH}/subscribe")
    async with database.write() as conn:
        person = await read_unfiltered(conn, ids[0])
        assert person is not None
        await close_account(conn, person, tick())
        reader = await read_reader_unfiltered(conn)
        assert await conn.fetchval("select count(*) from subscriptions") == 0
    assert reader is not None
    assert ("MembershipLeft", reader.id) in await events(database)
