"""A post and its deletion, told by two servers, on two workers at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from forum.errors import NotAllowed
from forum.ports import SystemClock
from forum.threads import Origin, hold_and_read, remember_deletion, start_thread
from storage.actors import Actor
from storage.communities import Community, read_unfiltered
from storage.db import Connection
from storage.threads import Post, read_by_uri_unfiltered
from tests.factories import join, make_draft, make_person
from tests.federation.conftest import Here
from tests.federation.peer import Peer


@pytest.fixture
async def community(here: Here, other_peer: Peer) -> Community:
    """A community of one server, with a member here."""
    group = await here.actor(other_peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        found = await read_unfiltered(conn, group.id)
        assert found is not None
        await join(conn, found, await make_person(conn, site=here.site))
    return found


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


def deletion(peer: Peer, ada: Actor) -> dict[str, Any]:
    uri = f"{peer.origin}/deletes/1"
    return {"id": uri, "type": "Delete", "actor": ada.uri, "object": f"{peer.origin}/notes/1"}


async def until_it_waits(here: Here, task: asyncio.Task[Any]) -> None:
    """Until the task waits for a lock of somebody else, which it must."""
    while not task.done():
        if await here.fetch("select 1 from pg_locks where not granted"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not wait")


async def store(conn: Connection, here: Here, community: Community, ada: Actor, uri: str) -> Post:
    """What the worker does that was told of the post by its community."""
    now = SystemClock().now()
    origin = Origin(uri, None, now, None)
    draft = make_draft("A thread")
    return await start_thread(conn, here.site, ada, community, draft, now=now, origin=origin)


async def test_a_deletion_waits_for_the_post_that_is_being_stored(
    here: Here, peer: Peer, community: Community, ada: Actor
):
    uri = f"{peer.origin}/notes/1"
    async with here.database.write() as conn:
        await store(conn, here, community, ada, uri)
        deleting = asyncio.create_task(here.receive(deletion(peer, ada)))
        await until_it_waits(here, deleting)
    assert await deleting == ("done", "")
    async with here.database.read() as conn:
        post = await read_by_uri_unfiltered(conn, uri)
    assert post is not None
    assert post.state == "erased"


async def test_a_post_waits_for_its_deletion_and_stays_away(
    here: Here, peer: Peer, community: Community, ada: Actor
):
    uri = f"{peer.origin}/notes/1"

    async def storing() -> None:
        async with here.database.write() as conn:
            await store(conn, here, community, ada, uri)

    async with here.database.write() as conn:
        # What the worker does that is told of the deletion by the author's server.
        assert await hold_and_read(conn, uri) is None
        await remember_deletion(conn, uri, ada.host, SystemClock().now())
        stored = asyncio.create_task(storing())
        await until_it_waits(here, stored)
    with pytest.raises(NotAllowed, match="erased"):
        await stored
