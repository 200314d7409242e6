"""The box above every send button, and when it is shown once more before anything is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forum.reach import read_reach
from storage.actors import Actor
from storage.communities import Community, set_hosts
from storage.db import Database
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_thread,
)
from tests.web.conftest import Browser
from tests.web.html import Element, Page

Open = Callable[..., Browser]


async def place(database: Database, browser: Open, **answers: object) -> tuple[Community, Browser]:
    async with database.write() as conn:
        owner = await make_person(conn, "rosa")
        community = await make_community(conn, owner, name="place", **answers)  # type: ignore[arg-type]
    return community, await browser().sign_in(owner)


async def text_of_box(member: Browser, path: str = "/c/place/new") -> str:
    [box] = [one for one in (await member.page(path)).all("div") if is_box(one)]
    return box.text


async def members_on(database: Database, community: Community, *hosts: str) -> list[Actor]:
    async with database.write() as conn:
        people = [await make_remote_person(conn, host=host) for host in hosts]
        for person in people:
            await join(conn, community, person)
    return people


def is_box(element: Element) -> bool:
    return "reach" in element.attributes.get("class", "").split()


async def posts(database: Database) -> int:
    async with database.read() as conn:
        return int(await conn.fetchval("select count(*) from posts"))


async def test_pat01_the_box_names_the_servers_that_are_sent_it_and_no_other(
    database: Database, browser: Open
) -> None:
    community, rosa = await place(database, browser, travels="named", hosts=("b.test", "a.test"))
    await members_on(database, community, "a.test", "unnamed.test")
    text = await text_of_box(rosa)
    assert "Sent now to a.test" in text
    assert "May be read on b.test as soon as somebody there joins" in text
    assert "unnamed.test" not in text
    assert "Fewer than 10 members" in text
    async with database.read() as conn:
        assert (await read_reach(conn, community)).receiving == ("a.test",)


async def test_pat01_after_twenty_names_comes_a_number(database: Database, browser: Open) -> None:
    community, rosa = await place(database, browser)
    await members_on(database, community, *[f"s{number:02}.test" for number in range(23)])
    text = await text_of_box(rosa)
    assert "s00.test" in text
    assert "s19.test and 3 more" in text
    assert "s20.test" not in text
    assert "any may fetch a copy" in text
    assert "20 members or more" in text


async def test_pat01_a_closed_community_is_not_sent_to_software_that_would_show_it(
    database: Database, browser: Open
) -> None:
    community, rosa = await place(
        database, browser, readers="members", travels="named", hosts=("a.test", "b.test")
    )
    await members_on(database, community, "a.test", "b.test")
    async with database.write() as conn:
        await conn.execute(
            "insert into instances (host, software)"
            " values ('a.test', 'dazzle'), ('b.test', 'lemmy')"
        )
    text = await text_of_box(rosa)
    assert "Sent now to a.test" in text
    assert "Not on the web and not in search engines" in text
    assert "cannot make them" in text


async def test_pat01_of_a_community_elsewhere_the_box_names_its_home(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn)
        there = await make_remote_community(conn, name="far")
        await join(conn, there, rosa)
    member = await browser().sign_in(rosa)
    text = await text_of_box(member, "/c/far@there.test/new")
    assert "Sent to there.test, where this community lives" in text
    assert "Whether search engines list it is decided there" in text


@pytest.mark.parametrize("answer", ["thread", "reply"])
async def test_pat01_a_new_named_server_asks_again_and_the_second_time_posts(
    answer: str, database: Database, browser: Open
) -> None:
    community, rosa = await place(database, browser, travels="named", hosts=("a.test",))
    async with database.write() as conn:
        author = await make_person(conn)
        await join(conn, community, author)
        thread = await make_thread(conn, author, community)
    at = "/c/place/new" if answer == "thread" else f"/t/{thread.id}/reply?to={thread.id}"
    action = at.partition("?")[0]
    form = (await rosa.page(at)).form(action)
    async with database.write() as conn:
        await set_hosts(conn, community.id, ["a.test", "late.test"])
    words = {"source": "Only for a few."} | ({"title": "Hello"} if answer == "thread" else {})
    asked = await rosa.post(action, {**form.fields, **words})
    assert asked.status_code == 422
    assert "late.test" in asked.text
    assert "Post now" in asked.text
    assert await posts(database) == 1
    again = Page(asked.text).form(action)
    assert again.fields["source"] == "Only for a few."
    assert again.fields["submission"] == form.fields["submission"]
    assert (await rosa.post(action, again.fields)).status_code == 303
    assert await posts(database) == 2


async def test_pat01_other_kinds_of_readers_ask_again_and_fewer_do_not(
    database: Database, browser: Open
) -> None:
    community, rosa = await place(database, browser, travels="named", hosts=("a.test", "b.test"))
    form = (await rosa.page("/c/place/new")).form("/c/place/new")
    fields = {**form.fields, "title": "Hello", "source": "Hello."}
    async with database.write() as conn:
        await conn.execute("update communities set indexed = true")
    assert (await rosa.post("/c/place/new", fields)).status_code == 422
    async with database.write() as conn:
        await conn.execute("update communities set indexed = false, travels = 'anywhere'")
    assert (await rosa.post("/c/place/new", fields)).status_code == 422
    async with database.write() as conn:
        await conn.execute("update communities set travels = 'named'")
        await set_hosts(conn, community.id, ["a.test"])
    assert (await rosa.post("/c/place/new", fields)).status_code == 303


async def test_pat01_one_more_member_of_a_known_kind_does_not_ask_again(
    database: Database, browser: Open
) -> None:
    community, rosa = await place(database, browser)
    form = (await rosa.page("/c/place/new")).form("/c/place/new")
    await members_on(database, community, "new.test")
    fields = {**form.fields, "title": "Hello", "source": "Hello."}
    assert (await rosa.post("/c/place/new", fields)).status_code == 303


async def test_pat01_a_form_that_says_nothing_of_its_readers_is_shown_them_first(
    database: Database, browser: Open
) -> None:
    _, rosa = await place(database, browser)
    form = (await rosa.page("/c/place/new")).form("/c/place/new")
    words = {"title": "Hello", "source": "Hello."}
    for shown in ("", "x" * 300_000, "."):
        fields = {**form.fields, **words, "shown": shown}
        asked = await rosa.post("/c/place/new", fields)
        assert asked.status_code == 422
        assert "Anyone on the web" in asked.text
    assert await posts(database) == 0
