"""Receipts, closing one's account, and asking a server for everything back, as pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from forum import erasing, limits
from storage import erasures, post_copies
from storage.actors import Actor
from storage.db import Database
from tests.factories import (
    PASSWORD,
    join,
    make_community,
    make_person,
    make_thread,
)
from tests.web.conftest import Browser, SteadyClock

Open = Callable[..., Browser]


@pytest.fixture
async def rosa(database: Database) -> Actor:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
        community = await make_community(conn, await make_person(conn), title="A place for us")
        await join(conn, community, rosa)
        await make_thread(conn, rosa, community, title="A secret title")
    return rosa


async def make_receipt(database: Database, rosa: Actor, clock: SteadyClock) -> str:
    """One in which each answer stands once."""
    async with database.write() as conn:
        erasure_id, secret = await erasures.begin(
            conn, "post", rosa.id, clock.now(), erasing.RECEIPT_KEPT
        )
        await conn.execute(
            "insert into activities (id, uri, actor_id, type, body)"
            " values (1, 'https://here.test/a', $1, 'Delete', '')",
            rosa.id,
        )
        for state in ("confirmed", "told", "waiting", "gave_up", "blocked"):
            await conn.execute(
                "insert into erasure_hosts (erasure_id, activity_id, host, state)"
                " values ($1, 1, $2, $3)",
                erasure_id,
                f"{state.replace('_', '-')}.test",
                state,
            )
        await erasures.finish(conn, erasure_id, clock.now())
    return secret


async def test_pat05_a_receipt_names_each_server_and_nothing_else(
    rosa: Actor, database: Database, browser: Open, clock: SteadyClock
) -> None:
    secret = await make_receipt(database, rosa, clock)
    stranger = browser()
    answer = await stranger.get(f"/receipts/{secret}")
    page = await stranger.page(f"/receipts/{secret}")
    for line in ("Confirmed erased: 1", "Told: 1", "Not answering yet: 1", "Not told: 1",
                 "Blocked: 1", "confirmed.test", "We keep trying until 15 June 2026",
                 "We cannot force them"):  # fmt: skip
        assert line in page.text, line
    assert "rosa" not in page.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    text = await stranger.get(f"/receipts/{secret}/text")
    assert text.headers["content-disposition"] == 'attachment; filename="receipt.txt"'
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Blocked: 1\r\n" in text.text
    assert "- gave-up.test\r\n" in text.text


async def test_pat05_a_receipt_is_gone_after_90_days_and_unknown_ones_look_alike(
    rosa: Actor, database: Database, browser: Open, clock: SteadyClock
) -> None:
    secret = await make_receipt(database, rosa, clock)
    clock.pass_time(days=91)
    stranger = browser()
    for path in (f"/receipts/{secret}", "/receipts/unknown", f"/receipts/{secret}/text"):
        assert (await stranger.get(path)).status_code == 404
    async with database.write() as conn:
        await erasures.drop_old(conn, clock.now())
        assert await conn.fetchval("select count(*) from erasure_hosts") == 0


async def test_pat05_an_account_is_closed_with_its_password_and_for_good(
    rosa: Actor, database: Database, browser: Open
) -> None:
    visitor = await browser().sign_in(rosa)
    path = "/settings/close"
    assert "/settings/close" in (await visitor.get("/settings")).text
    wrong = await visitor.send(path, path, password="not this one", sure="yes")
    assert wrong.status_code == 422
    assert "This is not your password" in wrong.text
    unsure = await visitor.send(path, path, password=PASSWORD)
    assert "Please say that you are sure" in unsure.text
    closed = await visitor.send(path, path, password=PASSWORD, sure="yes")
    where = closed.headers["location"]
    assert re.fullmatch(r"/receipts/[\w-]{43}\?done=account_closed", where)
    assert "max-age=0" in closed.headers["set-cookie"].lower()
    page = await browser().page(where)
    assert "An account with 1 post was erased here" in page.text
    assert "at this moment" in page.text
    assert (await browser().get("/u/rosa")).status_code == 404
    again = await browser().send("/sign-in", "/sign-in", name="rosa", password=PASSWORD)
    assert again.status_code == 422


async def test_the_password_cannot_be_guessed_here_either(
    rosa: Actor, database: Database, browser: Open, clock: SteadyClock
) -> None:
    visitor = await browser().sign_in(rosa)
    for _ in range(limits.SIGN_IN_PER_ACCOUNT[0]):
        async with database.write() as conn:
            await limits.count_sign_in(
                conn, visitor.services.secret, name="rosa", address="192.0.2.1", now=clock.now()
            )
    answer = await visitor.act("/settings/close", password=PASSWORD, sure="yes")
    assert "very often in a short time" in answer.text


async def test_pat05_an_administrator_asks_for_everything_back(
    rosa: Actor, database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        admin = await make_person(conn, role="admin")
        thread = await conn.fetchval("select id from posts limit 1")
        await conn.execute("insert into instances (host) values ('there.test')")
        await post_copies.note(conn, [thread], "there.test")
    assert (await (await browser().sign_in(rosa)).get("/admin/recall")).status_code == 404
    visitor = await browser().sign_in(admin)
    path = "/admin/recall"
    assert path in (await visitor.get("/admin")).text
    nothing = await visitor.send(path, path, host="elsewhere.test", reason="Sold.")
    assert "never sent a post from here" in nothing.text
    asked = await visitor.send(path, path, host="there.test", reason="Sold.")
    page = await visitor.page(asked.headers["location"])
    assert "asked to erase 1 post that it had received" in page.text
    async with database.read() as conn:
        act = await conn.fetchrow("select action, host, reason from modlog")
        assert tuple(act) == ("erase_received", "there.test", "Sold.")
        assert await conn.fetchval("select state from posts where id = $1", thread) == "live"
