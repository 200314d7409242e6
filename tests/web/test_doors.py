"""The ways in, seen by somebody who tries them: what is counted, what ends, what is kept."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from argon2 import PasswordHasher
from starlette.routing import Router

from forum import accounts, limits
from forum.errors import NotAllowed, TooMany
from forum.ports import Services
from forum.second_factor import enter
from storage import sessions, tokens
from storage.actors import Actor
from storage.db import Connection, Database
from tests.factories import PASSWORD, PASSWORD_HASH, SITE, make_person, tick
from tests.web.conftest import SECRET, Browser

Open = Callable[..., Browser]


@pytest.fixture
async def ada(database: Database) -> Actor:
    async with database.write() as conn:
        return await make_person(conn, "ada")


async def try_often(conn: Connection, times: int, name: str, address: str) -> None:
    now = tick()
    for number in range(times):
        await limits.count_sign_in(
            conn, SECRET, name=name.format(number), address=address.format(number), now=now
        )


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("n{}", "203.0.113.9"),
        ("ada", "203.0.113.{}"),
        ("ADA ", "203.0.113.{}"),
        ("n{}", "2001:db8::{}"),
        ("n{}", "::ffff:203.0.113.9"),
    ],
    ids=["one address", "one account", "its other spelling", "one /64", "a mapped address"],
)
async def test_aut_03_the_twenty_sixth_attempt_is_refused(
    name: str, address: str, conn: Connection
) -> None:
    await try_often(conn, 25, name, address)
    with pytest.raises(TooMany) as refusal:
        await try_often(conn, 1, name, address)
    assert refusal.value.retry_after > 0


async def test_aut_03_somebody_else_may_still_try(conn: Connection) -> None:
    await try_often(conn, 25, "n{}", "2001:db8:0:1::{}")
    await try_often(conn, 1, "ada", "2001:db8:0:2::1")


async def test_aut_02_a_session_that_somebody_else_chose_is_never_begun(
    ada: Actor, app: Router, services: Services
) -> None:
    visitor = Browser(app, services)
    visitor.client.cookies.set("__Host-dazzle", "chosen-by-eve", domain="here.test")
    await visitor.send("/sign-in", "/sign-in", name="ada", password=PASSWORD)
    thief = Browser(app, services)
    thief.client.cookies.set("__Host-dazzle", "chosen-by-eve", domain="here.test")
    assert (await thief.get("/settings")).status_code == 303


async def test_aut_06_a_new_password_ends_all_that_was_begun_with_the_old_one(
    ada: Actor, browser: Open, database: Database
) -> None:
    here, there = await browser().sign_in(ada), await browser().sign_in(ada)
    new = "five other plain words here"
    answer = await here.send("/settings", "/settings/password", old=PASSWORD, password=new)
    assert answer.status_code == 303
    assert (await here.get("/settings")).status_code == 200
    assert (await there.get("/settings")).status_code == 303
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from sessions") == 1


@pytest.mark.parametrize("way", ["password", "suspension"])
async def test_aut_06_links_and_half_sign_ins_end_with_the_sessions(
    way: str, conn: Connection
) -> None:
    """What the command line calls, and what an administrator does."""
    ada, admin, now = await make_person(conn, "ada"), await make_person(conn, role="admin"), tick()
    session = await sessions.start(conn, ada.id, now)
    secrets = {
        kind: await tokens.make(conn, kind, account_id=ada.id, expires_at=now.replace(year=2100))
        for kind in ("sign_in_link", "handed_link", "second_step", "passkey_add")
    }
    if way == "password":
        await accounts.set_password(conn, ada.id, PASSWORD_HASH)
    else:
        member = await sessions.read_member(conn, await sessions.start(conn, admin.id, now), now)
        assert member is not None
        await accounts.suspend_account(conn, member, ada.id, "", now)
    assert await sessions.read_member(conn, session, now) is None
    for kind, secret in secrets.items():
        assert await tokens.read(conn, kind, secret, now) is None, kind


async def test_a_password_that_was_hashed_with_less_work_is_hashed_again(
    conn: Connection,
) -> None:
    ada = await make_person(conn, "ada")
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await accounts.set_password(conn, ada.id, weak)
    with pytest.raises(NotAllowed):
        await accounts.prove(conn, "ada", "not the password")
    read = "select password_hash from accounts where actor_id = $1"
    assert await conn.fetchval(read, ada.id) == weak
    assert await accounts.prove(conn, "ada", PASSWORD) == ada.id
    strong = await conn.fetchval(read, ada.id)
    assert "m=19456,t=2,p=1" in strong
    assert await accounts.prove(conn, "ada", PASSWORD) == ada.id
    assert await conn.fetchval(read, ada.id) == strong


async def test_aut_09_no_token_stands_in_any_table_or_address(
    ada: Actor, browser: Open, database: Database
) -> None:
    visitor = browser()
    answer = await visitor.send("/sign-in", "/sign-in", name="ada", password=PASSWORD)
    (cookie,) = answer.headers.get_list("set-cookie")
    token = cookie.partition("=")[2].partition(";")[0]
    assert len(token) > 30
    assert token not in answer.headers["location"]
    assert token not in (await visitor.get("/settings/security")).text
    async with database.write() as conn:
        handed = await tokens.make(conn, "handed_link", account_id=ada.id,
                                   expires_at=tick().replace(year=2100))  # fmt: skip
        half = (await enter(conn, ada.id, tick())).session
        dump = ""
        for table in ("sessions", "one_time_tokens", "accounts", "limits"):
            dump += str(await conn.fetch(f"select t::text as t from {table} t"))
    assert "argon2id" in dump
    for secret in (token, handed, half or "", PASSWORD):
        assert secret
        assert secret not in dump


async def test_aut_09_a_page_with_a_secret_in_its_address_tells_no_other_site(
    nobody: Browser, database: Database, ada: Actor
) -> None:
    async with database.write() as conn:
        secret = await tokens.make(conn, "handed_link", account_id=ada.id,
                                   expires_at=tick().replace(year=2100))  # fmt: skip
    answer: httpx.Response = await nobody.get(f"/sign-in/link/{secret}")
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "private, no-store"
    assert not [a for a in re.findall(r'(?:href|src)="(https?:[^"]+)', answer.text)
                if not a.startswith(SITE.origin)]  # fmt: skip
