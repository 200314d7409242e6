"""What a community elsewhere tells its members' servers: believed only from its own origin."""

from __future__ import annotations

from typing import Any

import pytest

from storage.actors import Actor
from storage.communities import Community, read_unfiltered
from storage.threads import Post, read_by_uri_unfiltered
from tests.factories import join, make_person, make_thread
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer, post_signed


@pytest.fixture
async def person(here: Here) -> Actor:
    async with here.database.write() as conn:
        return await make_person(conn, site=here.site)


@pytest.fixture
async def community(here: Here, peer: Peer, person: Actor) -> Community:
    """A community of the peer that a person here has joined."""
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        found = await read_unfiltered(conn, group.id)
        assert found is not None
        await join(conn, found, person)
    return found


def note(origin: Peer, actor: str, community: Community, number: int = 1, **changed: Any) -> Any:
    return {
        "id": f"{origin.origin}/notes/{number}",
        "type": "Note",
        "attributedTo": actor,
        "to": [PUBLIC, community.uri],
        "name": "A first thread",
        "content": "<p>Hello</p>",
        **changed,
    }


def create(inner: Any) -> dict[str, Any]:
    return {
        "id": f"{inner['id']}/create",
        "type": "Create",
        "actor": inner["attributedTo"],
        "to": inner["to"],
        "object": inner,
    }


def announce(peer: Peer, community: Community, inner: Any, number: int = 1) -> dict[str, Any]:
    return {
        "id": f"{peer.origin}/announces/{number}",
        "type": "Announce",
        "actor": community.uri,
        "to": [PUBLIC],
        "object": inner,
    }


async def stored(here: Here, uri: str) -> Post | None:
    async with here.database.read() as conn:
        return await read_by_uri_unfiltered(conn, uri)


async def test_a_post_of_the_communitys_own_server_is_taken_from_the_announce(
    here: Here, peer: Peer, community: Community
):
    inner = note(peer, peer.actor("ada"), community)
    assert await here.receive(announce(peer, community, create(inner))) == ("done", "")
    post = await stored(here, inner["id"])
    assert post is not None
    assert (post.title, post.community_id, post.html) == (
        "A first thread",
        community.id,
        "<p>Hello</p>",
    )
    assert peer.fetches("/notes/1") == 0


async def test_r27_a_post_of_a_third_server_is_asked_for_there(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    bob = other_peer.actor("bob")
    other_peer.put("/notes/1", note(other_peer, bob, community, content="<p>What I said</p>"))
    told = note(other_peer, bob, community, content="<p>What they say I said</p>")
    assert await here.receive(announce(peer, community, create(told))) == ("done", "")
    post = await stored(here, told["id"])
    assert post is not None
    assert post.html == "<p>What I said</p>"
    assert other_peer.fetches("/notes/1") == 1


async def test_what_its_origin_does_not_know_is_not_believed(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    told = note(other_peer, other_peer.actor("bob"), community)
    state, _ = await here.receive(announce(peer, community, create(told)))
    assert state != "done"
    assert await stored(here, told["id"]) is None


async def test_an_author_elsewhere_than_the_post_is_not_believed(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    told = note(peer, other_peer.actor("bob"), community)
    assert (await here.receive(announce(peer, community, create(told))))[0] == "refused"


@pytest.mark.parametrize("shape", ["object", "id", "create by id"])
async def test_r42_a_bare_post_is_taken_once_beside_the_wrapped_one(
    here: Here, peer: Peer, community: Community, shape: str
):
    inner = note(peer, peer.actor("ada"), community)
    peer.put("/notes/1", inner)
    peer.put("/notes/1/create", create(inner))
    bare = {"object": inner, "id": inner["id"], "create by id": f"{inner['id']}/create"}[shape]
    assert await here.receive(announce(peer, community, bare)) == ("done", "")
    assert await here.receive(announce(peer, community, create(inner), 2)) == ("done", "")
    assert len(await here.fetch("select id from posts")) == 1


async def test_thread_and_reply_that_come_together_need_no_fetch(
    here: Here, peer: Peer, community: Community
):
    ada = peer.actor("ada")
    thread = note(peer, ada, community)
    reply = note(peer, ada, community, 2, inReplyTo=thread["id"], name=None)
    await here.receive(announce(peer, community, create(thread), 1))
    await here.receive(announce(peer, community, create(reply), 2))
    post = await stored(here, reply["id"])
    assert post is not None
    assert post.kind == "reply"


async def test_who_joins_in_mid_thread_gets_what_is_above(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    ada, bob = peer.actor("ada"), other_peer.actor("bob")
    thread = note(peer, ada, community)
    peer.put("/notes/1", thread)
    middle = note(other_peer, bob, community, 2, inReplyTo=thread["id"], name=None)
    other_peer.put("/notes/2", middle)
    reply = note(peer, ada, community, 3, inReplyTo=middle["id"], name=None)
    assert await here.receive(announce(peer, community, create(reply))) == ("done", "")
    rows = await here.fetch("select uri, cardinality(path) from posts order by path")
    assert rows == [(thread["id"], 1), (middle["id"], 2), (reply["id"], 3)]


async def test_r28_a_circle_of_replies_ends(here: Here, peer: Peer, community: Community):
    ada = peer.actor("ada")
    for number, parent in ((1, 2), (2, 1)):
        uri = f"{peer.origin}/notes/{parent}"
        peer.put(f"/notes/{number}", note(peer, ada, community, number, inReplyTo=uri))
    state, reason = await here.receive(announce(peer, community, f"{peer.origin}/notes/1"))
    assert (state, reason) == ("refused", "circle")


async def test_r28_one_activity_makes_us_ask_twenty_times_at_most(
    here: Here, peer: Peer, community: Community
):
    ada = peer.actor("ada")
    for number in range(60):
        uri = f"{peer.origin}/notes/{number + 1}"
        peer.put(f"/notes/{number}", note(peer, ada, community, number, inReplyTo=uri))
    peer.asked.clear()
    state, reason = await here.receive(announce(peer, community, f"{peer.origin}/notes/0"))
    assert (state, reason) == ("refused", "too_many_fetches")
    assert sum(asked.method == "GET" for asked in peer.asked) <= 20


async def test_a_post_that_does_not_name_the_community_is_not_put_into_it(
    here: Here, peer: Peer, community: Community
):
    inner = note(peer, peer.actor("ada"), community, to=[PUBLIC])
    state, reason = await here.receive(announce(peer, community, create(inner)))
    assert (state, reason) == ("refused", "other_community")


async def test_a_community_cannot_claim_a_third_servers_post_for_itself(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    """Its own server knows for which community it was written, and that it is not for everybody."""
    bob = other_peer.actor("bob")
    closed = other_peer.actor("closed", kind="Group")
    inner = note(other_peer, bob, community, to=[closed, f"{closed}/followers"])
    other_peer.put("/notes/1", inner)
    claim = {**create(inner), "to": [PUBLIC, community.uri]}
    state, reason = await here.receive(announce(peer, community, claim))
    assert (state, reason) == ("refused", "other_community")


async def test_r60_a_public_community_shows_nobody_what_was_not_public(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    thread = note(peer, peer.actor("ada"), community)
    await here.receive(announce(peer, community, create(thread), 1))
    reply = note(other_peer, other_peer.actor("bob"), community, 2, inReplyTo=thread["id"])
    reply["to"] = [community.uri]
    other_peer.put("/notes/2", reply)
    claim = {**create(reply), "to": [PUBLIC]}
    state, reason = await here.receive(announce(peer, community, claim, 2))
    assert (state, reason) == ("refused", "narrower_than_community")


async def test_a_reply_without_the_communitys_name_is_placed_by_what_it_answers(
    here: Here, peer: Peer, other_peer: Peer, community: Community
):
    thread = note(peer, peer.actor("ada"), community)
    await here.receive(announce(peer, community, create(thread), 1))
    bob = other_peer.actor("bob")
    reply = note(other_peer, bob, community, 2, to=[PUBLIC], inReplyTo=thread["id"])
    other_peer.put("/notes/2", reply)
    assert await here.receive(announce(peer, community, create(reply), 2)) == ("done", "")


async def test_r41_another_group_cannot_put_a_post_into_the_community(
    here: Here, peer: Peer, community: Community, person: Actor
):
    second = await here.actor(peer.actor("second", kind="Group"))
    async with here.database.write() as conn:
        other = await read_unfiltered(conn, second.id)
        assert other is not None
        await join(conn, other, person)
    thread = note(peer, peer.actor("ada"), community)
    await here.receive(announce(peer, community, create(thread), 1))
    reply = note(peer, peer.actor("ada"), community, 2, inReplyTo=thread["id"])
    state, reason = await here.receive(announce(peer, other, create(reply), 2))
    assert (state, reason) == ("refused", "other_community")


async def test_nothing_is_taken_from_a_community_that_nobody_here_joined(here: Here, peer: Peer):
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.read() as conn:
        found = await read_unfiltered(conn, group.id)
    assert found is not None
    inner = note(peer, peer.actor("ada"), found)
    state, reason = await here.receive(announce(peer, found, create(inner)))
    assert (state, reason) == ("refused", "nobody_here_reads")


async def test_a_person_who_boosts_changes_nothing(here: Here, peer: Peer, community: Community):
    inner = note(peer, peer.actor("ada"), community)
    boost = {**announce(peer, community, create(inner)), "actor": peer.actor("bob")}
    assert (await here.receive(boost))[0] == "refused"


async def test_our_own_members_post_comes_back_without_effect(
    here: Here, peer: Peer, community: Community, person: Actor
):
    async with here.database.write() as conn:
        thread = await make_thread(conn, person, community, site=here.site)
    told = {**note(peer, person.uri, community), "id": thread.uri, "content": "<p>Changed</p>"}
    assert await here.receive(announce(peer, community, create(told))) == ("done", "")
    post = await stored(here, thread.uri)
    assert post is not None
    assert post.html == thread.html
    invented = {**told, "id": f"{here.site.origin}/ap/posts/77"}
    assert (await here.receive(announce(peer, community, create(invented), 2)))[0] == "refused"


def deletion(actor: str, target: str, **changed: Any) -> dict[str, Any]:
    return {"id": f"{target}#delete", "type": "Delete", "actor": actor, "object": target, **changed}


async def _post_of_ada(here: Here, peer: Peer, community: Community) -> tuple[str, str]:
    ada = peer.actor("ada")
    inner = note(peer, ada, community)
    await here.receive(announce(peer, community, create(inner), 1))
    return ada, inner["id"]


@pytest.mark.parametrize("is_repeated", [True, False])
async def test_an_authors_deletion_passed_on_empties_the_post(
    here: Here, peer: Peer, community: Community, is_repeated: bool
):
    ada, uri = await _post_of_ada(here, peer, community)
    told = deletion(ada, uri)
    if is_repeated:
        told["object"] = {**note(peer, ada, community), "content": "<p>Secret</p>"}
    assert await here.receive(announce(peer, community, told, 2)) == ("done", "")
    post = await stored(here, uri)
    assert post is not None
    assert (post.state, post.html) == ("erased", "")
    assert await here.fetch("select body from inbox where post_id is not null") == [(b"",)]
    assert await here.fetch("select 1 from inbox where body like '%Secret%'") == []


async def test_pat05_a_deletion_is_obeyed_when_everybody_here_has_left(
    here: Here, peer: Peer, community: Community, person: Actor
):
    """Nobody here hears of new posts then, but what is here still goes when its author says so."""
    ada = peer.actor("ada")
    first, second = (note(peer, ada, community, number) for number in (1, 2))
    await here.receive(announce(peer, community, create(first)))
    async with here.database.write() as conn:
        await conn.execute("update memberships set state = 'left' where actor_id = $1", person.id)
    told = announce(peer, community, deletion(ada, first["id"]), 2)
    assert await here.receive(told) == ("done", "")
    assert (await stored(here, first["id"])).state == "erased"
    told = announce(peer, community, deletion(ada, second["id"]) | {"id": f"{ada}/d2"}, 3)
    assert await here.receive(told) == ("refused", "nobody_here_reads")


async def test_r48_a_moderators_removal_hides_it_with_its_reason(
    here: Here, peer: Peer, community: Community
):
    _, uri = await _post_of_ada(here, peer, community)
    removal = deletion(peer.actor("mod"), uri, summary="Not kind")
    assert await here.receive(announce(peer, community, removal, 2)) == ("done", "")
    post = await stored(here, uri)
    assert post is not None
    assert post.state == "removed"
    assert await here.fetch("select action, reason from modlog where action = 'remove_post'") == [
        ("remove_post", "Not kind")
    ]


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_third_servers_author_is_asked_before_the_post_is_emptied(
    here: Here, peer: Peer, other_peer: Peer, community: Community, is_gone: bool
):
    bob = other_peer.actor("bob")
    inner = note(other_peer, bob, community)
    other_peer.put("/notes/1", inner)
    await here.receive(announce(peer, community, create(inner), 1))
    if is_gone:
        other_peer.put("/notes/1", {"id": inner["id"], "type": "Tombstone"}, status=410)
    await here.receive(announce(peer, community, deletion(bob, inner["id"]), 2))
    post = await stored(here, inner["id"])
    assert post is not None
    assert post.state == ("erased" if is_gone else "removed")


async def test_our_own_members_post_can_be_hidden_and_not_emptied_from_there(
    here: Here, peer: Peer, community: Community, person: Actor
):
    async with here.database.write() as conn:
        thread = await make_thread(conn, person, community, site=here.site)
    await here.receive(announce(peer, community, deletion(person.uri, thread.uri), 2))
    post = await stored(here, thread.uri)
    assert post is not None
    assert (post.state, post.title) == ("removed", thread.title)


async def test_a_deletion_that_comes_first_keeps_the_post_away(
    here: Here, peer: Peer, community: Community
):
    ada = peer.actor("ada")
    inner = note(peer, ada, community)
    await here.receive(announce(peer, community, deletion(ada, inner["id"]), 1))
    state, reason = await here.receive(announce(peer, community, create(inner), 2))
    assert (state, reason) == ("refused", "erased")


@pytest.mark.parametrize("together", [True, False])
async def test_words_that_come_again_after_their_deletion_are_not_kept(
    here: Here, peer: Peer, community: Community, together: bool
):
    ada, uri = await _post_of_ada(here, peer, community)
    again = announce(peer, community, create(note(peer, ada, community)), 3)
    await post_signed(here.inbox, announce(peer, community, deletion(ada, uri), 2))
    if not together:
        await here.work()
    await post_signed(here.inbox, again)
    await here.work()
    bodies = await here.fetch("select body from inbox")
    assert not any(b"Hello" in body for (body,) in bodies)


async def test_a_community_keeps_no_place_at_an_address_of_a_third_server_that_has_nothing_there(
    here: Here, peer: Peer, other_peer: Peer, community: Community, person: Actor
):
    other = await here.actor(other_peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        found = await read_unfiltered(conn, other.id)
        assert found is not None
        await join(conn, found, person)
    upcoming = note(other_peer, other_peer.actor("bob"), found, 9)
    early = note(peer, peer.actor("ada"), community, inReplyTo=upcoming["id"], name=None)
    await here.receive(announce(peer, community, create(early)))
    for _ in range(4):
        await here.fetch("update inbox set due_at = now() where state = 'waiting'")
        await here.work()
    assert await stored(here, upcoming["id"]) is None
    assert await here.receive(announce(other_peer, found, create(upcoming), 2)) == ("done", "")
    post = await stored(here, upcoming["id"])
    assert post is not None
    assert post.community_id == found.id
