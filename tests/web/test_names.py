"""Muting and posting without one's name, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from storage.actors import Actor
from storage.db import Database
from tests.factories import join, make_community, make_person, make_reply, make_thread
from tests.web.conftest import Browser

Open = Callable[..., Browser]


@pytest.fixture
async def people(database: Database) -> tuple[Actor, Actor]:
    async with database.write() as conn:
        owner, rosa = await make_person(conn, "owner"), await make_person(conn, "rosa")
        place = await make_community(conn, owner, name="place")
        await join(conn, place, rosa)
        await conn.execute("update accounts set created_at = '2025-01-01'")
    return owner, rosa


async def test_pat12_a_muted_reply_is_folded_for_one_reader_and_for_nobody_else(
    people: tuple[Actor, Actor], database: Database, browser: Open
) -> None:
    owner, person = people
    async with database.write() as conn:
        place = await make_community(conn, owner, name="other")
        await join(conn, place, person)
        thread = await make_thread(conn, owner, place)
        reply = await make_reply(conn, owner, thread, text="The prognosis is bad.")
    rosa, path = await browser().sign_in(person), f"/t/{thread.id}"
    for visitor in (browser(), rosa):
        assert "prognosis is bad" in (await visitor.get(path)).text
    answer = await rosa.act("/settings/blocks", wish="word", value="prognosis", days="")
    assert answer.headers["location"] == "/settings/blocks?done=saved"
    assert "prognosis" in (await rosa.get("/settings/blocks")).text
    folded = (await rosa.get(path)).text
    assert "prognosis is bad" not in folded
    assert f'href="/p/{reply.id}"' in folded
    assert "prognosis is bad" in (await rosa.get(f"/p/{reply.id}")).text
    for visitor in (browser(), await browser().sign_in(owner)):
        assert "prognosis is bad" in (await visitor.get(path)).text
    wrong = await rosa.act("/settings/blocks", wish="block_server", value="no host", days="")
    assert wrong.status_code == 422


async def test_pat18_a_reply_without_a_name_is_asked_about_once_and_labelled(
    people: tuple[Actor, Actor], database: Database, browser: Open
) -> None:
    owner, person = people
    rosa = await browser().sign_in(person)
    fields = {"title": "Afraid", "source": "Call me: +44 20 7946 0958.", "unnamed": "yes"}
    asked = await rosa.send("/c/place/new", "/c/place/new", **fields)
    assert asked.status_code == 422
    assert "A telephone number" in asked.text
    mark = re.search(r'name="as_it_is" value="(\w+)"', asked.text)
    assert mark
    form = (await rosa.page("/c/place/new")).form("/c/place/new")
    posted = await rosa.post("/c/place/new", {**form.fields, **fields, "as_it_is": mark[1]})
    assert posted.status_code == 303
    path = posted.headers["location"].partition("?")[0]
    page = (await browser().get(path)).text
    assert "a name for this thread only" in page
    assert "rosa" not in page
    more = path.replace("/t/", "/p/")
    seen = await (await browser().sign_in(owner)).send(more, f"{more}/name", reason="a threat")
    assert "rosa" in seen.text
    assert (
        "looked up who wrote as"
        in (await (await browser().sign_in(owner)).get("/c/place/moderation")).text
    )
    assert (await rosa.act(f"{more}/name", reason="x")).status_code == 404
    names = await rosa.page("/settings/names")
    assert "Afraid" in names.text
    gone = await rosa.send(more, f"{more}/delete")
    assert gone.status_code == 303
    assert (await browser().get(path)).status_code in (404, 410)


async def test_pat18_the_form_below_a_thread_keeps_to_the_name_that_one_has_there(
    people: tuple[Actor, Actor], database: Database, browser: Open
) -> None:
    owner, person = people
    rosa, other = await browser().sign_in(person), await browser().sign_in(owner)
    posted = await rosa.send("/c/place/new", "/c/place/new", title="A", source="B", unnamed="yes")
    path = posted.headers["location"].partition("?")[0]
    ticks = {}
    for who in (rosa, other):
        for at in (path, f"{path}/reply"):
            page = await who.page(at)
            [box] = [one for one in page.all("input") if one.attributes.get("name") == "unnamed"]
            ticks[who, at] = "checked" in box.attributes
    assert list(ticks.values()) == [True, True, False, False]
    assert "You have a name in this thread: A member " in (await rosa.get(path)).text
    await rosa.send(path, f"{path}/reply", source="Still afraid.")
    async with database.write() as conn:
        assert await conn.fetchval("select count(distinct author_id) from posts") == 1
        await conn.execute("update communities set allows_aliases = false")
    assert 'name="unnamed"' in (await rosa.get(path)).text
    assert 'name="unnamed"' not in (await other.get(path)).text
    wrong = await rosa.post(f"{path}/reply", (await rosa.page(path)).form(f"{path}/reply").fields)
    assert wrong.status_code == 422


async def test_pat18_a_moderator_stops_a_name_from_its_post_and_sees_that_name_stopped(
    people: tuple[Actor, Actor], browser: Open
) -> None:
    owner, person = people
    rosa, other = await browser().sign_in(person), await browser().sign_in(owner)
    posted = await rosa.send("/c/place/new", "/c/place/new", title="A", source="B", unnamed="yes")
    path = posted.headers["location"].partition("?")[0].replace("/t/", "/p/")
    own = await rosa.send("/c/place/new", "/c/place/new", title="E", source="F")
    mine = own.headers["location"].partition("?")[0].replace("/t/", "/p/")
    opened = (await rosa.page("/c/place/new")).form("/c/place/new").fields
    stopped = await other.send(path, f"{path}/stop", until="2099-01-01", reason="rude")
    assert stopped.status_code == 303
    assert "cannot post until" in (await other.get(path)).text
    assert "cannot post until" not in (await other.get(mine)).text
    late = await rosa.post("/c/place/new", {**opened, "title": "G", "source": "Written before."})
    for refused in (late, await rosa.get("/c/place/new")):
        assert refused.status_code == 403
        assert "You cannot post in this community for now." in refused.text
    assert "\nG\n\nWritten before.</textarea>" in late.text
    await other.send(path, f"{path}/let")
    assert "cannot post until" not in (await other.get(path)).text
