"""Likes, votes and their Undo from elsewhere: whose they are, where they count, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from storage.actors import Actor
from storage.communities import Community, read_unfiltered
from storage.threads import Post
from tests.factories import join, make_community, make_person, make_poll, make_thread
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer


@pytest.fixture
async def rosa(here: Here) -> Actor:
    async with here.database.write() as conn:
        return await make_person(conn, site=here.site)


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


@pytest.fixture
async def community(here: Here, ada: Actor, rosa: Actor) -> Community:
    async with here.database.write() as conn:
        made = await make_community(conn, rosa, site=here.site)
        await join(conn, made, ada)
    return made


@pytest.fixture
async def thread(here: Here, community: Community, rosa: Actor) -> Post:
    async with here.database.write() as conn:
        return await make_thread(conn, rosa, community, site=here.site)


def like(peer: Peer, actor: str, target: str, number: int = 1, **changed: Any) -> dict[str, Any]:
    uri = f"{peer.origin}/likes/{number}"
    return {"id": uri, "type": "Like", "actor": actor, "object": target, **changed}


def undo(peer: Peer, inner: Any, number: int = 1, actor: str = "") -> dict[str, Any]:
    uri = f"{peer.origin}/undos/{number}"
    actor = actor or inner["actor"]
    return {"id": uri, "type": "Undo", "actor": actor, "object": inner}


async def given(here: Here) -> list[tuple[object, ...]]:
    return await here.fetch("select kind, content from reactions order by kind, content")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ("like", "")),
        ({"type": "Dislike"}, ("dislike", "")),
        ({"content": "🦓"}, ("emoji", "🦓")),
        ({"type": "EmojiReact", "content": "🦓"}, ("emoji", "🦓")),
        ({"content": ":zebra:"}, ("emoji", ":zebra:")),
        ({"content": "Well said"}, ("like", "")),
    ],
)
async def test_a_members_reaction_counts_once(
    here: Here,
    peer: Peer,
    ada: Actor,
    thread: Post,
    changed: dict[str, Any],
    expected: tuple[str, str],
):
    for _ in range(2):
        assert await here.receive(like(peer, ada.uri, thread.uri, **changed)) == ("done", "")
    assert await given(here) == [expected]


@pytest.mark.parametrize("shape", ["whole", "id"])
async def test_a_reaction_is_undone_whole_or_by_its_id(
    here: Here, peer: Peer, ada: Actor, thread: Post, shape: str
):
    told = like(peer, ada.uri, thread.uri)
    await here.receive(told)
    inner = told if shape == "whole" else told["id"]
    assert await here.receive(undo(peer, inner, actor=ada.uri)) == ("done", "")
    assert await given(here) == []


@pytest.mark.parametrize("shape", ["whole", "id"])
async def test_r31_nobody_undoes_the_reaction_of_another(
    here: Here, peer: Peer, ada: Actor, community: Community, thread: Post, shape: str
):
    bob = await here.actor(peer.actor("bob"))
    async with here.database.write() as conn:
        await join(conn, community, bob)
    told = like(peer, ada.uri, thread.uri)
    await here.receive(told)
    inner = told if shape == "whole" else told["id"]
    assert (await here.receive(undo(peer, inner, actor=bob.uri)))[0] == "refused"
    assert await given(here) == [("like", "")]


async def test_an_undo_that_overtakes_its_like_wins(
    here: Here, peer: Peer, ada: Actor, thread: Post
):
    told = like(peer, ada.uri, thread.uri)
    await here.receive(undo(peer, told))
    await here.receive(told)
    assert await given(here) == []
    await here.receive(like(peer, ada.uri, thread.uri, 2))
    assert await given(here) == [("like", "")]


async def test_who_is_no_member_reacts_to_nothing(here: Here, peer: Peer, thread: Post):
    stranger = peer.actor("eve")
    assert (await here.receive(like(peer, stranger, thread.uri)))[0] == "refused"
    assert await given(here) == []


async def test_a_closed_thread_is_not_found_by_who_likes_it(
    here: Here, peer: Peer, ada: Actor, rosa: Actor
):
    async with here.database.write() as conn:
        closed = await make_community(conn, rosa, site=here.site, readers="members")
        hidden = await make_thread(conn, rosa, closed, site=here.site)
    assert await here.receive(like(peer, ada.uri, hidden.uri)) == ("refused", "not_found")
    unknown = f"{here.site.origin}/ap/posts/1"
    assert await here.receive(like(peer, ada.uri, unknown, 2)) == ("refused", "not_found")


def vote(peer: Peer, actor: str, poll: Post, *names: str) -> dict[str, Any]:
    notes = [
        {
            "id": f"{peer.origin}/votes/{name}",
            "type": "Note",
            "attributedTo": actor,
            "to": [poll.uri],
            "inReplyTo": poll.uri,
            "name": name,
        }
        for name in names
    ]
    return {
        "id": f"{peer.origin}/votings/{'-'.join(names)}",
        "type": "Create",
        "actor": actor,
        "to": [poll.uri],
        "object": notes if len(notes) > 1 else notes[0],
    }


async def votes(here: Here) -> dict[object, object]:
    return dict(await here.fetch("select name, votes from poll_options"))  # type: ignore[arg-type]


async def test_r54_a_vote_counts_once_and_a_second_choice_does_not(
    here: Here, peer: Peer, ada: Actor, community: Community, rosa: Actor
):
    async with here.database.write() as conn:
        poll = await make_poll(conn, rosa, community)
    assert await here.receive(vote(peer, ada.uri, poll, "Pear")) == ("done", "")
    assert (await here.receive(vote(peer, ada.uri, poll, "Plum")))[0] == "refused"
    assert await votes(here) == {"Apple": 0, "Pear": 1, "Plum": 0}
    assert await here.fetch("select count(*) from posts") == [(1,)]


async def test_several_choices_may_come_at_once(
    here: Here, peer: Peer, ada: Actor, community: Community, rosa: Actor
):
    async with here.database.write() as conn:
        poll = await make_poll(conn, rosa, community, is_many=True)
    assert await here.receive(vote(peer, ada.uri, poll, "Pear", "Plum")) == ("done", "")
    assert await votes(here) == {"Apple": 0, "Pear": 1, "Plum": 1}
    assert await here.fetch("select voters from polls") == [(1,)]


async def test_nobody_votes_for_another(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community, rosa: Actor
):
    async with here.database.write() as conn:
        poll = await make_poll(conn, rosa, community)
    told = vote(peer, ada.uri, poll, "Pear")
    told["object"]["attributedTo"] = other_peer.actor("bob")
    assert (await here.receive(told))[0] == "refused"
    assert await votes(here) == {"Apple": 0, "Pear": 0, "Plum": 0}


async def test_piefeds_own_vote_counts_too(
    here: Here, peer: Peer, ada: Actor, community: Community, rosa: Actor
):
    async with here.database.write() as conn:
        poll = await make_poll(conn, rosa, community)
    told = {
        "id": f"{peer.origin}/votings/1",
        "type": "PollVote",
        "actor": ada.uri,
        "object": poll.uri,
        "choice_text": "Pear",
    }
    assert await here.receive(told) == ("done", "")
    assert (await votes(here))["Pear"] == 1


@pytest.fixture
async def group(here: Here, peer: Peer, rosa: Actor) -> Community:
    """A community of the peer that Rosa has joined."""
    actor = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        found = await read_unfiltered(conn, actor.id)
        assert found is not None
        await join(conn, found, rosa)
    return found


def announce(peer: Peer, group: Community, inner: Any, number: int = 1) -> dict[str, Any]:
    uri = f"{peer.origin}/announces/{number}"
    return {"id": uri, "type": "Announce", "actor": group.uri, "to": [PUBLIC], "object": inner}


async def test_r41_a_community_speaks_for_its_own_people_only(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, group: Community, rosa: Actor
):
    async with here.database.write() as conn:
        thread = await make_thread(conn, rosa, group, site=here.site)
    told = like(peer, ada.uri, thread.uri)
    assert await here.receive(announce(peer, group, told)) == ("done", "")
    bob = other_peer.actor("bob")
    invented = like(other_peer, bob, thread.uri)
    assert await here.receive(announce(peer, group, invented, 2)) == ("refused", "not_proved")
    assert await given(here) == [("like", "")]
    assert await here.receive(announce(peer, group, undo(peer, told), 3)) == ("done", "")
    assert await given(here) == []


async def test_piefeds_own_vote_is_told_by_its_community_too(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, group: Community, rosa: Actor
):
    async with here.database.write() as conn:
        poll = await make_poll(conn, rosa, group)
    vote = like(peer, ada.uri, poll.uri, type="PollVote", choice_text="Pear")
    assert await here.receive(announce(peer, group, vote)) == ("done", "")
    assert (await votes(here))["Pear"] == 1
    bob = other_peer.actor("bob")
    invented = like(other_peer, bob, poll.uri, type="PollVote", choice_text="Pear")
    assert await here.receive(announce(peer, group, invented, 2)) == ("refused", "not_proved")
    assert (await votes(here))["Pear"] == 1


async def test_of_many_votes_together_those_count_that_can_be_believed(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, group: Community, rosa: Actor
):
    async with here.database.write() as conn:
        thread = await make_thread(conn, rosa, group, site=here.site)
    both = [
        like(peer, ada.uri, thread.uri),
        like(other_peer, other_peer.actor("bob"), thread.uri),
    ]
    batch = {"type": "OrderedCollection", "orderedItems": both}
    assert await here.receive(announce(peer, group, batch)) == ("done", "")
    assert await here.fetch("select actor_id from reactions") == [(ada.id,)]


async def test_a_voter_who_cannot_be_found_spoils_no_others_votes(
    here: Here, peer: Peer, ada: Actor, group: Community, rosa: Actor
):
    async with here.database.write() as conn:
        thread = await make_thread(conn, rosa, group, site=here.site)
    votes_told = [
        like(peer, f"{peer.origin}/actors/nobody", thread.uri, 2),
        like(peer, ada.uri, thread.uri),
    ]
    batch = {"type": "OrderedCollection", "orderedItems": votes_told}
    assert await here.receive(announce(peer, group, batch)) == ("done", "")
    assert await here.fetch("select actor_id from reactions") == [(ada.id,)]


async def test_r31_who_borrows_the_id_of_a_like_does_not_keep_it_from_being_undone(
    here: Here,
    peer: Peer,
    other_peer: Peer,
    ada: Actor,
    community: Community,
    thread: Post,
    rosa: Actor,
):
    told = like(peer, ada.uri, thread.uri)
    await here.receive(told)
    group = await here.actor(other_peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        found = await read_unfiltered(conn, group.id)
        assert found is not None
        await join(conn, found, rosa)
        other = await make_thread(conn, rosa, found, site=here.site)
    borrowed = {**like(other_peer, other_peer.actor("eve"), other.uri), "id": told["id"]}
    assert await here.receive(announce(other_peer, found, borrowed)) == ("done", "")
    assert await here.receive(undo(peer, told["id"], actor=ada.uri)) == ("done", "")
    assert await here.fetch("select 1 from reactions where actor_id = $1", ada.id) == []
