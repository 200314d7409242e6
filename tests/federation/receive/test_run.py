"""The loop that works on what was received, beside servers that are slow to answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from federation import receive
from storage.communities import Community, read_unfiltered
from tests.factories import join, make_community, make_person
from tests.federation.conftest import Here
from tests.federation.peer import Peer, post_signed
from tests.federation.receive.test_announce import announce, create, note


@pytest.fixture
async def community(here: Here, peer: Peer) -> Community:
    """A community of the peer that a person here has joined."""
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        found = await read_unfiltered(conn, group.id)
        assert found is not None
        await join(conn, found, await make_person(conn, site=here.site))
    return found


async def test_a_server_that_does_not_answer_holds_up_nobody_else(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    answered = asyncio.Event()

    async def hang(asked: Any, _: Any) -> bool:
        if asked.path.startswith("/notes/"):
            await answered.wait()
        return False

    slow = other_peer.actor("slow")
    other_peer.behaviour = hang
    async with here.database.write() as conn:
        ours = await make_community(conn, site=here.site)
    thread = note(other_peer, slow, ours)
    other_peer.put("/notes/1", thread)
    await post_signed(here.inbox, {**create(thread), "object": thread["id"]})
    told = note(peer, peer.actor("ada"), community)
    await post_signed(here.inbox, announce(peer, community, create(told)))

    late: set[asyncio.Task[None]] = set()
    assert await receive.step(here.fed, late) == 2
    states = dict(await here.fetch("select type, state from inbox"))
    assert states == {"Announce": "done", "Create": "waiting"}
    assert await receive.step(here.fed, late) == 0
    answered.set()
    await asyncio.wait(late)
    assert await here.fetch("select state, reason from inbox where type = 'Create'") == [
        ("refused", "not_a_member")
    ]


async def test_a_reply_whose_thread_came_with_it_and_failed_is_not_lost(
    here: Here, peer: Peer, community: Community
):
    ada = peer.actor("ada")
    thread = note(peer, ada, community)
    reply = note(peer, ada, community, 2, inReplyTo=thread["id"], name=None)
    peer.put("/notes/1", thread)
    await post_signed(here.inbox, announce(peer, community, create(thread), 1))
    await post_signed(here.inbox, announce(peer, community, create(reply), 2))
    await here.fetch(
        "alter table posts add constraint no_thread check (kind <> 'thread') not valid"
    )
    try:
        await receive.step(here.fed)
    finally:
        await here.fetch("alter table posts drop constraint no_thread")
    assert {row[1] for row in await here.inbox_states()} == {"waiting"}
    await here.fetch("update inbox set due_at = now()")
    await here.work()
    assert {row[1] for row in await here.inbox_states()} == {"done"}
