"""Nobody learns who is a member, who follows or who likes, at no address of the program.

A public community has members who never wrote anything. Every address about it is asked by every
kind of visitor; their names stand in no answer but the list that its moderators look at, and what
is told of people elsewhere is told to their own server alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from forum import reactions
from forum.membership import receive_leave
from storage.actors import Actor
from storage.communities import Community
from tests import factories
from tests.factories import join, make_person, make_remote_person, tick
from tests.matrix.rows import ROWS
from tests.matrix.world import FRIEND, World, open_world

ACTIVITY = "application/activity+json"
ASKING = ("nobody", "non-member", "member", "admin", "author", "unsigned server",
          "member elsewhere", "member elsewhere of another community")  # fmt: skip
MODERATING = ("admin", "author")


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(database_url, tmp_path) as opened:
        yield opened


async def arrange(world: World) -> tuple[Community, list[Actor], Actor]:
    """Twelve silent members here and one elsewhere; some like a post, and one has left again."""
    async with world.app.parts.services.database.write() as conn:
        author = world.people["author"]
        garden = await factories.make_community(conn, author, name="garden")
        await join(conn, garden, world.people["member"])
        thread = await factories.make_thread(conn, author, garden)
        silent = [await make_person(conn, f"silent_{number}") for number in range(12)]
        for person in silent:
            await join(conn, garden, person)
            await reactions.react(conn, person, thread, "like", now=tick())
        elsewhere = await make_remote_person(conn, host=FRIEND, name="silent_elsewhere")
        await join(conn, garden, elsewhere)
        gone = await make_remote_person(conn, host=FRIEND, name="silent_and_gone")
        await join(conn, garden, gone)
        await receive_leave(conn, garden, gone, tick())
    world.ids |= {"garden": [str(garden.id)], "silent": [str(silent[0].id)]}
    world.ids["garden thread"] = [str(thread.id)]
    return garden, silent, elsewhere


def addresses(garden: Community, world: World) -> list[tuple[str, str, str]]:
    """Every address that can be asked about the community, and how programs and people ask."""
    [thread], [person] = world.ids["garden thread"], world.ids["silent"]
    found = []
    for key, row in ROWS.items():
        method, path = key.split(" ", 1)
        if method != "GET" or row.is_secret or "static" in path:
            continue
        given = {"name": ["garden"], "path": ["garden"], "id": [thread]}
        if "/ap/actors" in path:
            given["id"] = [str(garden.id), person]
        for parameter in ("{name}", "{path:path}", "{id}"):
            if parameter in path:
                values = given[parameter.strip("{}").partition(":")[0]]
                break
        else:
            parameter, values = "", [""]
        paths = [path.replace(parameter, value) if parameter else path for value in values]
        found += [
            (
                key,
                each + query.format(reply=thread, author=world.people["author"].id)
                if "{" in query
                else each + query,
                accept,
            )
            for each in paths
            for query in row.queries
            for accept in row.accept
        ]
    return [one for one in found if "{" not in one[1]]


async def test_pat02_no_address_tells_who_is_a_member_or_likes_a_post(world: World) -> None:
    garden, silent, elsewhere = await arrange(world)
    told = []
    for viewer in ASKING:
        for key, path, accept in addresses(garden, world):
            answer = await world.ask(viewer, "GET", path, accept=accept, form=None)
            if key == "GET /c/{name}/members" and viewer in MODERATING:
                assert "silent_3" in answer.text
                continue
            text = answer.text + str(answer.headers)
            others = silent[1:] if "/ap/actors/" in path else silent
            wrong = [one for one in others if f"{one.name}<" in text or f'{one.name}"' in text]
            wrong += [one for one in others if str(one.id) in text]
            own_list = key.endswith("_synchronization") and viewer == "member elsewhere"
            if elsewhere.name in text and not own_list:
                wrong.append(elsewhere)
            told += [(viewer, path, one.name) for one in wrong]
    assert told == []
    assert world.asked > 300


async def test_pat02_a_server_is_told_of_its_own_people_only_and_numbers_are_bands(
    world: World,
) -> None:
    garden, _, elsewhere = await arrange(world)
    base = f"/ap/actors/{garden.id}"
    path = f"{base}/followers_synchronization"
    own = await world.ask("member elsewhere", "GET", path, accept=ACTIVITY, form=None)
    assert json.loads(own.content)["orderedItems"] == [elsewhere.uri]
    strange = "member elsewhere of another community"
    other = await world.ask(strange, "GET", path, accept=ACTIVITY, form=None)
    assert json.loads(other.content)["orderedItems"] == []
    unsigned = await world.ask("unsigned server", "GET", path, accept=ACTIVITY, form=None)
    assert unsigned.status_code == 404
    followers = await world.ask(strange, "GET", f"{base}/followers", accept=ACTIVITY, form=None)
    document = json.loads(followers.content)
    assert document["totalItems"] == 10
    assert not {"first", "items", "orderedItems"} & set(document)
    moderators = await world.ask(strange, "GET", f"{base}/moderators", accept=ACTIVITY, form=None)
    assert json.loads(moderators.content)["orderedItems"] == [world.people["author"].uri]


async def test_pat02_moderators_see_members_and_the_log_says_so_once_an_hour(world: World) -> None:
    garden, _, _ = await arrange(world)
    for viewer in ("member", "non-member", "nobody"):
        hidden = await world.ask(viewer, "GET", "/c/garden/members", accept="text/html", form=None)
        assert hidden.status_code in (303, 404)
    for viewer in (*MODERATING, *MODERATING):
        shown = await world.ask(viewer, "GET", "/c/garden/members", accept="text/html", form=None)
        assert shown.status_code == 200
        assert shown.headers["cache-control"] == "private, no-store"
    async with world.app.parts.services.database.read() as conn:
        rows = await conn.fetch("select moderator_id, community_id from modlog where action = $1",
                                "see_members")  # fmt: skip
    assert {row["community_id"] for row in rows} == {garden.id}
    assert sorted(row["moderator_id"] for row in rows) == sorted(
        world.people[viewer].id for viewer in MODERATING
    )
    page = await world.ask("author", "GET", "/c/garden/moderation", accept="text/html", form=None)
    assert "looked at the list of members" in page.text
