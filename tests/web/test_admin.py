"""The administrator's page, and that nobody else has one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from storage.db import Database
from tests.factories import join, make_community, make_person, make_remote_person, make_thread
from tests.web.conftest import Browser, SteadyClock
from web.i18n import words_for
from web.routes import DONE

Open = Callable[..., Browser]


async def admin_of(database: Database, browser: Open) -> Browser:
    async with database.write() as conn:
        admin = await make_person(conn, "boss", role="admin")
    return await browser().sign_in(admin)


@pytest.mark.parametrize("role", [None, "member", "moderator"])
async def test_to_others_there_is_no_such_page(
    role: str | None, database: Database, browser: Open
) -> None:
    visitor = browser()
    if role is not None:
        async with database.write() as conn:
            person = await make_person(conn, role=role)
        await visitor.sign_in(person)
    unknown = await visitor.get("/no-such-page")
    assert (await visitor.get("/admin")).content == unknown.content
    fields = {"title": "x", "contact": "x", "signup": "open", "federation_mode": "open",
              "host": "a.test", "decision": "allow", "person": "1", "report": "1"}  # fmt: skip
    for path in (path for path, _ in DONE if path.startswith("/admin")):
        if path == "/admin/people" and role == "moderator":
            continue  # who helps somebody in: forum.access.may_help_in
        answer = await visitor.act(path, **fields)
        assert answer.status_code == (
            303 if path == "/admin/reports/close" and role is None else 404
        ), path
    async with database.read() as conn:
        assert await conn.fetchval("select title from site") == "Here"
        assert await conn.fetchval("select count(*) from instances") == 0


async def test_the_facts_about_the_server_change_at_once(database: Database, browser: Open) -> None:
    admin = await admin_of(database, browser)
    nobody = browser()
    await nobody.get("/")
    answer = await admin.send(
        "/admin", "/admin/facts",
        title="Rare together", contact="us@rare.test", about="We are **five** people.",
        signup="closed",
    )  # fmt: skip
    assert answer.headers["location"] == "/admin?done=saved"
    about = await nobody.page("/about")
    assert "Rare together" in about.all("header")[0].text
    assert [e.text for e in about.all("strong")] == ["five"]
    assert "/sign-up" not in about.links()
    kept = (await admin.page("/admin")).form("/admin/facts").fields
    assert kept["about"] == "We are **five** people."
    assert kept["signup"] == "closed"


async def test_the_question_about_other_servers_is_answered(
    database: Database, browser: Open
) -> None:
    admin = await admin_of(database, browser)
    answer = await admin.send("/admin", "/admin/federation", federation_mode="nobody")
    assert answer.status_code == 303
    async with database.read() as conn:
        assert await conn.fetchval("select federation_mode from site") == "nobody"


async def test_other_servers_can_be_made_to_say_who_they_are(
    database: Database, browser: Open
) -> None:
    admin = await admin_of(database, browser)
    form = {"federation_mode": "open"}
    await admin.send("/admin", "/admin/federation", **form, signed_fetch="yes")
    kept = (await admin.page("/admin")).form("/admin/federation").fields
    assert kept["signed_fetch"] == "yes"
    again = await admin.post("/admin/facts", {"form_token": await admin.token("/admin")})
    assert again.status_code == 422
    assert 'name="signed_fetch" value="yes" checked' in again.text
    await admin.act("/admin/federation", **form)
    async with database.read() as conn:
        assert await conn.fetchval("select requires_signed_fetch from site") is False
        log = await conn.fetch(
            "select reason from modlog where action = 'signed_fetch' order by id"
        )
    assert [row["reason"] for row in log] == ["on", "off"]


async def test_a_blocked_server_is_no_longer_seen(database: Database, browser: Open) -> None:
    admin = await admin_of(database, browser)
    async with database.write() as conn:
        wanda = await make_remote_person(conn, host="loud.test")
        place = await make_community(conn, await make_person(conn), name="place")
        await join(conn, place, wanda)
        thread = await make_thread(conn, wanda, place)
    nobody, path = browser(), f"/t/{thread.id}"
    assert (await nobody.get(path)).status_code == 200
    token = await admin.token("/admin")
    empty = await admin.post(
        "/admin/servers", {"form_token": token, "host": "loud.test", "decision": "block"}
    )
    assert empty.status_code == 422
    answer = await admin.act(
        "/admin/servers", host="https://loud.test/", decision="block", reason="Harassment."
    )
    assert answer.headers["location"] == "/admin?done=server_blocked#servers"
    assert (await nobody.get(path)).status_code == 404
    async with database.write() as conn:
        await conn.execute(
            "insert into instances (host) select 'a' || n || '.test' from generate_series(1, 600) n"
        )
    page = await admin.page("/admin")
    assert "loud.test" in page.text
    assert "a1.test" not in page.text
    undone = await admin.act("/admin/servers", host="loud.test", decision="unblock")
    assert undone.status_code == 303
    assert (await nobody.get(path)).status_code == 200
    async with database.read() as conn:
        log = [row[0] for row in await conn.fetch("select action from modlog order by id")]
    assert log == ["block_server", "unblock_server"]


async def test_an_account_that_waits_is_let_in(database: Database, browser: Open) -> None:
    admin = await admin_of(database, browser)
    async with database.write() as conn:
        waiting = await make_person(conn, "waiting_one", state="waiting")
    assert "waiting_one" in (await admin.page("/admin")).text
    assert (await admin.send("/admin", "/admin/approve")).status_code == 303
    async with database.read() as conn:
        state = await conn.fetchval("select state from accounts where actor_id = $1", waiting.id)
    assert state == "open"


async def test_reports_of_public_posts_come_here_too(database: Database, browser: Open) -> None:
    admin = await admin_of(database, browser)
    async with database.write() as conn:
        owner, rosa = await make_person(conn), await make_person(conn)
        wide = await make_community(conn, owner, name="wide")
        closed = await make_community(conn, owner, name="closed", readers="members")
        await join(conn, closed, rosa)
        public = await make_thread(conn, owner, wide)
        private = await make_thread(conn, owner, closed)
    member = await browser().sign_in(rosa)
    await member.send(f"/p/{public.id}", f"/p/{public.id}/report", reason="Public trouble.")
    await member.send(f"/p/{private.id}", f"/p/{private.id}/report", reason="Private trouble.")
    text = (await admin.get("/admin")).text
    assert "Public trouble." in text
    assert "Private trouble." not in text
    closed_one = await admin.send("/admin", "/admin/reports/close")
    assert closed_one.headers["location"] == "/admin?done=closed"
    assert (await admin.get("/c/closed/moderation")).status_code == 404


ILL = """
insert into destinations (host, failing_since, parked_at, retired_at, lost_since, back_at,
  failures, last_error)
values ($1, $2, $3, $4, $5, $6, 9, $7)
"""


async def test_servers_that_do_not_answer_are_told_of_in_plain_words(
    database: Database, browser: Open, clock: SteadyClock
) -> None:
    admin = await admin_of(database, browser)
    assert "do not answer" not in (await admin.page("/admin")).text
    now = clock.now()
    began, parked = now - timedelta(days=3), now - timedelta(days=20)
    async with database.write() as conn:
        for row in (
            ("ill.test", began, None, None, None, None, "given up: 502"),
            ("lost.test", parked, now, None, parked, None, "ConnectError"),
            ("gone.test", None, None, began, began, None, "410"),
            ("back.test", None, None, None, parked, began, "TimeoutError"),
            ("hiccup.test", now - timedelta(minutes=2), None, None, None, None, "500"),
            ("blocked.test", parked, now, None, parked, None, "500"),
        ):
            await conn.execute(ILL, *row)
        await conn.execute(
            "insert into instances (host, policy) values ('blocked.test', 'refused')"
        )
    page = await admin.page("/admin")
    shown = {" ".join(item.text.split()).partition(" ")[0]: item.text for item in page.all("li")}
    day = english_date(began)
    assert f"not answering since {day}" in shown["ill.test"]
    assert f"until {english_date(began + timedelta(days=14))}" in shown["ill.test"]
    assert "0 messages wait" in shown["ill.test"]
    assert "the error 502" in shown["ill.test"]
    assert f"not answering since {english_date(parked)}" in shown["lost.test"]
    assert "nothing is kept for it" in shown["lost.test"]
    assert "no answer (ConnectError)" in shown["lost.test"]
    assert f"says that it is gone, since {day}" in shown["gone.test"]
    assert f"told now what it has missed since {english_date(parked)}" in shown["back.test"]
    assert "error" not in shown["back.test"]
    assert "hiccup.test" not in shown
    assert "not answering" not in shown.get("blocked.test", "")


def english_date(moment: datetime) -> str:
    return words_for("en").date(moment)
