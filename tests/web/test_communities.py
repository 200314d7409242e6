"""Making, finding, joining and leaving communities, and invitation links."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from storage.db import Database
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_community,
    make_thread,
    member_of,
)
from tests.web.conftest import Browser, KnownCommunities, SteadyClock
from tests.web.html import Page

Open = Callable[..., Browser]

ANSWERS = {
    "title": "Living with it", "name": "living", "description": "For **all** of us.",
    "readers": "members", "travels": "nowhere", "listed": "no", "indexed": "no",
    "joining": "invite",
}  # fmt: skip


async def signed_in(database: Database, browser: Open, name: str = "rosa") -> Browser:
    async with database.write() as conn:
        person = await make_person(conn, name)
    return await browser().sign_in(person)


async def standing(database: Database, name: str) -> tuple[str, str] | None:
    async with database.read() as conn:
        row = await conn.fetchrow(
            "select m.state, m.role from memberships m join actors a on a.id = m.actor_id "
            "where a.name = $1",
            name,
        )
    return None if row is None else tuple(row)


async def test_no_question_is_answered_beforehand(database: Database, browser: Open) -> None:
    rosa = await signed_in(database, browser)
    form = (await rosa.page("/communities/new")).form("/communities/new")
    assert set(form.choices) == {"readers", "travels", "listed", "indexed", "joining"}
    assert not set(form.choices) & set(form.fields)
    answer = await rosa.send("/communities/new", "/communities/new")
    assert answer.status_code == 422
    assert answer.text.count("Please choose one of the answers") >= 2 * 4


async def test_the_answers_make_the_community_and_its_owner(
    database: Database, browser: Open
) -> None:
    rosa = await signed_in(database, browser)
    answer = await rosa.send("/communities/new", "/communities/new", **ANSWERS)
    assert answer.headers["location"] == "/c/living?done=made"
    assert await standing(database, "rosa") == ("accepted", "owner")
    async with database.read() as conn:
        row = await conn.fetchrow(
            "select readers, travels, listed, indexed, joining, description_html from communities"
        )
    assert tuple(row)[:5] == ("members", "nowhere", False, False, "invite")
    assert "<strong>all</strong>" in row["description_html"]
    page = (await rosa.get("/c/living")).text
    for sentence in (
        "Only members can read", "Posts stay on this server", "Found only by an invitation link",
        "Join by invitation",
    ):  # fmt: skip
        assert sentence in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"travels": "anywhere"}, "cannot travel anywhere"),
        ({"indexed": "yes"}, "cannot be in search engines"),
        ({"travels": "named"}, "Please name at least one server"),
        ({"travels": "named", "hosts": "not a host!"}, "not an address of a server"),
        ({"condition": "Marfan"}, "ORPHA:558"),
        ({"name": "A B"}, "Only small letters"),
        ({"name": "rosa"}, "This name is taken"),
        ({"title": ""}, "Please fill this in"),
        ({"readers": "everyone"}, "Please choose one of the answers"),
    ],
)
async def test_a_contradiction_is_said_beside_its_question(
    change: dict[str, str], sentence: str, database: Database, browser: Open
) -> None:
    rosa = await signed_in(database, browser)
    answer = await rosa.send("/communities/new", "/communities/new", **{**ANSWERS, **change})
    assert answer.status_code == 422
    field = "hosts" if change.get("travels") == "named" else next(iter(change))
    noted = [e for e in Page(answer.text).elements if e.attributes.get("id") == f"e-{field}"]
    assert noted
    assert sentence in noted[0].text
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from communities") == 0


async def test_a_public_community_needs_no_answer_about_being_found(
    database: Database, browser: Open
) -> None:
    rosa = await signed_in(database, browser)
    wide = {**ANSWERS, "readers": "anyone", "travels": "anywhere", "joining": "open"}
    del wide["listed"]
    assert (await rosa.send("/communities/new", "/communities/new", **wide)).status_code == 303
    assert "Anyone on the web can read" in (await browser().get("/c/living")).text


async def test_named_servers_are_stored_and_shown(database: Database, browser: Open) -> None:
    rosa = await signed_in(database, browser)
    named = {**ANSWERS, "travels": "named", "hosts": "b.test\r\n https://c.test/ "}
    assert (await rosa.send("/communities/new", "/communities/new", **named)).status_code == 303
    assert "Posts travel only to b.test, c.test" in (await rosa.get("/c/living")).text


async def test_an_open_community_is_joined_at_once_and_left_again(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        await make_community(conn, await make_person(conn), name="place")
    rosa = await signed_in(database, browser)
    joined = await rosa.send("/c/place", "/c/place/join")
    assert joined.headers["location"] == "/c/place?done=joined"
    assert await standing(database, "rosa") == ("accepted", "member")
    assert "place" in (await rosa.get("/")).text
    assert (await rosa.send("/c/place", "/c/place/leave")).status_code == 303
    assert await standing(database, "rosa") == ("left", "member")


async def test_a_community_that_asks_needs_an_answer_and_a_moderator(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn)
        place = await make_community(
            conn, owner, name="place", readers="members", listed=True, joining="apply"
        )
        await make_thread(conn, owner, place, title="Hello inside")
    rosa, moderator = await signed_in(database, browser), await browser().sign_in(owner)
    assert (await rosa.send("/c/place/join", "/c/place/join")).status_code == 422
    assert await standing(database, "rosa") is None
    asked = await rosa.send("/c/place/join", "/c/place/join", answer1="I have it too.")
    assert asked.headers["location"] == "/c/place?done=asked"
    assert "You have asked to join" in (await rosa.get("/c/place")).text
    assert "Hello inside" not in (await rosa.get("/c/place")).text
    assert "I have it too." in (await moderator.get("/c/place/moderation")).text
    let_in = await moderator.send("/c/place/moderation", "/c/place/accept")
    assert let_in.status_code == 303
    assert await standing(database, "rosa") == ("accepted", "member")
    assert "Hello inside" in (await rosa.get("/c/place")).text


async def test_somebody_is_not_accepted_this_time(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        owner = await make_person(conn)
        place = await make_community(conn, owner, name="place", joining="apply")
        await join(conn, place, await make_person(conn, "asking"), state="asked")
    moderator = await browser().sign_in(owner)
    answer = await moderator.send(
        "/c/place/moderation", "/c/place/refuse", reason="Looks like an advertiser."
    )
    assert answer.headers["location"] == "/c/place/moderation?done=refused"
    assert await standing(database, "asking") == ("refused", "member")
    assert "Looks like an advertiser." in (await moderator.get("/c/place/moderation")).text


async def test_an_invitation_opens_a_hidden_community_as_often_as_it_says(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn)
        await make_community(
            conn, owner, name="harbour", readers="members", joining="invite", title="Harbour"
        )
    moderator = await browser().sign_in(owner)
    made = await moderator.send("/c/harbour/invite", "/c/harbour/invite", uses="1", days="7")
    link = next(e.text for e in Page(made.text).all("code"))
    path = link.removeprefix("https://here.test")
    assert link not in (await moderator.get("/c/harbour/invite")).text

    nobody = browser()
    card = await nobody.page(path)
    assert "Harbour" in card.text
    assert "owner" not in card.text
    sign_up = next(href for href in card.links() if href.startswith("/sign-up?next="))
    entered = await nobody.send(
        sign_up, "/sign-up", name="river", password="long enough words", old_enough="yes"
    )
    assert entered.headers["location"] == f"{path}?done=signed_up"
    joined = await nobody.send(path, path)
    assert joined.headers["location"] == "/c/harbour?done=joined"
    assert await standing(database, "river") == ("accepted", "member")

    assert (await browser().get(path)).status_code == 404
    assert (await browser().get("/i/guess")).content == (await browser().get(path)).content


async def test_an_invitation_runs_out(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn)
        await make_community(conn, owner, name="harbour", readers="members", joining="invite")
    moderator = await browser().sign_in(owner)
    made = await moderator.send("/c/harbour/invite", "/c/harbour/invite", uses="5", days="1")
    path = Page(made.text).all("code")[0].text.removeprefix("https://here.test")
    assert (await browser().get(path)).status_code == 200
    clock.pass_time(days=1, minutes=1)
    assert (await browser().get(path)).status_code == 404


async def test_only_moderators_make_links(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        place = await make_community(conn, await make_person(conn), name="place")
        person = await make_person(conn)
        await join(conn, place, person)
    member = await browser().sign_in(person)
    assert (await member.get("/c/place/invite")).status_code == 404
    assert (await member.act("/c/place/invite", uses="1", days="1")).status_code == 404
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from invitations") == 0


async def test_a_community_elsewhere_is_found_by_its_address_and_asked(
    database: Database, browser: Open, resolver: KnownCommunities
) -> None:
    async with database.write() as conn:
        there = await make_remote_community(conn, name="marfan", host="there.test")
    resolver.known["marfan@there.test"] = there.id
    rosa = await signed_in(database, browser)
    wrong = await rosa.send("/communities/find", "/communities/find", address="no@there.test")
    assert wrong.status_code == 422
    assert "No community was found there" in wrong.text
    found = await rosa.send("/communities/find", "/communities/find", address="marfan@there.test")
    assert found.headers["location"] == "/c/marfan@there.test"
    card = await rosa.get("/c/marfan@there.test")
    assert "Lives on there.test" in card.text
    asked = await rosa.send("/c/marfan@there.test", "/c/marfan@there.test/join")
    assert asked.headers["location"] == "/c/marfan@there.test?done=asked"
    assert await standing(database, "rosa") == ("asked", "member")
    async with database.read() as conn:
        assert await conn.fetchval("select kind from events") == "MembershipAsked"
    taken_back = await rosa.send("/c/marfan@there.test", "/c/marfan@there.test/leave")
    assert taken_back.status_code == 303
    assert await standing(database, "rosa") == ("left", "member")


async def test_nobody_makes_the_server_look_elsewhere_without_an_account(
    database: Database, browser: Open
) -> None:
    assert (await browser().get("/communities/find")).status_code == 303
    answer = await browser().act("/communities/find", address="a@b.test")
    assert answer.headers["location"].startswith("/sign-in")


async def test_a_member_who_cannot_post_is_told_until_when(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        place = await make_community(conn, await make_person(conn), name="place")
        person = await make_person(conn)
        await join(conn, place, person)
        await conn.execute(
            "update memberships set stopped_until = '2026-06-20T23:59Z' where actor_id = $1",
            member_of(person).actor_id,
        )
    member = await browser().sign_in(person)
    assert "cannot post until 20 June 2026" in (await member.get("/c/place")).text
    assert (await member.get("/c/place/new")).status_code == 403
    clock.pass_time(days=30)
    assert (await member.get("/c/place/new")).status_code == 200
