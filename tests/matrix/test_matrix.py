"""Every route, every viewer, every object: nobody meets a word that is not for them.

Two things are looked at in each answer. Whoever may not know of a thing gets, byte for byte, what
is said of a thing that does not exist. And whatever an answer shows, no secret stands in it that
the viewer may not learn. A route without a row in `rows.py` fails.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path

import httpx
import pytest
from starlette.routing import BaseRoute, Route

from server.app import routes_of
from tests.matrix.rows import PICTURES, PICTURES_ELSEWHERE, ROWS, Row
from tests.matrix.rule import LEARNS, READERS, VIEWERS, WITNESSES
from tests.matrix.world import (
    NAME,
    SECRETS,
    UNKNOWN_ID,
    UNKNOWN_NAME,
    World,
    open_world,
    without_names,
)

# Whom it surprises least that a thing was there: an erased post has left its mark for its readers.
KNOWS = LEARNS | {"deleted": READERS, "held": READERS, "removed": READERS}
# Known to everybody who asks, whatever they write and where.
OPEN_THINGS = frozenset({"author", "instance", "file", "path", "secret"})
OF_WORDS = {
    "author": "author",
    "file": "dazzle.css",
    "path": "never/there",
    "secret": "no-such-secret",
}
UNKNOWN_ACTIVITY = UNKNOWN_ID
UNKNOWN_FILE = "a2" * 13


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(database_url, tmp_path) as opened:
        yield opened


def keys_of(routes: list[BaseRoute]) -> set[str]:
    found = set()
    for route in routes:
        assert isinstance(route, Route), route
        methods = (route.methods or {"GET"}) - {"HEAD"}
        found |= {f"{method} {route.path}" for method in methods}
    return found


def wanted(row: Row, world: World, path: str) -> Iterator[tuple[str | None, str, str, str]]:
    """What is named, the path that names it, one that names nothing, and the name itself."""
    if not row.names:
        yield None, path, path, ""
        return
    ((parameter, things),) = row.names.items()
    place = "{" + parameter + ("}" if "{" + parameter + "}" in path else ":path}")
    for thing in things:
        for name in names_of(world, thing, parameter):
            unknown = UNKNOWN_NAME if name == NAME else UNKNOWN_ID
            if thing in PICTURES:
                unknown = f"{UNKNOWN_FILE}/{name.partition('/')[2]}"
            if thing in PICTURES_ELSEWHERE:
                unknown = f"{UNKNOWN_ID}/0"
            yield thing, path.replace(place, name), path.replace(place, unknown), name


def names_of(world: World, thing: str, parameter: str) -> list[str]:
    if thing == "community" and parameter == "name":
        return [NAME]
    if thing in OF_WORDS and (parameter == "name" or thing not in world.ids):
        return [OF_WORDS[thing]]
    return world.ids.get(thing, [])


def is_hidden(thing: str | None, viewer: str) -> bool:
    if thing is None or thing in OPEN_THINGS:
        return False
    return viewer not in KNOWS["thread" if thing == "activity" else thing]


def told(answer: httpx.Response) -> bytes:
    return b"\n".join([answer.content, *(value for _, value in answer.headers.raw)])


def leaks(answer: httpx.Response, viewer: str) -> list[str]:
    """The secrets in an answer that are not for this viewer."""
    text = told(answer)
    return [
        thing for thing, secret in SECRETS.items() if secret in text and viewer not in LEARNS[thing]
    ]


def filled(world: World, form: dict[str, str] | None) -> dict[str, str] | None:
    """A form's fields, with the ids of things and people where it names them."""
    if form is None:
        return None
    ids = {thing: found[0] for thing, found in world.ids.items() if found}
    ids |= {viewer: str(actor.id) for viewer, actor in world.people.items()}
    ids["report"] = UNKNOWN_ID
    return {
        field: ids.get(value[1:-1], value) if value.startswith("{") else value
        for field, value in form.items()
    }


async def test_prv_01_every_route_has_a_row(world: World) -> None:
    assert keys_of(routes_of(world.app.parts)) == set(ROWS)


async def test_prv_01_nobody_reads_what_is_not_for_them(world: World) -> None:
    wrong, counted, seen = [], Counter[str](), Counter[tuple[str, str]]()
    for key, row in ROWS.items():
        if row.fields is not None:
            continue
        method, path = key.split(" ", 1)
        for viewer, accept, query in product((*VIEWERS, *WITNESSES), row.accept, row.queries):
            extra = (
                query.format(reply=world.ids["reply"][0], author=world.people["author"].id)
                if "{" in query
                else query
            )
            nothing: dict[str, tuple[object, ...]] = {}
            for thing, named, unnamed, name in wanted(row, world, path):
                answer = await world.ask(viewer, method, named + extra, accept=accept, form=None)
                counted[key] += 1
                wrong += [(key, viewer, thing, leak) for leak in leaks(answer, viewer)]
                for secret in (s for s, word in SECRETS.items() if word in told(answer)):
                    seen[secret, viewer] += 1
                if is_hidden(thing, viewer):
                    if unnamed not in nothing:
                        other = await world.ask(
                            viewer, method, unnamed + extra, accept=accept, form=None
                        )
                        nothing[unnamed] = without_names(other, UNKNOWN_ID, UNKNOWN_NAME)
                    if without_names(answer, name) != nothing[unnamed]:
                        wrong.append((key, viewer, thing, f"not like nothing ({accept}, {extra})"))
    assert not wrong
    assert {key for key, row in ROWS.items() if row.fields is None} == set(counted)
    # What may be seen was seen: the search finds what is there.
    for thing in ("community", "thread", "reply", "reply to reply", *PICTURES):
        assert seen[thing, "member"], thing
        assert seen[thing, "member elsewhere"], thing
    assert seen["poll", "member elsewhere"]
    assert all(seen[thing, "member"] for thing in PICTURES_ELSEWHERE)
    assert seen["removed", "moderator"]
    assert seen["report", "moderator"]
    print(f"{len(ROWS)} routes, {len(VIEWERS)} viewers, {len(LEARNS)} objects:"
          f" {world.asked} requests, 0 unintended reads")  # fmt: skip


async def test_prv_01_nobody_changes_what_is_not_for_them(world: World) -> None:
    """Each form, sent to each hidden thing with a valid token, does what it does to nothing."""
    before = await snapshot(world)
    wrong = []
    for key, row in ROWS.items():
        if row.fields is None or not row.names:
            continue
        method, path = key.split(" ", 1)
        form = filled(world, row.fields)
        for viewer in VIEWERS:
            for thing, named, unnamed, name in wanted(row, world, path):
                if not is_hidden(thing, viewer):
                    continue
                answer = await world.ask(viewer, method, named, accept="text/html", form=form)
                other = await world.ask(viewer, method, unnamed, accept="text/html", form=form)
                wrong += [(key, viewer, thing, leak) for leak in leaks(answer, viewer)]
                if without_names(answer, name) != without_names(other, UNKNOWN_ID, UNKNOWN_NAME):
                    wrong.append((key, viewer, thing, "not like nothing"))
    assert not wrong
    assert await snapshot(world) == before


async def test_prv_01_a_form_of_ones_own_tells_nothing_of_others(world: World) -> None:
    wrong = []
    for key, row in ROWS.items():
        if row.fields is None or row.names:
            continue
        method, path = key.split(" ", 1)
        form = filled(world, row.fields)
        for viewer in VIEWERS:
            await world.begin_sessions()  # the one before may have signed everybody out
            answer = await world.ask(viewer, method, path, accept="text/html", form=form)
            wrong += [(key, viewer, leak) for leak in leaks(answer, viewer)]
    assert not wrong


SNAPSHOT = """
select json_build_object(
  'posts', (select json_agg(p order by p.id) from posts p),
  'memberships', (select json_agg(m order by m.community_id, m.actor_id) from memberships m),
  'reports', (select json_agg(r order by r.id) from reports r),
  'blocks', (select json_agg(b order by b.blocker_id, b.blocked_id) from blocks b),
  'reactions', (select json_agg(r) from reactions r),
  'modlog', (select json_agg(l order by l.id) from modlog l),
  'communities', (select json_agg(c order by c.actor_id) from communities c))
"""


async def snapshot(world: World) -> object:
    async with world.app.parts.services.database.read() as conn:
        return json.loads(await conn.fetchval(SNAPSHOT))
