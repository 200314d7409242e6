"""Signing up, in and out, and the first visit of an empty server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forum.setup import issue_setup_token
from storage.db import Database
from tests.factories import PASSWORD, make_community, make_person
from tests.web.conftest import Browser, SteadyClock

Open = Callable[..., Browser]


async def test_signing_up_makes_an_account_and_signs_in(
    database: Database, nobody: Browser
) -> None:
    answer = await nobody.send(
        "/sign-up",
        "/sign-up",
        name="Quiet_River",
        password="four plain words here",
        old_enough="yes",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/?done=signed_up")
    assert "Hello, quiet_river" in (await nobody.page("/")).text
    async with database.read() as conn:
        row = await conn.fetchrow("select state, role, locale, password_hash from accounts")
    assert tuple(row)[:3] == ("open", "member", "en")
    assert row["password_hash"].startswith("$argon2id$")


async def test_aut_09_the_session_cookie_is_closed_to_scripts_and_other_sites(
    nobody: Browser,
) -> None:
    answer = await nobody.send(
        "/sign-up", "/sign-up", name="river", password="long enough words", old_enough="yes"
    )
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-dazzle=")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part.lower() in cookie.lower()
    assert "domain" not in cookie.lower()


async def test_where_accounts_wait_a_person_can_sign_in_and_read_but_not_write(
    database: Database, nobody: Browser
) -> None:
    async with database.write() as conn:
        await conn.execute("update site set signup = 'approval'")
        await make_community(conn, await make_person(conn), name="place")
    answer = await nobody.send(
        "/sign-up", "/sign-up", name="river", password="long enough words", old_enough="yes"
    )
    assert answer.headers["location"] == "/?done=waiting"
    assert (await nobody.get("/c/place")).status_code == 200
    joined = await nobody.send("/c/place", "/c/place/join")
    assert joined.status_code == 403
    assert "look at your account" in joined.text


async def test_where_sign_up_is_closed_no_form_is_shown_and_none_is_taken(
    database: Database, nobody: Browser
) -> None:
    async with database.write() as conn:
        await conn.execute("update site set signup = 'closed'")
    page = await nobody.page("/sign-up")
    assert not page.forms
    answer = await nobody.act(
        "/sign-up", name="river", password="long enough words", old_enough="yes"
    )
    assert answer.status_code == 403
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from accounts") == 0


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("x", "long enough words", "Only small letters"),
        ("river", "k9 x2", "This is too short"),
        ("taken", "long enough words", "This name is taken"),
        ("moderator", "long enough words", "mistaken for an official one"),
        ("", "long enough words", "Please fill this in"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field_and_at_the_top(
    name: str, password: str, sentence: str, database: Database, nobody: Browser
) -> None:
    async with database.write() as conn:
        await make_person(conn, "taken")
    answer = await nobody.send(
        "/sign-up", "/sign-up", name=name, password=password, old_enough="yes"
    )
    assert answer.status_code == 422
    assert answer.text.count(sentence) >= 1
    assert 'role="alert"' in answer.text
    assert password not in answer.text


async def test_aut_05_an_unknown_name_and_a_wrong_password_get_the_same_answer(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        await make_person(conn, "river_a")
    nobody = browser()
    wrong = await nobody.send("/sign-in", "/sign-in", name="river_a", password="not the password")
    unknown = await nobody.send("/sign-in", "/sign-in", name="river_b", password="not the password")
    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace("river_a", "") == unknown.text.replace("river_b", "")


async def test_aut_02_signing_in_gives_a_new_session_and_ends_the_old_one(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        person = await make_person(conn)
    member = await browser().sign_in(person)
    old = next(c.value for c in member.client.cookies.jar if c.name == "__Host-dazzle")
    token = await member.token("/settings")
    again = await member.post(
        "/sign-in", {"form_token": token, "name": person.name, "password": PASSWORD}
    )
    assert again.status_code == 303
    new = next(c.value for c in member.client.cookies.jar if c.name == "__Host-dazzle")
    assert new != old
    thief = browser()
    thief.client.cookies.set("__Host-dazzle", old, domain="here.test")
    assert (await thief.get("/settings")).status_code == 303


async def test_signing_up_ends_the_session_that_the_browser_had(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        person = await make_person(conn, "first")
    visitor = await browser().sign_in(person)
    await visitor.act("/sign-up", name="second", password="four plain words here", old_enough="yes")
    assert "Hello, second" in (await visitor.page("/")).text
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from sessions") == 1


async def test_aut_02_signing_out_ends_the_session_on_the_server(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        person = await make_person(conn)
    member = await browser().sign_in(person)
    answer = await member.send("/settings", "/sign-out")
    assert answer.headers["location"] == "/?done=signed_out"
    assert not member.is_signed_in
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from sessions") == 0


@pytest.mark.parametrize(
    "target",
    ["//evil.test", "/\\evil.test", "https:evil.test", "https://evil.test/", "/\tx", "/ /evil",
     "\\\\evil", "", "/a\r\nset-cookie: x=y", "javascript:alert(1)", "/" + "x" * 400],
)  # fmt: skip
async def test_aut_10_signing_in_leads_nowhere_else(
    target: str, database: Database, nobody: Browser
) -> None:
    async with database.write() as conn:
        person = await make_person(conn)
    token = await nobody.token()
    answer = await nobody.post(
        "/sign-in",
        {"form_token": token, "name": person.name, "password": PASSWORD, "next": target},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("onward", ["/é/elsewhere.example", "/\u0085/elsewhere.example"])
async def test_aut_10_a_letter_beyond_ascii_in_an_address_opens_no_way_to_another_site(
    onward: str, database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        river = await make_person(conn, "river")
    signed_in = await browser().sign_in(river)
    answer = await signed_in.client.get("/sign-in", params={"next": onward})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(("/%C3%A9/", "/%C2%85/"))


async def test_signing_in_leads_back_to_the_page_that_asked_for_it(
    database: Database, nobody: Browser
) -> None:
    async with database.write() as conn:
        person = await make_person(conn)
    asked = await nobody.get("/settings?a=b")
    assert asked.headers["location"] == "/sign-in?next=%2Fsettings%3Fa%3Db"
    answer = await nobody.send(
        asked.headers["location"], "/sign-in", name=person.name, password=PASSWORD
    )
    assert answer.headers["location"] == "/settings?a=b"


async def test_aut_03_guessing_passwords_is_stopped_for_an_address(
    database: Database, nobody: Browser
) -> None:
    token = await nobody.token()
    answers = [
        await nobody.post(
            "/sign-in", {"form_token": token, "name": f"n{number}", "password": "guess"},
            **{"x-forwarded-for": f"198.51.100.{number}"},
        )
        for number in range(26)
    ]  # fmt: skip
    assert [answer.status_code for answer in answers[:25]] == [422] * 25
    assert answers[25].status_code == 429
    assert int(answers[25].headers["retry-after"]) > 0


async def test_a_session_ends_by_itself(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        person = await make_person(conn)
    member = await browser().sign_in(person)
    clock.pass_time(days=61)
    assert (await member.get("/settings")).status_code == 303


async def empty_server(database: Database) -> str:
    async with database.write() as conn:
        await conn.execute("update site set set_up_at = null, title = '', federation_mode = null")
        token = await issue_setup_token(conn)
    assert token is not None
    return token


async def test_the_first_visit_makes_the_administrator_and_works_once(
    database: Database, browser: Open
) -> None:
    token = await empty_server(database)
    first = browser()
    form = (await first.page(f"/setup/{token}")).form(f"/setup/{token}")
    assert "signup" not in form.fields
    assert "federation_mode" not in form.fields
    assert form.choices == {
        "signup": ["open", "approval", "invitation", "closed"],
        "federation_mode": ["nobody", "named", "open"],
    }
    answer = await first.post(
        f"/setup/{token}",
        {**form.fields, "title": "Rare together", "contact": "us@rare.test", "signup": "approval",
         "federation_mode": "named", "name": "rosa", "password": "long enough words"},
    )  # fmt: skip
    assert answer.headers["location"] == "/communities?done=set_up"
    assert (await first.get("/admin")).status_code == 200
    async with database.read() as conn:
        site = await conn.fetchrow("select title, contact, signup, federation_mode from site")
        role = await conn.fetchval("select role from accounts")
    assert tuple(site) == ("Rare together", "us@rare.test", "approval", "named")
    assert role == "admin"
    assert (await browser().get(f"/setup/{token}")).status_code == 404


async def test_the_first_visit_needs_its_token_and_all_answers(
    database: Database, browser: Open
) -> None:
    token = await empty_server(database)
    assert (await browser().get("/setup/guess")).status_code == 404
    answer = await browser().send(f"/setup/{token}", f"/setup/{token}", title="Rare")
    assert answer.status_code == 422
    assert answer.text.count("Please choose one of the answers") >= 2
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from accounts") == 0


async def test_only_whoever_is_old_enough_makes_an_account(
    database: Database, nobody: Browser
) -> None:
    async with database.write() as conn:
        await conn.execute("update site set minimum_age = 18")
    assert "at least 18 years old" in (await nobody.get("/sign-up")).text
    fields = {"name": "river", "password": "long enough words"}
    answer = await nobody.send("/sign-up", "/sign-up", **fields)
    assert answer.status_code == 422
    assert "old enough" in answer.text
    assert (
        await nobody.send("/sign-up", "/sign-up", old_enough="yes", **fields)
    ).status_code == 303


async def test_what_somebody_answered_goes_when_it_is_decided(
    database: Database, browser, nobody: Browser
) -> None:
    async with database.write() as conn:
        boss = await make_person(conn, "boss", role="admin")
        await conn.execute("update site set signup = 'approval'")
    admin = await browser().sign_in(boss)
    await admin.send(
        "/admin/sign-up", "/admin/sign-up", question="How did you hear of us?", minimum_age="16"
    )
    fields = {"password": "long enough words", "old_enough": "yes"}
    wanting = await nobody.send("/sign-up", "/sign-up", name="river", **fields)
    assert wanting.status_code == 422
    for name in ("river", "brook"):
        await browser().send("/sign-up", "/sign-up", name=name, answer=f"From {name}.", **fields)
    assert "From river." in (await admin.get("/admin")).text
    async with database.read() as conn:
        ids = {
            row["name"]: str(row["id"])
            for row in await conn.fetch("select id, name from actors where is_local")
        }
    await admin.act("/admin/approve", person=ids["river"])
    await admin.act("/admin/turn-away", person=ids["brook"], reason="Nobody knows them.")
    text = (await admin.get("/admin")).text
    assert "From river." not in text
    assert "From brook." not in text
    async with database.read() as conn:
        answers = await conn.fetch("select signup_answer from accounts")
        logged = await conn.fetch("select action from modlog order by id")
    assert {row[0] for row in answers} == {""}
    assert [row[0] for row in logged] == ["let_in", "turn_away"]
    refused = await browser().send(
        "/sign-in", "/sign-in", name="brook", password="long enough words"
    )
    assert refused.status_code == 422


async def test_open_links_to_the_server_are_listed_and_ended(
    database: Database, browser: Callable[..., Browser]
) -> None:
    async with database.write() as conn:
        boss = await make_person(conn, "boss", role="admin")
        await conn.execute("update site set signup = 'invitation'")
    admin = await browser().sign_in(boss)
    paths = []
    for uses in ("2", "5", "7"):
        page = await admin.send("/admin/sign-up", "/admin/invite", uses=uses, days="3")
        paths.append("/sign-up/" + page.text.split("/sign-up/")[1].split("<")[0])
    listed = await admin.page("/admin/sign-up")
    assert "For 5 more people" in listed.text
    assert not any(path in listed.text for path in paths)
    ends = [form for form in listed.forms if form.action == "/admin/invite/end"]
    assert len(ends) == 4  # the newest first, and one for all
    await admin.post("/admin/invite/end", ends[1].fields)
    assert [(await browser().get(path)).status_code for path in paths] == [200, 404, 200]
    await admin.post("/admin/invite/end", ends[3].fields)
    assert [(await browser().get(path)).status_code for path in paths] == [404] * 3


async def test_a_name_that_is_a_mail_address_is_not_taken(nobody: Browser) -> None:
    answer = await nobody.send(
        "/sign-up", "/sign-up", name="ada@there.test", password="long enough words",
        old_enough="yes",
    )  # fmt: skip
    assert answer.status_code == 422
    assert "This is a mail address" in answer.text


async def test_an_invitation_to_the_server_opens_as_many_accounts_as_it_says(
    database: Database, browser, nobody: Browser
) -> None:
    async with database.write() as conn:
        boss = await make_person(conn, "boss", role="admin")
        await conn.execute("update site set signup = 'invitation'")
    assert not (await nobody.page("/sign-up")).forms
    admin = await browser().sign_in(boss)
    page = await admin.send("/admin/sign-up", "/admin/invite", uses="2", days="3")
    path = "/sign-up/" + page.text.split("/sign-up/")[1].split("<")[0]
    fields = {"password": "long enough words", "old_enough": "yes"}
    for name in ("river", "brook"):
        visitor = browser()
        answer = await visitor.send(path, "/sign-up", name=name, **fields)
        assert answer.headers["location"] == "/?done=signed_up"
    assert (await browser().get(path)).status_code == 404
    async with database.read() as conn:
        states = await conn.fetch("select state from accounts")
    assert {row[0] for row in states} == {"open"}
    late = await nobody.act("/sign-up", name="creek", invitation=path[9:], **fields)
    assert late.status_code == 403
