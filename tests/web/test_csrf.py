"""Every form is refused when our own page did not make it for this visitor."""

from __future__ import annotations

from collections.abc import Callable

from storage.db import Database
from tests.factories import join, make_community, make_person, make_thread
from tests.web.conftest import Browser
from web.routes import DONE

Open = Callable[..., Browser]

TABLES = (
    "accounts", "sessions", "actors", "communities", "memberships", "invitations", "posts",
    "blocks", "reports", "modlog", "instances", "site", "events",
)  # fmt: skip

FIELDS = {
    "title": "Other title", "contact": "x@y.test", "signup": "closed", "federation_mode": "nobody",
    "name": "mallory", "password": "a long enough one", "host": "evil.test", "decision": "block",
    "reason": "because", "source": "text", "locale": "de", "uses": "5", "days": "7",
    "readers": "anyone", "travels": "nowhere", "indexed": "no", "joining": "open",
    "until": "2030-01-01", "address": "x@y.test", "old": "a long enough one",
}  # fmt: skip


async def state_of(database: Database) -> dict[str, list[str]]:
    async with database.read() as conn:
        return {
            table: sorted(
                record[0] for record in await conn.fetch(f"select t::text from {table} t")
            )
            for table in TABLES
        }


async def arrange(database: Database, browser: Open) -> tuple[Browser, dict[str, str]]:
    """An administrator who owns a community with somebody else's thread."""
    async with database.write() as conn:
        admin = await make_person(conn, role="admin")
        other = await make_person(conn)
        community = await make_community(conn, admin, name="marfan")
        await join(conn, community, other)
        thread = await make_thread(conn, other, community)
    visitor = await browser().sign_in(admin)
    return visitor, {
        "name": "marfan",
        "id": str(thread.id),
        "token": "abc",
        "person": str(other.id),
    }


async def test_aut_01_a_form_that_is_not_ours_changes_nothing(
    database: Database, browser: Open
) -> None:
    visitor, names = await arrange(database, browser)
    fields = {**FIELDS, "person": names["person"], "to": names["id"]}
    token, stranger = await visitor.token("/settings"), browser()
    strangers_token = await stranger.token()
    ours = {**fields, "form_token": token}
    before = await state_of(database)
    for path, _ in DONE:
        target = path.format(**names)
        answers = {
            "no token": await visitor.post(target, fields),
            "wrong token": await visitor.post(target, {**fields, "form_token": "0" * 40}),
            "token of somebody else": await visitor.post(
                target, {**fields, "form_token": strangers_token}
            ),
            "foreign origin": await visitor.post(target, ours, origin="https://evil.test"),
            "null origin": await visitor.post(target, ours, origin="null"),
            "cross-site": await visitor.post(target, ours, **{"sec-fetch-site": "cross-site"}),
            "same site": await visitor.post(target, ours, **{"sec-fetch-site": "same-site"}),
            "nobody, no token": await stranger.post(target, fields),
            "nobody, a member's token": await stranger.post(target, ours),
            "another type": await visitor.client.post(
                target, json=ours, headers={"origin": "https://here.test"}
            ),
        }
        refused = {why: answer.status_code for why, answer in answers.items()}
        assert refused == dict.fromkeys(answers, 403), path
    assert len(DONE) >= 30
    assert await state_of(database) == before


async def test_an_old_browser_that_says_nothing_needs_the_token(
    database: Database, browser: Open
) -> None:
    visitor, _ = await arrange(database, browser)
    token = await visitor.token("/settings")
    answer = await visitor.client.post(
        "/settings/language", data={"form_token": token, "locale": "en"}
    )
    assert answer.status_code == 303


async def test_what_was_written_is_not_lost_when_the_form_is_too_old(
    database: Database, browser: Open
) -> None:
    visitor, names = await arrange(database, browser)
    answer = await visitor.post(
        f"/t/{names['id']}/reply", {"form_token": "old", "source": "A long <b>story</b>"}
    )
    assert answer.status_code == 403
    assert "A long &lt;b&gt;story&lt;/b&gt;" in answer.text


async def test_another_site_cannot_put_text_into_our_page(
    database: Database, browser: Open
) -> None:
    visitor, names = await arrange(database, browser)
    answer = await visitor.post(
        f"/t/{names['id']}/reply", {"source": "Call this number"}, origin="https://evil.test"
    )
    assert "Call this number" not in answer.text
