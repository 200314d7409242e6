"""Moving to another account in the browser, and taking it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from forum import aliases, moderation
from storage import actors
from storage.actors import Actor
from storage.db import Database
from tests.factories import (
    KEYPAIR,
    PASSWORD,
    SITE,
    far_future,
    join,
    make_community,
    make_draft,
    make_person,
    make_remote_person,
    tick,
)
from tests.web.conftest import Browser, KnownCommunities

Open = Callable[..., Browser]
ADDRESS = "rosa@new.test"


@dataclass
class Scene:
    visitor: Browser
    rosa: Actor
    new: Actor


@pytest.fixture
async def scene(database: Database, browser: Open, resolver: KnownCommunities) -> Scene:
    """Rosa, and an account elsewhere that says to be her."""
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
        new = await make_remote_person(conn, host="new.test", name="rosa")
        new = await actors.upsert_remote(conn, replace(new, also_known_as=[rosa.uri]), tick())
        await make_community(conn, name="wide")
        await join(conn, await make_community(conn, name="mine"), rosa)
    resolver.known[ADDRESS] = new.id
    return Scene(await browser().sign_in(rosa), rosa, new)


async def move(scene: Scene, **changed: str) -> tuple[int, str]:
    fields = {"address": ADDRESS, "password": PASSWORD, "sure": "yes", **changed}
    answer = await scene.visitor.send("/settings/move", "/settings/move", **fields)
    return answer.status_code, answer.text


async def test_pat04_somebody_moves_away_and_comes_back(scene: Scene, browser: Open) -> None:
    visitor = scene.visitor
    assert 'href="/settings/move"' in (await visitor.get("/settings")).text
    assert await move(scene) == (303, "")
    assert f"You have moved to {ADDRESS}" in (await visitor.page("/settings/move")).text
    seen = await browser().get("/u/rosa")
    assert "This person has another account now:" in seen.text
    assert ADDRESS in seen.text
    early = await visitor.get("/c/mine/new")
    assert early.status_code == 403
    assert "You have moved to another account" in early.text
    refused = await visitor.act("/c/wide/join")
    assert refused.status_code == 403
    assert "You have moved to another account" in refused.text
    await visitor.send("/settings/move", "/settings/move/back")
    assert "You have moved to" not in (await visitor.page("/settings/move")).text
    assert "You can move again from" in (await visitor.page("/settings/move")).text
    assert ADDRESS not in (await browser().get("/u/rosa")).text
    assert (await visitor.act("/c/wide/join")).status_code == 303


async def test_a_moderator_reads_who_came_by_a_move(
    scene: Scene, browser: Open, database: Database
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn, "owner")
        chosen = await make_community(conn, owner, name="chosen", joining="invite")
        await join(conn, chosen, scene.rosa)
    assert await move(scene) == (303, "")
    page = await (await browser().sign_in(owner)).page("/c/chosen/moderation")
    assert ADDRESS in page.text
    assert "became a member by moving here from another account" in page.text


WRONG = (
    ({"password": "not this one"}, "This is not your password"),
    ({"sure": ""}, "Please say that you are sure"),
    ({"address": "nobody@new.test"}, "No account was found there"),
    ({"address": ""}, "Please fill this in"),
)


async def test_a_move_needs_password_certainty_and_an_account(scene: Scene) -> None:
    for changed, sentence in WRONG:
        status, text = await move(scene, **changed)
        assert status == 422, sentence
        assert sentence in text
    assert "another account now" not in (await scene.visitor.get("/u/rosa")).text


async def test_pat18_only_the_person_reads_that_a_name_of_theirs_keeps_them_here(
    scene: Scene, database: Database
) -> None:
    async with database.write() as conn:
        owner = await make_person(conn, "owner")
        place = await make_community(conn, owner, name="place")
        await join(conn, place, scene.rosa)
        now = tick() + timedelta(days=4)
        post = await aliases.start_unnamed_thread(
            conn, aliases.Fresh(SITE, KEYPAIR), scene.rosa, place, make_draft("Am I?", "I fear."),
            now=now,
        )  # fmt: skip
        name = await actors.read_unfiltered(conn, post.author_id)
        assert name is not None
        await moderation.stop_member(conn, owner, place, name, far_future(), "rude", now)
    _, text = await move(scene, password="not this one")
    assert "A name that you used in one thread" not in text
    _, text = await move(scene)
    assert "A name that you used in one thread cannot post at the moment" in text
    assert "You have moved to" not in (await scene.visitor.page("/settings/move")).text


async def test_a_move_to_who_does_not_say_so_is_refused(scene: Scene, database: Database) -> None:
    async with database.write() as conn:
        await actors.upsert_remote(conn, replace(scene.new, also_known_as=[]), tick())
    status, text = await move(scene)
    assert status == 422
    assert "The new account does not name this one yet" in text


async def test_pat04_another_account_is_named_and_no_longer(scene: Scene) -> None:
    visitor = scene.visitor
    await visitor.send("/settings/move", "/settings/move/names", other=ADDRESS)
    page = await visitor.page("/settings/move")
    assert "What you agree to by adding it" in page.text
    assert "For you to be a member of a community, this server keeps that you are one" in page.text
    assert ADDRESS in page.text
    assert page.form("/settings/move/names/drop").fields["name"] == scene.new.uri
    await visitor.send("/settings/move", "/settings/move/names/drop")
    assert ADDRESS not in (await visitor.page("/settings/move")).text


async def test_pat04_an_account_that_moved_here_without_a_word_is_looked_for(
    scene: Scene, database: Database, resolver: KnownCommunities
) -> None:
    """Mastodon and GoToSocial tell followers only."""
    visitor = scene.visitor
    async with database.write() as conn:
        wide = await make_community(conn, name="open_one")
        await join(conn, wide, scene.new)
    await visitor.send("/settings/move", "/settings/move/names", other=ADDRESS)
    resolver.known[scene.new.uri] = scene.new.id
    looked_for = {"other": scene.new.uri, "look": "yes"}
    assert f'name="other" value="{scene.new.uri}"' in (await visitor.get("/settings/move")).text
    early = await visitor.send("/settings/move", "/settings/move/names", **looked_for)
    assert early.status_code == 422
    assert "does not say yet that it has moved here" in early.text

    resolver.moved[scene.new.uri] = scene.rosa.uri
    for _ in range(2):
        answer = await visitor.send("/settings/move", "/settings/move/names", **looked_for)
        assert answer.headers["location"] == "/settings/move?done=arrived"
    async with database.read() as conn:
        members = "select actor_id from memberships where community_id = $1 and state = 'accepted'"
        found = {row["actor_id"] for row in await conn.fetch(members, wide.id)}
    assert scene.rosa.id in found
    assert scene.new.id not in found

    await visitor.send("/settings/move", "/settings/move/names/drop")
    async with database.write() as conn:
        other = await make_remote_person(conn, host="third.test", name="rosa")
        await conn.execute("update actors set moved_at = $2 where id = $1", other.id, far_future())
    resolver.known["rosa@third.test"] = other.id
    resolver.moved[other.uri] = scene.rosa.uri
    again = {"other": "rosa@third.test"}
    answer = await visitor.send("/settings/move", "/settings/move/names", **again)
    assert answer.status_code == 422
    assert "has moved within the last week" in answer.text
    assert "rosa@third.test" in (await visitor.get("/settings/move")).text
