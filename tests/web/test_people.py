"""A person's page and a member's settings."""

from __future__ import annotations

from collections.abc import Callable

from storage.db import Database
from tests.factories import PASSWORD, join, make_community, make_person, make_thread
from tests.web.conftest import Browser

Open = Callable[..., Browser]


async def test_a_persons_page_shows_what_is_public_and_to_themselves_all(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa, timo = await make_person(conn, "rosa"), await make_person(conn, "timo")
        wide = await make_community(conn, rosa, name="wide")
        closed = await make_community(conn, rosa, name="closed", readers="members")
        await join(conn, closed, timo)
        await make_thread(conn, rosa, wide, title="In the open")
        await make_thread(conn, rosa, closed, title="Among us")
    for visitor in (browser(), await browser().sign_in(timo)):
        text = (await visitor.get("/u/rosa")).text
        assert "In the open" in text
        assert "Among us" not in text
    own = (await (await browser().sign_in(rosa)).get("/u/rosa")).text
    assert "In the open" in own
    assert "Among us" in own


async def test_a_persons_page_tells_nothing_about_memberships(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
        wide = await make_community(conn, await make_person(conn), name="wide", title="Wide place")
        await join(conn, wide, rosa)
    assert "Wide place" not in (await browser().get("/u/rosa")).text


async def test_whoever_is_blocked_finds_no_page(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        rosa, timo = await make_person(conn, "rosa"), await make_person(conn, "timo")
        await conn.execute("insert into blocks values ($1, $2)", rosa.id, timo.id)
    blocked = await browser().sign_in(timo)
    hidden, unknown = await blocked.get("/u/rosa"), await blocked.get("/u/no_such_person")
    assert (hidden.status_code, hidden.content) == (404, unknown.content)


async def test_the_language_of_the_pages_can_be_chosen(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
    member = await browser().sign_in(rosa)
    answer = await member.send("/settings", "/settings/language", locale="de")
    assert answer.headers["location"] == "/settings?done=saved"
    assert (await member.page("/settings")).all("html")[0].attributes["lang"] == "de"
    assert (await member.act("/settings/language", locale="xx")).status_code == 404


async def test_a_new_password_signs_out_everywhere_else(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
    here, elsewhere = await browser().sign_in(rosa), await browser().sign_in(rosa)
    wrong = await here.send(
        "/settings", "/settings/password", old="not it at all", password="another long one"
    )
    assert wrong.status_code == 422
    assert "This is not your password" in wrong.text
    changed = await here.send(
        "/settings", "/settings/password", old=PASSWORD, password="another long one"
    )
    assert changed.status_code == 303
    assert (await here.get("/settings")).status_code == 200
    assert (await elsewhere.get("/settings")).status_code == 303
    again = await browser().send("/sign-in", "/sign-in", name="rosa", password="another long one")
    assert again.status_code == 303
