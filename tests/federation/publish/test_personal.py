"""Votes and likes: to one server, in nobody's name but the person's, in no list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from federation.context import Federation
from federation.publish.personal import publish_reaction
from federation.publish.press import Press
from forum.editing import edit_post
from forum.events import Reacted
from forum.polls import vote
from forum.reactions import react, take_back
from forum.text import PollDraft
from forum.threads import Origin, erase_post, start_thread
from storage import activities
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection, Database
from storage.polls import read_poll_unfiltered
from storage.threads import Post
from tests.factories import (
    SITE,
    join,
    make_community,
    make_draft,
    make_person,
    make_remote_community,
    make_site,
    make_thread,
    tick,
)
from tests.federation.wire import (
    Queued,
    make_member_elsewhere,
    open_wire,
    publish_all,
    queued,
)

OPTIONS = ("Tea", "Coffee", "Neither")


@pytest.fixture
async def fed(database: Database) -> AsyncIterator[Federation]:
    async with open_wire(database) as opened:
        yield opened


async def make_question(
    conn: Connection, author: Actor, community: Community, *, is_many: bool = False
) -> Post:
    poll = PollDraft(OPTIONS, is_many=is_many, votes=(1, 0, 0), voters=1)
    uri = f"https://{author.host}/questions/{tick().timestamp()}"
    draft = replace(make_draft("Tea or coffee?"), type="Question", poll=poll)
    origin = Origin(uri, uri, tick(), f"{uri}/activity")
    return await start_thread(conn, SITE, author, community, draft, now=tick(), origin=origin)


async def make_open_place(conn: Connection) -> tuple[Community, Actor, Actor]:
    """A public community here with forums and microblogs, somebody elsewhere, a person of ours."""
    await make_site(conn)
    community = await make_community(conn)
    for host, software in (("forum.test", "piefed"), ("microblog.test", "mastodon")):
        await make_member_elsewhere(conn, community, host, software)
    author = await make_member_elsewhere(conn, community, "origin.test", "mastodon")
    person = await make_person(conn)
    await join(conn, community, person)
    return community, author, person


async def tell(fed: Federation) -> list[Queued]:
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
    await publish_all(fed)
    async with fed.database.read() as conn:
        return await queued(conn)


async def test_r54_a_vote_is_a_note_with_only_a_name_to_the_polls_author_alone(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_question(conn, author, community)
    await tell(fed)
    async with fed.database.write() as conn:
        await vote(conn, person, post, [1], now=tick())
    rows = await tell(fed)
    assert [(row.inbox, row.type, row.actor_id) for row in rows] == [
        (author.inbox, "Vote", person.id)
    ]
    create = rows[0].document
    note = create["object"]
    assert (create["type"], create["actor"]) == ("Create", person.uri)
    assert create["to"] == note["to"] == [author.uri]
    assert create["cc"] == note["cc"] == []
    assert note == {
        "id": note["id"],
        "type": "Note",
        "attributedTo": person.uri,
        "inReplyTo": post.uri,
        "name": "Coffee",
        "to": [author.uri],
        "cc": [],
    }
    assert note["id"].startswith(create["id"])
    assert b'"proof"' not in rows[0].body


async def test_r54_several_choices_are_several_votes(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_question(conn, author, community, is_many=True)
    await tell(fed)
    async with fed.database.write() as conn:
        await vote(conn, person, post, [0, 2], now=tick())
    rows = await tell(fed)
    assert [row.document["object"]["name"] for row in rows] == ["Tea", "Neither"]
    assert len({row.document["object"]["id"] for row in rows}) == 2
    assert {row.host for row in rows} == {"origin.test"}


async def test_a_vote_for_what_is_asked_no_more_is_not_told(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_question(conn, author, community)
        await vote(conn, person, post, [1], now=tick())
        poll = PollDraft(("Bread", "Cake"), votes=(0, 0), voters=0)
        draft = replace(make_draft("Bread or cake?"), type="Question", poll=poll)
        await edit_post(conn, author, post, draft, now=tick(), source_uri="https://origin.test/u")
    assert "Vote" not in {row.type for row in await tell(fed)}


async def test_a_vote_in_a_closed_community_goes_to_a_member_of_it_or_nowhere(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_community(conn, readers="members", hosts=("friend.test",))
        author = await make_member_elsewhere(conn, community, "friend.test", "dazzle")
        person = await make_person(conn)
        await join(conn, community, person)
        post = await make_question(conn, author, community)
        late = await make_question(conn, author, community)
    await tell(fed)
    async with fed.database.write() as conn:
        await vote(conn, person, post, [0], now=tick())
    rows = await tell(fed)
    assert [row.inbox for row in rows] == [author.inbox]
    assert b"#Public" not in rows[0].body
    async with fed.database.write() as conn:
        await vote(conn, person, late, [0], now=tick())
        await join(conn, community, author, state="left")
    assert await tell(fed) == []


async def test_a_vote_in_a_closed_community_elsewhere_goes_to_its_own_server_only(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_remote_community(conn, host="home.test", readers="members")
        person = await make_person(conn)
        await join(conn, community, person)
        near = await make_member_elsewhere(conn, community, "home.test", "dazzle")
        far = await make_member_elsewhere(conn, community, "third.test", "dazzle")
        polls = [await make_question(conn, author, community) for author in (near, far)]
        for post in polls:
            await vote(conn, person, post, [0], now=tick())
    assert [row.inbox for row in await tell(fed)] == [near.inbox]


async def test_r50_a_like_goes_to_the_community_that_keeps_the_post_and_is_never_public(
    fed,
) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_remote_community(conn, host="home.test")
        author = await make_member_elsewhere(conn, community, "third.test", "mastodon")
        person = await make_person(conn)
        await join(conn, community, person)
        post = await make_thread(conn, author, community)
        for kind, content in (("like", ""), ("emoji", "🦓")):
            await react(conn, person, post, kind, content, now=tick(), is_shared=True)
    rows = await tell(fed)
    assert {row.inbox for row in rows} == {community.inbox}
    like, emoji = (row.document for row in rows)
    assert (like["type"], like["actor"], like["object"]) == ("Like", person.uri, post.uri)
    assert (like["to"], like["cc"], like["audience"]) == ([community.uri], [], community.uri)
    assert (emoji["type"], emoji["content"]) == ("EmojiReact", "🦓")
    assert not any(b"#Public" in row.body for row in rows)


async def test_a_like_of_a_post_in_a_community_here_goes_to_its_author_elsewhere(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_thread(conn, author, community)
        own = await make_thread(conn, person, community)
    await tell(fed)
    async with fed.database.write() as conn:
        for liked in (post, own):
            await react(conn, person, liked, "dislike", now=tick(), is_shared=True)
    rows = await tell(fed)
    assert [(row.inbox, row.type) for row in rows] == [(author.inbox, "Dislike")]
    assert rows[0].document["to"] == [author.uri]


async def test_r50_an_undo_has_the_like_in_it_as_it_was(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_thread(conn, author, community)
    await tell(fed)
    sent = []
    for _ in range(2):
        async with fed.database.write() as conn:
            await react(conn, person, post, "like", now=tick(), is_shared=True)
        like = (await tell(fed))[0].document
        async with fed.database.write() as conn:
            assert await take_back(conn, person, post, "like", now=tick())
        undo = (await tell(fed))[0].document
        assert {**undo["object"], "@context": undo["@context"]} == like
        assert (undo["type"], undo["to"], undo["cc"]) == ("Undo", [author.uri], [])
        sent.append(like["id"])
    # Lemmy takes no id twice.
    assert len(set(sent)) == 2


async def test_what_was_not_shared_or_taken_back_at_once_is_never_told(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_thread(conn, author, community)
    await tell(fed)
    async with fed.database.write() as conn:
        await react(conn, person, post, "emoji", "🦓", now=tick())
        await react(conn, person, post, "like", now=tick(), is_shared=True)
        await take_back(conn, person, post, "like", now=tick())
    assert await tell(fed) == []
    async with fed.database.read() as conn:
        kinds = {row["type"] for row in await conn.fetch("select type from activities")}
    assert kinds == {"Announce Create", "Announce"}


async def test_a_like_that_is_being_taken_back_waits_for_nobody(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_thread(conn, author, community)
        await react(conn, person, post, "like", now=tick(), is_shared=True)
    await tell(fed)
    async with fed.database.write() as conn:
        await conn.execute("update reactions set uri = null")
    async with fed.database.write() as taker:
        await take_back(taker, person, post, "like", now=tick())
        async with fed.database.write() as conn:
            press = Press.open(conn, fed.site, fed.clock.now())
            await publish_reaction(press, Reacted(post.id, person.id, "like", "", None))
            await press.flush()
            assert await queued(conn) == await queued(taker)


async def test_a_like_from_elsewhere_is_passed_on_to_nobody(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        fan = await make_member_elsewhere(conn, community, "fan.test", "piefed")
        posts = [await make_thread(conn, one, community) for one in (author, person)]
    await tell(fed)
    async with fed.database.write() as conn:
        for number, post in enumerate(posts):
            uri = f"https://fan.test/likes/{number}"
            await react(conn, fan, post, "like", now=tick(), uri=uri, source_uri=uri)
            await take_back(conn, fan, post, "like", now=tick(), source_uri=f"{uri}/undo")
    assert await tell(fed) == []


async def test_votes_and_likes_are_emptied_with_the_post_and_cancelled(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_question(conn, author, community)
    await tell(fed)
    async with fed.database.write() as conn:
        await vote(conn, person, post, [1], now=tick())
        await react(conn, person, post, "like", now=tick(), is_shared=True)
    assert [row.type for row in await tell(fed)] == ["Vote", "Like"]
    async with fed.database.write() as conn:
        await erase_post(conn, author, post, now=tick())
        assert await queued(conn) == []
        assert await read_poll_unfiltered(conn, post.id) is None
        rows = await conn.fetch("select body from activities where type in ('Vote', 'Like')")
    assert [row["body"] for row in rows] == [b"", b""]


async def test_votes_and_likes_are_forgotten_once_they_have_arrived(fed) -> None:
    async with fed.database.write() as conn:
        community, author, person = await make_open_place(conn)
        post = await make_question(conn, author, community)
        await vote(conn, person, post, [1], now=tick())
        await react(conn, person, post, "like", now=tick(), is_shared=True)
    await publish_all(fed)
    async with fed.database.write() as conn:
        later = (await conn.fetchval("select now()")) + timedelta(days=1)
        await activities.drop_old(conn, later, 100)
        kept = {row["type"] for row in await conn.fetch("select type from activities")}
        assert {"Vote", "Like"} <= kept  # they still wait to be sent
        await conn.execute("delete from deliveries")
        await activities.drop_old(conn, later, 100)
        kept = {row["type"] for row in await conn.fetch("select type from activities")}
    assert kept == {"Announce Create", "Announce"}
