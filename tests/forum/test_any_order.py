"""Whatever happens in whatever order: numbers are those of the rows, and history replays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forum import departures, editing, polls, reactions, threads
from forum.errors import ForumError
from forum.text import PollDraft
from storage import edits
from storage import reactions as stored_reactions
from storage.actors import Actor
from storage.audience import NOBODY
from storage.db import Connection
from storage.threads import read_page_version, read_unfiltered
from tests import factories
from tests.factories import (
    far_future,
    join,
    make_community,
    make_draft,
    make_person,
    make_poll,
    make_remote_person,
    make_thread,
    tick,
)

QUESTIONS = (("Apple", "Pear", "Plum"), ("Nut", "Pear"))

# One transaction of the test's own around each example, so that they share nothing.
many_times = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

PEOPLE = st.integers(0, 3)
poll_steps = st.one_of(
    st.tuples(st.just("vote"), PEOPLE, st.lists(st.integers(0, 2), max_size=3)),
    st.tuples(st.just("receive"), PEOPLE, st.sampled_from(["Apple", "Pear", "Plum", "Nut"])),
    st.tuples(st.just("edit"), st.just(0), st.sampled_from(QUESTIONS)),
    st.tuples(st.just("leave"), PEOPLE, st.none()),
    st.tuples(st.just("close"), st.just(0), st.none()),
    st.tuples(st.just("erase"), st.just(0), st.none()),
)

RECOUNT = """
select coalesce(q.voters, 0) = (
    select count(distinct v.actor_id) from poll_votes v where v.post_id = p.id)
  and not exists (
    select 1 from poll_options o
    where o.post_id = p.id and o.votes <> (
      select count(*) from poll_votes v where v.post_id = p.id and v.position = o.position))
  and (q.is_many or q.post_id is null or not exists (
    select 1 from poll_votes v where v.post_id = p.id group by v.actor_id having count(*) > 1))
  and (q.post_id is not null or not exists (
    select 1 from poll_votes v where v.post_id = p.id))
from posts p
left join polls q on q.post_id = p.id
where p.id = $1
"""


@asynccontextmanager
async def example(conn: Connection) -> AsyncIterator[None]:
    transaction = conn.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def make_people(conn: Connection) -> tuple[Actor, list[Actor]]:
    """An author, and two members here and two elsewhere."""
    await factories.make_site(conn)
    people = [await make_person(conn), await make_person(conn)]
    people += [await make_remote_person(conn), await make_remote_person(conn)]
    return await make_person(conn), people


@many_times
@given(is_many=st.booleans(), steps=st.lists(poll_steps, max_size=25))
async def test_the_numbers_of_a_poll_are_always_those_of_its_votes(
    is_many: bool, steps: list[tuple[str, int, object]], conn: Connection
) -> None:
    async with example(conn):
        author, people = await make_people(conn)
        community = await make_community(conn, author)
        for person in people:
            await join(conn, community, person)
        post = await make_poll(conn, author, community, is_many=is_many)
        for name, number, what in steps:
            person, now = people[number], tick()
            with suppress(ForumError):
                async with conn.transaction():
                    if name == "vote":
                        await polls.vote(conn, person, post, what, now=now)  # type: ignore[arg-type]
                    elif name == "receive":
                        await polls.receive_vote(conn, person, post, str(what), uri=None, now=now)
                    elif name == "edit":
                        poll = PollDraft(what, is_many, far_future())  # type: ignore[arg-type]
                        draft = replace(make_draft("Which one?"), poll=poll)
                        await editing.edit_post(conn, author, post, draft, now=now)
                    elif name == "leave":
                        await departures.receive_departure(conn, person, now)
                    elif name == "close":
                        await polls.close_ended(conn, now=now + timedelta(minutes=2))
                    else:
                        await threads.erase_post(conn, author, post, now=now)
            assert await conn.fetchval(RECOUNT, post.id), (name, number, what)


words = st.sampled_from(["one", "two", "three"])
edit_steps = st.tuples(words, words, st.booleans(), st.integers(-2, 3))


@many_times
@given(steps=st.lists(edit_steps, max_size=12))
async def test_the_history_and_the_post_together_replay_every_edit(
    steps: list[tuple[str, str, bool, int]], conn: Connection
) -> None:
    async with example(conn):
        await factories.make_site(conn)
        author = await make_remote_person(conn)
        community = await make_community(conn)
        await join(conn, community, author)
        post = await make_thread(conn, author, community, title="start", text="start")
        start = tick()
        said = [("start", "start", False)]
        at = start
        told = 0
        for title, text, sensitive, seconds in steps:
            changed_at = start + timedelta(seconds=seconds)
            draft = replace(make_draft(title, text), sensitive=sensitive)
            now = start + timedelta(hours=1)
            await editing.edit_post(conn, author, post, draft, now=now, at=changed_at)
            is_stale = len(said) > 1 and changed_at < at
            if not is_stale and (title, text, sensitive) != said[-1]:
                said.append((title, text, sensitive))
                at = changed_at
                told += 1
        row = await read_unfiltered(conn, post.id)
        assert row is not None
        history = await edits.list_edits(conn, NOBODY, post.id, 100)
        replayed = [(edit.title, edit.source, edit.sensitive) for edit in reversed(history)]
        assert [*replayed, (row.title, row.source, row.sensitive)] == said
        assert row.edited_at == (at if told else None)
        assert row.version == post.version + told
        events = await conn.fetchval("select count(*) from events where kind = 'PostEdited'")
        assert events == told


EMOJIS = ["\N{ZEBRA FACE}", ":blobcat:"]
reaction_kinds = st.sampled_from([("like", ""), ("dislike", ""), *(("emoji", e) for e in EMOJIS)])
reaction_steps = st.tuples(st.sampled_from(["react", "take", "leave"]), PEOPLE, reaction_kinds)
COUNTS = "select kind, count(*) from reactions where post_id = $1 group by kind"


@many_times
@given(steps=st.lists(reaction_steps, max_size=25))
async def test_reactions_are_what_was_given_and_not_taken_back(
    steps: list[tuple[str, int, tuple[str, str]]], conn: Connection
) -> None:
    async with example(conn):
        author, people = await make_people(conn)
        community = await make_community(conn, author)
        for person in people:
            await join(conn, community, person)
        post = await make_thread(conn, author, community)
        given_by: dict[int, set[tuple[str, str]]] = {number: set() for number in range(4)}
        gone: set[int] = set()
        for name, number, (kind, content) in steps:
            mine, is_new = given_by[number], (kind, content) not in given_by[number]
            person, now = people[number], tick()
            if name == "react" and number not in gone:
                done = await reactions.react(conn, person, post, kind, content, now=now)
                assert done == is_new
                mine -= {("like", ""), ("dislike", "")} if kind != "emoji" else set()
                mine.add((kind, content))
            elif name == "take":
                done = await reactions.take_back(conn, person, post, kind, content, now=now)
                assert done != is_new
                mine.discard((kind, content))
            elif name == "leave" and not person.is_local:
                await departures.receive_departure(conn, person, now)
                given_by[number], people[number] = set(), replace(person, state="gone")
                gone.add(number)
        counted = {row["kind"]: row["count"] for row in await conn.fetch(COUNTS, post.id)}
        expected = [kind for mine in given_by.values() for kind, _ in mine]
        assert counted == {kind: expected.count(kind) for kind in set(expected)}


@many_times
@given(numbers=st.lists(st.integers(0, 12), max_size=40))
async def test_a_page_changes_exactly_when_what_it_shows_of_reactions_does(
    numbers: list[int], conn: Connection
) -> None:
    async with example(conn):
        author = await make_person(conn)
        community = await make_community(conn, author)
        people = [await make_person(conn) for _ in range(13)]
        for person in people:
            await join(conn, community, person)
        post = await make_thread(conn, author, community)
        shown = await stored_reactions.count_bands(conn, NOBODY, post.id)
        version = await read_page_version(conn, post.id)
        for number in numbers:
            person = people[number]
            if not await reactions.react(conn, person, post, "like", now=tick()):
                await reactions.take_back(conn, person, post, "like", now=tick())
            bands = await stored_reactions.count_bands(conn, NOBODY, post.id)
            after = await read_page_version(conn, post.id)
            assert (after != version) == (bands != shown)
            shown, version = bands, after
