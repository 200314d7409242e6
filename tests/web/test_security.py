"""Sessions, the second step and recovery codes, in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyotp

from forum.ports import Services
from storage.db import Database
from tests.factories import PASSWORD, make_person
from tests.web.conftest import Browser, SteadyClock

Open = Callable[..., Browser]
CODE = re.compile(r"<code>([a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4})</code>")
SECRET = re.compile(r"<code>([A-Z2-7 ]{20,})</code>")


async def sign_in(visitor: Browser, name: str = "ada", password: str = PASSWORD) -> Browser:
    await visitor.send("/sign-in", "/sign-in", name=name, password=password)
    return visitor


async def is_in(visitor: Browser) -> bool:
    return "/u/ada" in (await visitor.get("/settings")).text


async def set_up(member: Browser, clock: SteadyClock) -> tuple[pyotp.TOTP, list[str]]:
    """A second step for this member; the generator, and the codes on paper."""
    page = "/settings/security"
    await member.send(page, f"{page}/begin", password=PASSWORD)
    shown = await member.get(f"{page}/code")
    found = SECRET.search(shown.text)
    assert found is not None
    generator = pyotp.TOTP(found[1].replace(" ", ""))
    done = await member.send(f"{page}/code", f"{page}/code", code=generator.at(clock.now()))
    return generator, CODE.findall(done.text)


async def test_aut_06_one_place_or_all_others_are_signed_out(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    here, there, elsewhere = [await sign_in(browser()) for _ in range(3)]
    page = await here.page("/settings/security")
    named = [form for form in page.forms if form.fields.get("session", "").isdigit()]
    assert len(named) == 2
    await here.post(named[0].action, named[0].fields)
    assert [await is_in(one) for one in (here, there, elsewhere)].count(True) == 2
    await here.act("/settings/security/sessions", session="others")
    assert [await is_in(one) for one in (here, there, elsewhere)] == [True, False, False]


async def test_prv_12_nobody_signs_out_anybody_else(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        ada = await make_person(conn, "ada")
        eve = await make_person(conn, "eve")
    member, other = await browser().sign_in(ada), await browser().sign_in(eve)
    async with database.read() as conn:
        session = await conn.fetchval("select id from sessions where account_id = $1", ada.id)
    await other.act("/settings/security/sessions", session=str(session))
    assert await is_in(member)


async def test_pat10_who_shares_a_screen_is_signed_out_after_a_while(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    member = await sign_in(browser())
    await member.send("/settings/security", "/settings/security/idle", minutes="15")
    for minutes in (14, 14, 14):
        clock.pass_time(minutes=minutes)
        assert await is_in(member)
    clock.pass_time(minutes=16)
    assert not await is_in(member)


async def test_a_second_step_is_asked_for_and_each_code_works_once(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    member, old = await sign_in(browser()), await sign_in(browser())
    generator, codes = await set_up(member, clock)
    assert len(codes) == len(set(codes)) == 10
    assert not await is_in(old)  # who was in without it is out
    clock.pass_time(minutes=2)
    visitor = browser()
    page = await visitor.send("/sign-in", "/sign-in", name="ada", password=PASSWORD)
    assert page.status_code == 200
    assert not visitor.is_signed_in
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    code = generator.at(clock.now())
    wrong = await visitor.post("/sign-in/code", fields | {"code": "000000"})
    assert wrong.status_code == 422
    right = await visitor.post("/sign-in/code", fields | {"code": code})
    assert right.status_code == 303
    assert await is_in(visitor)
    again = await browser_with(browser(), fields)
    assert (await again.post("/sign-in/code", fields | {"code": code})).status_code != 200
    assert not again.is_signed_in
    replay = browser()
    page = await replay.send("/sign-in", "/sign-in", name="ada", password=PASSWORD)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    assert (await replay.post("/sign-in/code", fields | {"code": code})).status_code == 422
    used = await replay.post("/sign-in/code", fields | {"code": codes[0].upper()})
    assert used.status_code == 303
    assert await is_in(replay)


async def browser_with(visitor: Browser, fields: dict[str, str]) -> Browser:
    """Another browser that got hold of the fields of a form: its token is not for it."""
    await visitor.get("/sign-in")
    assert fields
    return visitor


async def test_aut_03_codes_are_tried_a_few_times(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    await set_up(await sign_in(browser()), clock)
    visitor = browser()
    page = await visitor.send("/sign-in", "/sign-in", name="ada", password=PASSWORD)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    answers = [
        (await visitor.post("/sign-in/code", fields | {"code": f"{number:06}"})).status_code
        for number in range(12)
    ]
    assert answers == [422] * 10 + [429] * 2


async def test_a_recovery_code_stands_for_a_forgotten_password_once(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    member = await sign_in(browser())
    page = await member.send("/settings/security", "/settings/security/codes", password=PASSWORD)
    codes = CODE.findall(page.text)
    fresh = "a wholly new password"
    answers = []
    for name, code in (("eve", codes[0]), ("ada", "aaaa-aaaa-aaaa")):
        answer = await browser().send(
            "/sign-in/recovery", "/sign-in/recovery", name=name, code=code, password=fresh
        )
        answers.append(re.sub(r'value="[^"]*"', "", answer.text))
    assert answers[0] == answers[1]  # AUT-05
    visitor = browser()
    done = await visitor.send(
        "/sign-in/recovery", "/sign-in/recovery", name="ada", code=codes[0], password=fresh
    )
    assert done.status_code == 303
    assert await is_in(visitor)
    assert not await is_in(member)
    used = await browser().send(
        "/sign-in/recovery", "/sign-in/recovery", name="ada", code=codes[0], password=fresh
    )
    assert used.status_code == 422
    assert await is_in(await sign_in(browser(), password=fresh))


async def test_a_recovery_code_does_not_go_around_the_second_step(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    generator, codes = await set_up(await sign_in(browser()), clock)
    visitor = browser()
    answer = await visitor.send(
        "/sign-in/recovery", "/sign-in/recovery", name="ada", code=codes[0],
        password="a wholly new password",
    )  # fmt: skip
    assert answer.status_code == 200
    assert "One more step" in answer.text
    assert not visitor.is_signed_in
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', answer.text))
    assert (await visitor.post("/sign-in/code", fields | {"code": codes[1]})).status_code == 422
    assert await is_in(await signed_in_still(browser(), clock, generator))
    clock.pass_time(minutes=1)
    done = await visitor.post("/sign-in/code", fields | {"code": generator.at(clock.now())})
    assert done.status_code == 303
    assert await is_in(visitor)


async def signed_in_still(visitor: Browser, clock: SteadyClock, generator: pyotp.TOTP) -> Browser:
    """The old password is right as long as the second step was not proved."""
    clock.pass_time(minutes=1)
    page = await visitor.send("/sign-in", "/sign-in", name="ada", password=PASSWORD)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    await visitor.post("/sign-in/code", fields | {"code": generator.at(clock.now())})
    return visitor


async def test_changes_ask_for_the_password(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    member = await sign_in(browser())
    for act in ("codes", "begin", "off"):
        answer = await member.act(f"/settings/security/{act}", password="not this one")
        assert answer.status_code == 422, act
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from recovery_codes") == 0
        assert await conn.fetchval("select totp_secret from accounts") is None


async def test_aut_09_codes_and_secrets_are_stored_so_that_nobody_can_use_them(
    database: Database, browser: Open, clock: SteadyClock, services: Services
) -> None:
    async with database.write() as conn:
        await make_person(conn, "ada")
    generator, codes = await set_up(await sign_in(browser()), clock)
    async with database.read() as conn:
        rows = str(await conn.fetch("select * from accounts"))
        rows += str(await conn.fetch("select * from recovery_codes"))
    assert generator.secret not in rows
    assert not any(code in rows or code.replace("-", "") in rows for code in codes)
