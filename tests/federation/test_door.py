"""Who must say who they are, and how a document is served."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from federation.routes import DOCUMENTS, OPEN_DOCUMENTS
from federation.signatures.accept import read_asked
from storage.db import Database
from storage.site import set_requires_signed_fetch
from tests.factories import SITE, make_person
from tests.federation.doors import (
    ACTIVITY,
    BROWSER,
    LD,
    UNKNOWN_ID,
    Door,
    finger_of,
    make_place,
    make_server,
    open_door,
    paths_of,
    whole,
)
from tests.federation.wire import open_wire, publish_all


@pytest.fixture
async def fed(database: Database):
    async with open_wire(database) as opened:
        yield opened


@pytest.fixture
async def door(fed) -> AsyncIterator[Door]:
    async with open_door(fed) as opened:
        yield opened


@pytest.fixture
async def place(fed, door):
    async with fed.database.write() as conn:
        made = await make_place(conn)
    await publish_all(fed)
    return made


async def require_signatures(fed) -> None:
    async with fed.database.write() as conn:
        assert await set_requires_signed_fetch(conn, True)


async def sent(fed) -> list[int]:
    async with fed.database.read() as conn:
        return [row["id"] for row in await conn.fetch("select id from activities")]


async def test_r24_what_is_public_needs_no_signature(door: Door, fed, place) -> None:
    for path in (place.thread.uri, place.reply.uri, place.community.uri, place.owner.uri):
        assert (await door.get(path)).status_code == 200


async def test_r24_where_signatures_are_demanded_nothing_is_shown_without(
    door: Door, fed, place
) -> None:
    async with fed.database.write() as conn:
        server = await make_server(conn, "friend.test")
    await require_signatures(fed)
    paths = paths_of(place, await sent(fed))
    paths += [place.owner.uri, f"{place.owner.uri}/outbox", f"/ap/posts/{UNKNOWN_ID}"]
    for path in paths:
        answer = await door.get(path)
        assert answer.status_code == 401, path
        assert answer.json() == {"error": "signature required"}
        assert answer.headers["www-authenticate"].startswith("Signature ")
        assert read_asked(answer.headers["accept-signature"]) is not None
        assert answer.headers["cache-control"] == "private, no-store"
        assert (await door.get(path, signed_by=server)).status_code in (200, 404), path
    assert (await door.get(place.thread.uri, signed_by=server)).status_code == 200


async def test_r24_the_instance_actor_and_discovery_stay_open(door: Door, fed, place) -> None:
    """Without them nobody could check a signature of ours, and two such servers never meet."""
    await require_signatures(fed)
    for path in OPEN_DOCUMENTS:
        assert (await door.get(path)).status_code == 200
    assert "publicKeyPem" in (await door.get("/ap/instance")).json()["publicKey"]
    discovery = ("/.well-known/nodeinfo", "/nodeinfo/2.1", "/.well-known/host-meta")
    for path in (*discovery, finger_of(f"acct:{place.owner.name}@here.test")):
        assert (await door.get(path)).status_code == 200


async def test_r24_a_bad_signature_is_no_signature(door: Door, fed, place) -> None:
    async with fed.database.write() as conn:
        server = await make_server(conn, "friend.test")
        await conn.execute("delete from actor_keys where actor_id = $1", server.id)
    await require_signatures(fed)
    assert (await door.get(place.thread.uri, signed_by=server)).status_code == 401


async def test_r24_a_browser_still_finds_the_page(door: Door, fed, place) -> None:
    await require_signatures(fed)
    answer = await door.get(place.thread.uri, accept=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        SITE.thread_url(place.thread.id),
    )
    for identifier in await sent(fed):
        path = f"/ap/activities/{identifier}"
        assert (await door.get(path, accept=BROWSER)).status_code == 401


async def test_r25_a_refused_server_is_turned_away_whatever_it_asks_for(
    door: Door, fed, place
) -> None:
    async with fed.database.write() as conn:
        server = await make_server(conn, "blocked.test")
        part = await make_server(conn, "part.blocked.test")
        await conn.execute(
            "insert into instances (host, policy) values ('blocked.test', 'refused')"
            " on conflict (host) do update set policy = 'refused'"
        )
    paths = [path.format(id=UNKNOWN_ID) for path in DOCUMENTS]
    paths += [*paths_of(place, await sent(fed)), place.owner.uri]
    for signer in (server, part):
        for path in paths:
            answer = await door.get(path, signed_by=signer)
            assert (answer.status_code, answer.content) == (403, b""), path
        finger = finger_of(f"acct:{place.owner.name}@here.test")
        assert (await door.get(finger, signed_by=signer)).status_code == 403


@pytest.mark.parametrize("accept", [ACTIVITY, LD, f"{LD}, {ACTIVITY}", "*/*", ""])
async def test_r11_servers_get_the_document_and_browsers_the_page(
    door: Door, fed, place, accept: str
) -> None:
    pages = {
        place.thread.uri: SITE.thread_url(place.thread.id),
        place.community.uri: SITE.community_url(place.community.name),
        place.owner.uri: SITE.person_url(place.owner.name),
    }
    for uri, page in pages.items():
        answer = await door.get(uri, accept=accept)
        assert answer.headers["content-type"] == ACTIVITY
        assert "Accept" in answer.headers["vary"]
        answer = await door.get(uri, accept=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert "Accept" in answer.headers["vary"]


async def test_each_answer_says_that_both_ways_of_signing_are_understood(
    door: Door, fed, place
) -> None:
    for path in (place.thread.uri, f"/ap/posts/{UNKNOWN_ID}", "/ap/instance"):
        assert read_asked((await door.get(path)).headers["accept-signature"]) is not None


async def test_hidden_and_unknown_are_the_same_where_signatures_are_demanded(
    door: Door, fed
) -> None:
    async with fed.database.write() as conn:
        closed = await make_place(conn, readers="members", hosts=("friend.test",))
        server = await make_server(conn, "stranger.test")
        await make_person(conn)
    await publish_all(fed)
    await require_signatures(fed)
    for options in ({}, {"signed_by": server}, {"accept": BROWSER}):
        unknown = whole(await door.get(f"/ap/posts/{UNKNOWN_ID}", **options))
        for path in paths_of(closed, await sent(fed)):
            assert whole(await door.get(path, **options)) == unknown, (path, options)
