"""What can be done about one post, and the pages of those who watch over a place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from storage.actors import Actor
from storage.db import Database
from storage.threads import Post
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_reply,
    make_thread,
)
from tests.web.conftest import Browser, SteadyClock

Open = Callable[..., Browser]


@dataclass(frozen=True, slots=True)
class Scene:
    """A public community with an owner, two members, and a reply of the second one."""

    owner: Actor
    rosa: Actor
    timo: Actor
    thread: Post
    reply: Post


@pytest.fixture
async def scene(database: Database) -> Scene:
    async with database.write() as conn:
        owner, rosa = await make_person(conn, "owner"), await make_person(conn, "rosa")
        timo = await make_person(conn, "timo")
        place = await make_community(conn, owner, name="place")
        await join(conn, place, rosa)
        await join(conn, place, timo)
        thread = await make_thread(conn, owner, place)
        reply = await make_reply(conn, timo, thread, text="Unkind words.")
        return Scene(owner, rosa, timo, thread, reply)


async def test_a_report_reaches_the_moderators_and_nobody_else(
    scene: Scene, database: Database, browser: Open
) -> None:
    rosa, owner = await browser().sign_in(scene.rosa), await browser().sign_in(scene.owner)
    path = f"/p/{scene.reply.id}"
    answer = await rosa.send(path, f"{path}/report", reason="This hurts.")
    assert answer.headers["location"] == f"{path}?done=reported"
    assert "This hurts." in (await owner.get("/c/place/moderation")).text
    timo = await browser().sign_in(scene.timo)
    for visitor in (timo, rosa):
        assert (await visitor.get("/c/place/moderation")).status_code == 404
    closed = await owner.send("/c/place/moderation", "/c/place/reports/close")
    assert closed.headers["location"] == "/c/place/moderation?done=closed"
    assert "This hurts." not in (await owner.get("/c/place/moderation")).text
    async with database.read() as conn:
        assert await conn.fetchval("select state from reports") == "closed"


async def test_a_report_needs_a_reason_and_an_account(scene: Scene, browser: Open) -> None:
    path = f"/p/{scene.reply.id}"
    rosa = await browser().sign_in(scene.rosa)
    empty = await rosa.send(path, f"{path}/report", reason=" ")
    assert empty.status_code == 422
    assert "Please fill this in" in empty.text
    answer = await browser().act(f"{path}/report", reason="x")
    assert answer.headers["location"].startswith("/sign-in")


async def test_people_who_block_each_other_no_longer_meet(
    scene: Scene, database: Database, browser: Open
) -> None:
    path = f"/p/{scene.reply.id}"
    rosa = await browser().sign_in(scene.rosa)
    answer = await rosa.send(path, f"{path}/block")
    assert answer.headers["location"] == "/settings/blocks?done=blocked"
    assert (await rosa.get(path)).status_code == 404
    assert "Unkind words." not in (await rosa.get(f"/t/{scene.thread.id}")).text
    settings = await rosa.page("/settings/blocks")
    assert "timo" in settings.text
    undone = await rosa.send("/settings/blocks", "/settings/blocks/undo")
    assert undone.headers["location"] == "/settings/blocks?done=unblocked"
    assert "Unkind words." in (await rosa.get(f"/t/{scene.thread.id}")).text


async def test_a_page_shows_each_person_only_what_they_can_do(scene: Scene, browser: Open) -> None:
    path = f"/p/{scene.reply.id}"
    acts = {
        "nobody": (browser(), set()),
        "author": (await browser().sign_in(scene.timo), {"delete"}),
        "member": (await browser().sign_in(scene.rosa), {"report", "block", "mute", "support"}),
        "owner": (
            await browser().sign_in(scene.owner),
            {"report", "block", "mute", "remove", "stop", "support"},
        ),
    }  # fmt: skip
    for who, (visitor, expected) in acts.items():
        page = await visitor.page(path)
        found = {form.action.removeprefix(f"{path}/") for form in page.forms}
        assert found - {"/sign-out"} == expected, who


async def test_what_nobody_here_could_look_at_cannot_be_reported(
    scene: Scene, database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        await conn.execute("update site set federation_mode = 'open'")
        away = await make_remote_community(conn, readers="members")
        await join(conn, away, scene.rosa)
        post = await make_thread(conn, await make_remote_person(conn), away)
    rosa = await browser().sign_in(scene.rosa)
    page = await rosa.page(f"/p/{post.id}")
    assert "reports cannot be sent there" in page.text
    assert not [form for form in page.forms if form.action.endswith("/report")]
    assert (await rosa.act(f"/p/{post.id}/report", reason="x")).status_code == 403


async def test_an_author_takes_a_post_back(scene: Scene, database: Database, browser: Open) -> None:
    path = f"/p/{scene.reply.id}"
    timo = await browser().sign_in(scene.timo)
    answer = await timo.send(path, f"{path}/delete")
    assert re.fullmatch(
        rf"/receipts/[\w-]{{43}}\?thread={scene.thread.id}&done=deleted", answer.headers["location"]
    )
    assert (await timo.get(path)).status_code == 404
    async with database.read() as conn:
        row = await conn.fetchrow("select state, html from posts where id = $1", scene.reply.id)
    assert tuple(row) == ("erased", "")


async def test_nobody_deletes_what_others_wrote(
    scene: Scene, database: Database, browser: Open
) -> None:
    for actor in (scene.rosa, scene.owner):
        visitor = await browser().sign_in(actor)
        answer = await visitor.act(f"/p/{scene.reply.id}/delete")
        assert answer.status_code == 403
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from posts where state = 'live'") == 2


async def test_a_moderator_removes_a_post_with_a_reason(
    scene: Scene, database: Database, browser: Open
) -> None:
    path = f"/p/{scene.reply.id}"
    owner = await browser().sign_in(scene.owner)
    assert (await owner.send(path, f"{path}/remove", reason="")).status_code == 422
    answer = await owner.send(path, f"{path}/remove", reason="Not kind.")
    assert answer.headers["location"] == f"{path}?done=removed"
    assert "This post was removed" in (await owner.get(path)).text
    assert (await browser().get(path)).status_code == 404
    assert "Unkind words." not in (await browser().get(f"/t/{scene.thread.id}")).text
    log = (await owner.get("/c/place/moderation")).text
    assert "removed a post by" in log
    assert "Not kind." in log


async def test_a_moderator_stops_somebody_until_a_date(
    scene: Scene, browser: Open, clock: SteadyClock
) -> None:
    path = f"/p/{scene.reply.id}"
    owner, timo = await browser().sign_in(scene.owner), await browser().sign_in(scene.timo)
    wrong = await owner.send(path, f"{path}/stop", until="soon", reason="Rest.")
    assert wrong.status_code == 422
    assert "Please choose a date" in wrong.text
    past = await owner.send(path, f"{path}/stop", until="2020-01-01", reason="Rest.")
    assert "date in the future" in past.text
    answer = await owner.send(path, f"{path}/stop", until="2026-06-10", reason="Rest.")
    assert answer.headers["location"] == f"{path}?done=stopped"
    assert "cannot post until 10 June 2026" in (await timo.get(f"/t/{scene.thread.id}")).text
    refused = await timo.act(f"/t/{scene.thread.id}/reply", to=str(scene.thread.id), source="But I")
    assert refused.status_code == 403
    assert "cannot post until 10 June 2026" in (await owner.get("/c/place/moderation")).text
    assert (await owner.send("/c/place/moderation", "/c/place/let")).status_code == 303
    again = await timo.send(f"/t/{scene.thread.id}", f"/t/{scene.thread.id}/reply", source="Sorry.")
    assert again.status_code == 303


@pytest.mark.parametrize("act", ["remove", "stop", "let"])
async def test_only_moderators_moderate(
    act: str, scene: Scene, database: Database, browser: Open
) -> None:
    rosa = await browser().sign_in(scene.rosa)
    answer = await rosa.act(f"/p/{scene.reply.id}/{act}", reason="x", until="2030-01-01")
    assert answer.status_code == 403
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from modlog") == 0
        assert await conn.fetchval("select count(*) from posts where state = 'removed'") == 0


async def test_a_link_to_a_post_leads_into_its_thread(scene: Scene, browser: Open) -> None:
    page = await browser().page(f"/p/{scene.reply.id}")
    assert f"/t/{scene.thread.id}#p{scene.reply.id}" in page.links()
