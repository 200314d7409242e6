"""Who left for good leaves nothing behind, however much there was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forum import departures, editing, polls, reactions
from forum.errors import Invalid
from storage import polls as stored_polls
from storage.actors import Actor, read_unfiltered
from storage.audience import NOBODY
from storage.communities import Community
from storage.db import Connection, Database
from storage.threads import Post, read_post
from tests import factories
from tests.factories import (
    join,
    make_community,
    make_draft,
    make_person,
    make_poll,
    make_remote_person,
    make_reply,
    make_thread,
    tick,
)

LEFT_BEHIND = """
select
  (select count(*) from posts p where p.author_id = $1 and (p.state <> 'erased' or p.html <> ''))
  + (select count(*) from edits e join posts p on p.id = e.post_id where p.author_id = $1)
  + (select count(*) from polls q join posts p on p.id = q.post_id where p.author_id = $1)
  + (select count(*) from poll_votes v where v.actor_id = $1)
  + (select count(*) from reactions r where r.actor_id = $1)
  + (select count(*) from departures)
"""


async def make_life(conn: Connection, posts: int = 1) -> tuple[Actor, Actor, Community, Post]:
    """Somebody elsewhere who wrote, asked, edited, voted and liked; and what they voted in."""
    await factories.make_site(conn)
    owner, person = await make_person(conn), await make_remote_person(conn)
    community = await make_community(conn, owner)
    await join(conn, community, person)
    poll = await make_poll(conn, owner, community)
    await polls.receive_vote(conn, person, poll, "Plum", uri=None, now=tick())
    await reactions.react(conn, person, poll, "like", now=tick())
    own_poll = await make_poll(conn, person, community, votes=(1, 0, 0), voters=1)
    await polls.vote(conn, owner, own_poll, [0], now=tick())
    thread = await make_thread(conn, person, community)
    await editing.edit_post(conn, person, thread, make_draft("Edited"), now=tick())
    await reactions.react(conn, owner, thread, "like", now=tick())
    for _ in range(posts):
        await make_reply(conn, person, poll)
    return owner, person, community, poll


async def left_behind(conn: Connection, person: Actor) -> int:
    return int(await conn.fetchval(LEFT_BEHIND, person.id))


async def test_nothing_is_left_of_who_left(conn: Connection) -> None:
    _, person, _, poll = await make_life(conn)
    await departures.receive_departure(conn, person, tick())
    assert await left_behind(conn, person) == 0
    assert await departures.go_on(conn, now=tick()) == 0
    counted = await stored_polls.read_poll_unfiltered(conn, poll.id)
    assert counted is not None
    assert (counted.voters, [option.votes for option in counted.options]) == (0, [0, 0, 0])
    assert await polls.close_ended(conn, now=factories.far_future()) == 1


async def test_much_is_taken_out_in_parts_and_unseen_at_once(conn: Connection) -> None:
    _, person, community, _ = await make_life(conn, posts=departures.BATCH + 5)
    last = await make_thread(conn, person, community)
    await departures.receive_departure(conn, person, tick())
    assert await left_behind(conn, person) > 0
    assert await read_post(conn, NOBODY, last.id) is None
    gone = await read_unfiltered(conn, person.id)
    assert gone is not None
    assert gone.state == "gone"
    steps = []
    while done := await departures.go_on(conn, now=tick(), limit=4):
        assert done <= 4
        steps.append(done)
    assert len(steps) >= 2
    assert await left_behind(conn, person) == 0
    told = await conn.fetchval("select count(*) from events where kind = 'PostErased'")
    assert told == departures.BATCH + 5 + 3


async def test_to_leave_twice_is_to_leave_once(conn: Connection) -> None:
    _, person, _, _ = await make_life(conn)
    for _ in range(2):
        await departures.receive_departure(conn, person, tick())
    told = await conn.fetchval("select count(*) from events where kind = 'PostErased'")
    assert told == 3


async def test_a_part_that_fails_is_begun_again(database: Database) -> None:
    """Nothing is lost by a worker that dies between two parts, or in one."""
    async with database.write() as conn:
        _, person, _, _ = await make_life(conn, posts=departures.BATCH)
    async with database.write() as conn:
        await departures.receive_departure(conn, person, tick())
    async with database.read() as conn:
        before = await left_behind(conn, person)
        dying = conn.transaction()
        await dying.start()
        assert await departures.go_on(conn, now=tick(), limit=2) == 2
        await dying.rollback()
        assert await left_behind(conn, person) == before
    done = 1
    while done:
        async with database.write() as conn:
            done = await departures.go_on(conn, now=tick(), limit=2)
    async with database.read() as conn:
        assert before > await left_behind(conn, person) == 0


async def test_only_people_elsewhere_leave_like_this(conn: Connection) -> None:
    here = await make_person(conn)
    group = replace(await make_remote_person(conn), kind="community")
    for actor in (here, group):
        with pytest.raises(Invalid, match="not_elsewhere"):
            await departures.receive_departure(conn, actor, tick())
