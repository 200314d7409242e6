"""Support for a post, and what others can notice of somebody."""

from __future__ import annotations

from collections.abc import Callable

from forum import reactions
from storage.db import Database
from tests.factories import (
    SITE,
    join,
    make_community,
    make_person,
    make_remote_community,
    make_reply,
    make_thread,
    tick,
)
from tests.web.conftest import Browser
from tests.web.html import Page

Open = Callable[..., Browser]


async def told(database: Database) -> list[str]:
    async with database.read() as conn:
        rows = await conn.fetch("select kind from events where kind like 'React%' order by id")
    return [row["kind"] for row in rows]


async def test_support_is_given_in_the_thread_and_taken_back_on_the_posts_page(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, rosa = await make_person(conn), await make_person(conn, "rosa")
        place = await make_community(conn, owner)
        await join(conn, place, rosa)
        thread = await make_thread(conn, owner, place)
        reply = await make_reply(conn, owner, thread)
    member = await browser().sign_in(rosa)
    page = await member.page(f"/t/{thread.id}")
    [form] = [one for one in page.forms if "in_thread" in one.fields]
    buttons = [one for one in page.all("button") if one.attributes.get("form") == "support"]
    actions = [one.attributes["formaction"] for one in buttons]
    assert actions == [f"/p/{thread.id}/support", f"/p/{reply.id}/support"]
    for _ in range(2):
        given = await member.post(actions[1], form.fields)
        assert given.headers["location"] == f"/t/{thread.id}?done=supported#p{reply.id}"
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from reactions") == 1
    at = f"/p/{reply.id}"
    assert "You support this post." in (await member.page(at)).text
    author = await browser().sign_in(owner)
    for path in (at, f"/t/{thread.id}"):
        text = (await author.get(path)).text
        assert "rosa" not in text
        assert "Supported by" not in text
    await member.send(at, f"{at}/support")
    assert "You support this post." not in (await member.page(at)).text
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from reactions") == 0


async def test_pat02_support_of_a_post_is_a_band_and_only_members_give_it(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner, stranger = await make_person(conn), await make_person(conn)
        place = await make_community(conn, owner)
        thread = await make_thread(conn, owner, place)
        for _ in range(12):
            person = await make_person(conn)
            await join(conn, place, person)
            await reactions.react(conn, person, thread, "like", now=tick())
    path = f"/p/{thread.id}"
    assert "Supported by 10 people or more" in (await browser().page(path)).text
    visitor = await browser().sign_in(stranger)
    assert f"{path}/support" not in [form.action for form in (await visitor.page(path)).forms]
    assert "may-support" not in (await visitor.get(f"/t/{thread.id}")).text
    assert (await visitor.act(f"{path}/support")).status_code == 403
    assert (await visitor.act("/p/117651958925082903/support")).status_code == 404


async def test_pat19_support_is_told_to_another_server_only_by_choice(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa, timo = await make_person(conn), await make_person(conn)
        there = await make_remote_community(conn)
        await join(conn, there, rosa)
        await join(conn, there, timo)
        thread = await make_thread(conn, timo, there)
    member, path = await browser().sign_in(rosa), f"/p/{thread.id}/support"
    await member.act(path)
    await member.act(path, take_back="yes")
    assert await told(database) == []
    await member.send("/settings/noticing", "/settings/noticing", tells_likes="yes")
    await member.act(path)
    assert await told(database) == ["Reacted"]
    await member.act(path, take_back="yes")
    await member.act("/settings/consent", purpose="federation", act="withdraw")
    await member.act(path)
    assert "Reacted" not in (await told(database))[1:]


async def test_neutral_mode_names_nothing_in_the_tab_and_at_the_top(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn)
        place = await make_community(conn, rosa, title="Marfan together")
        await make_thread(conn, rosa, place, title="My aorta")
        await conn.execute("update site set title = 'Marfan people', epoch = epoch + 1")
    member = await browser().sign_in(rosa)
    assert "Marfan" in (await member.page(f"/c/{place.name}")).all("title")[0].text
    await member.send("/settings/noticing", "/settings/noticing", is_neutral="yes")
    page = await member.page(f"/c/{place.name}")
    assert page.all("title")[0].text == "Community"
    assert "Marfan" not in page.all("header")[0].text
    [icon] = [one for one in page.all("link") if one.attributes["rel"] == "icon"]
    assert "/plain." in icon.attributes["href"]
    assert (await member.get(icon.attributes["href"])).status_code == 200


async def test_pat10_who_shares_a_screen_leaves_by_one_script_and_no_other_may_run(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn)
    member = await browser().sign_in(rosa)
    plain = await member.get("/settings")
    assert "<script" not in plain.text
    assert "script-src" not in plain.headers["content-security-policy"]
    await member.send("/settings/noticing", "/settings/noticing", is_neutral="yes")
    page = await member.get("/settings")
    [script] = Page(page.text).all("script")
    source = script.attributes["src"]
    assert page.headers["content-security-policy"].endswith(f"; script-src {SITE.origin}{source}")
    assert "location.replace" in (await member.get(source)).text
    assert "/away" in Page(page.text).links()


async def test_leaving_quickly_works_without_a_script_and_tells_the_other_site_nothing(
    nobody: Browser,
) -> None:
    assert "/away" in (await nobody.page("/")).links()
    gone = await nobody.get("/away")
    assert gone.status_code == 303
    assert gone.headers["location"] == "https://www.wikipedia.org/"
    assert gone.headers["referrer-policy"] == "same-origin"
    assert gone.headers["cache-control"] == "private, no-store"
