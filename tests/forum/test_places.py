"""Places of posts that were gone before we heard of them."""

from __future__ import annotations

import pytest

from forum.errors import Invalid
from forum.places import keep_place
from storage.audience import NOBODY
from storage.db import Connection
from storage.threads import read_post
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_reply,
    make_site,
    make_thread,
    tick,
)

GONE = "https://there.test/posts/gone"


@pytest.mark.parametrize(("is_erased", "state"), [(True, "erased"), (False, "removed")])
async def test_a_place_says_nothing_and_is_seen_by_nobody(
    conn: Connection, is_erased: bool, state: str
):
    community = await make_remote_community(conn)
    now = tick()
    place = await keep_place(conn, community, GONE, above=None, is_erased=is_erased, now=now)
    assert (place.state, place.title, place.html, place.author_id) == (state, "", "", community.id)
    assert (place.thread_id, place.path) == (place.id, [place.id])
    assert await read_post(conn, NOBODY, place.id) is None
    again = await keep_place(conn, community, GONE, above=None, is_erased=is_erased, now=tick())
    assert again == place


async def test_an_answer_stands_below_a_place_in_its_conversation(conn: Connection):
    community = await make_remote_community(conn)
    await make_site(conn)
    await join(conn, community, await make_person(conn))
    ada = await make_remote_person(conn)
    thread = await make_thread(conn, ada, community)
    place = await keep_place(conn, community, GONE, above=thread, is_erased=True, now=tick())
    answer = await make_reply(conn, ada, place)
    assert answer.path == [thread.id, place.id, answer.id]
    assert answer.thread_id == thread.id


async def test_there_are_no_places_in_communities_of_this_server(conn: Connection):
    community = await make_community(conn)
    with pytest.raises(Invalid):
        await keep_place(conn, community, GONE, above=None, is_erased=True, now=tick())


async def test_a_place_does_not_stand_in_another_community(conn: Connection):
    await make_site(conn)
    community, other = await make_remote_community(conn), await make_remote_community(conn)
    await join(conn, other, await make_person(conn))
    thread = await make_thread(conn, await make_remote_person(conn), other)
    with pytest.raises(Invalid):
        await keep_place(conn, community, GONE, above=thread, is_erased=True, now=tick())
