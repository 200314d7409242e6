"""Update: by whom a post is changed, and what becomes of an edit of what is not here yet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from federation import publish
from federation.multikey import to_multikey
from federation.proofs import sign_document
from forum.keypairs import make_keypair
from storage.actors import Actor
from storage.communities import Community, read_unfiltered
from storage.keys import ProofKey
from storage.polls import read_poll_unfiltered
from storage.threads import Post, read_by_uri_unfiltered
from tests.factories import join, make_community, make_person
from tests.federation.conftest import Here
from tests.federation.peer import AS2, PUBLIC, Peer

LATER = "2026-02-01T00:00:00Z"
EARLIER = "2026-01-01T00:00:00Z"


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


@pytest.fixture
async def community(here: Here, ada: Actor) -> Community:
    """A public one of this server that Ada is a member of."""
    async with here.database.write() as conn:
        made = await make_community(conn, site=here.site)
        await join(conn, made, ada)
    return made


@pytest.fixture
async def group(here: Here, peer: Peer) -> Community:
    """A community of the peer that a person here has joined."""
    actor = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        found = await read_unfiltered(conn, actor.id)
        assert found is not None
        await join(conn, found, await make_person(conn, site=here.site))
    return found


def note(peer: Peer, author: str, community: Community, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"{peer.origin}/notes/1",
        "type": "Note",
        "attributedTo": author,
        "to": [PUBLIC, community.uri],
        "name": "A first thread",
        "content": "<p>Hello</p>",
        **changed,
    }


def activity(kind: str, peer: Peer, inner: Any, number: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"{peer.origin}/{kind.lower()}s/{number}",
        "type": kind,
        "actor": inner["attributedTo"],
        "to": [PUBLIC],
        "object": inner,
        **changed,
    }


def announce(peer: Peer, group: Community, inner: Any, number: int = 1) -> dict[str, Any]:
    uri = f"{peer.origin}/announces/{number}"
    return {"id": uri, "type": "Announce", "actor": group.uri, "to": [PUBLIC], "object": inner}


async def stored(here: Here, peer: Peer) -> Post | None:
    async with here.database.read() as conn:
        return await read_by_uri_unfiltered(conn, f"{peer.origin}/notes/1")


async def words(here: Here, peer: Peer) -> str:
    post = await stored(here, peer)
    assert post is not None
    return post.html


async def test_r31_an_author_changes_a_post_and_its_old_words_are_kept(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    await here.receive(activity("Create", peer, note(peer, ada.uri, community)))
    edited = note(peer, ada.uri, community, content="<p>Hello you</p>", updated=LATER)
    assert await here.receive(activity("Update", peer, edited)) == ("done", "")
    assert await words(here, peer) == "<p>Hello you</p>"
    assert await here.fetch("select html from edits") == [("<p>Hello</p>",)]
    kind, payload = (await here.events())[-1]
    assert kind == "PostEdited"
    assert f"{peer.origin}/updates/1" in str(payload)


async def test_r31_nobody_else_changes_a_post(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    await here.receive(activity("Create", peer, note(peer, ada.uri, community)))
    bob = await here.actor(peer.actor("bob"))
    async with here.database.write() as conn:
        await join(conn, community, bob)
    for number, author in enumerate((ada.uri, bob.uri)):
        changed = note(peer, author, community, content="<p>Never said</p>", updated=LATER)
        told = activity("Update", peer, changed, number, actor=bob.uri)
        assert (await here.receive(told))[0] == "refused"
    assert await words(here, peer) == "<p>Hello</p>"
    assert await here.fetch("select 1 from edits") == []


async def test_an_older_edit_that_comes_later_changes_nothing(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    await here.receive(activity("Create", peer, note(peer, ada.uri, community)))
    for number, (text, at) in enumerate([("<p>New</p>", LATER), ("<p>Old</p>", EARLIER)]):
        edited = note(peer, ada.uri, community, content=text, updated=at)
        assert (await here.receive(activity("Update", peer, edited, number)))[0] == "done"
    assert await words(here, peer) == "<p>New</p>"


async def test_r44_an_edit_before_the_post_brings_the_post_once(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    edited = note(peer, ada.uri, community, content="<p>Hello you</p>", updated=LATER)
    peer.put("/notes/1", edited)
    assert await here.receive(activity("Update", peer, edited)) == ("done", "")
    assert (await here.receive(activity("Create", peer, note(peer, ada.uri, community))))[
        0
    ] == "done"
    assert await words(here, peer) == "<p>Hello you</p>"
    assert await here.fetch("select count(*) from posts") == [(1,)]


async def test_an_older_edit_changes_nothing_in_a_post_that_came_with_a_newer_one(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    newest = note(peer, ada.uri, community, content="<p>New</p>", updated=LATER)
    peer.put("/notes/1", newest)
    assert await here.receive(activity("Update", peer, newest)) == ("done", "")
    older = note(peer, ada.uri, community, content="<p>Old</p>", updated=EARLIER)
    assert (await here.receive(activity("Update", peer, older, 2)))[0] == "done"
    assert await words(here, peer) == "<p>New</p>"


async def test_r44_what_was_deleted_does_not_come_back_by_an_edit(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    gone = note(peer, ada.uri, community)
    delete = activity("Delete", peer, gone, object=gone["id"])
    await here.receive(delete)
    assert (await here.receive(activity("Update", peer, gone)))[0] == "refused"
    assert await stored(here, peer) is None


async def test_an_edit_never_makes_a_narrow_post_public(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    narrow = note(peer, ada.uri, community, to=[community.uri])
    await here.receive(activity("Create", peer, note(peer, ada.uri, community)))
    told = {**activity("Update", peer, {**narrow, "content": "<p>Private</p>"}), "to": []}
    assert (await here.receive(told))[0] == "refused"
    assert await words(here, peer) == "<p>Hello</p>"


async def test_an_edit_is_told_with_its_own_bytes(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community
):
    taker = await here.actor(other_peer.actor("bob"))
    async with here.database.write() as conn:
        await join(conn, community, taker)
    await here.receive(activity("Create", peer, note(peer, ada.uri, community)))
    edited = note(peer, ada.uri, community, content="<p>You</p>", updated=LATER, strange=[1.50])
    await here.receive(activity("Update", peer, edited))
    while await publish.step(here.fed):
        pass
    bodies = await here.fetch("select convert_from(body, 'UTF8') from activities order by id")
    assert any('"strange": [1.5]' in str(body) and "Announce" in str(body) for (body,) in bodies)


async def test_the_numbers_of_a_poll_elsewhere_come_without_an_edit(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    def question(*votes: int, **changed: Any) -> dict[str, Any]:
        options = [
            {"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": count}}
            for name, count in zip(("yes", "no"), votes, strict=True)
        ]
        return note(peer, ada.uri, community, type="Question", oneOf=options, **changed)

    await here.receive(activity("Create", peer, question(0, 0)))
    assert await here.receive(activity("Update", peer, question(3, 4, updated=LATER))) == (
        "done",
        "",
    )
    post = await stored(here, peer)
    assert post is not None
    async with here.database.read() as conn:
        poll = await read_poll_unfiltered(conn, post.id)
    assert poll is not None
    assert [option.votes for option in poll.options] == [3, 4]
    assert await here.fetch("select 1 from edits") == []


async def test_a_community_elsewhere_passes_on_an_edit_of_its_own_people(
    here: Here, peer: Peer, group: Community
):
    ada = peer.actor("ada")
    await here.receive(announce(peer, group, activity("Create", peer, note(peer, ada, group))))
    edited = note(peer, ada, group, content="<p>Hello you</p>", updated=LATER)
    told = announce(peer, group, activity("Update", peer, edited), 2)
    assert await here.receive(told) == ("done", "")
    assert await words(here, peer) == "<p>Hello you</p>"


async def test_r27_an_edit_of_a_third_server_is_asked_for_there(
    here: Here, peer: Peer, other_peer: Peer, group: Community
):
    bob = other_peer.actor("bob")
    said = note(other_peer, bob, group)
    other_peer.put("/notes/1", said)
    await here.receive(announce(peer, group, activity("Create", other_peer, said)))
    other_peer.put("/notes/1", {**said, "content": "<p>Really</p>", "updated": LATER})
    lie = {**said, "content": "<p>A lie</p>", "updated": LATER}
    await here.receive(announce(peer, group, activity("Update", other_peer, lie), 2))
    assert await words(here, other_peer) == "<p>Really</p>"


async def test_r27_a_proof_of_its_author_stands_for_asking(
    here: Here, peer: Peer, other_peer: Peer, group: Community
):
    pair = make_keypair()
    owner = f"{other_peer.origin}/actors/bob"
    key = ProofKey(f"{owner}#ed25519-key", pair.private_ed25519_pem)
    bob = other_peer.actor("bob", assertionMethod=[_multikey(owner, pair.public_ed25519_pem)])
    said = {"@context": AS2, **activity("Create", other_peer, note(other_peer, bob, group))}
    proved = sign_document(said, key, here.fed.clock.now())
    assert await here.receive(announce(peer, group, proved)) == ("done", "")
    assert await words(here, other_peer) == "<p>Hello</p>"
    assert other_peer.fetches("/notes/1") == 0


async def test_r29_a_proof_that_does_not_fit_is_no_proof(
    here: Here, peer: Peer, other_peer: Peer, group: Community
):
    pair = make_keypair()
    owner = f"{other_peer.origin}/actors/bob"
    key = ProofKey(f"{owner}#ed25519-key", pair.private_ed25519_pem)
    bob = other_peer.actor("bob", assertionMethod=[_multikey(owner, pair.public_ed25519_pem)])
    said = {"@context": AS2, **activity("Create", other_peer, note(other_peer, bob, group))}
    proved = sign_document(said, key, here.fed.clock.now())
    proved["object"] = {**proved["object"], "content": "<p>A lie</p>"}
    assert (await here.receive(announce(peer, group, proved)))[0] != "done"
    assert await stored(here, other_peer) is None


async def test_an_actor_that_says_it_changed_is_read_again(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    document = json.loads(peer.pages["/actors/ada"].body)
    peer.put("/actors/ada", {**document, "name": "Ada Lovelace"})
    told = {
        "id": f"{peer.origin}/updates/ada",
        "type": "Update",
        "actor": ada.uri,
        "object": {"id": ada.uri, "type": "Person", "inbox": f"{ada.uri}/inbox", "name": "Eve"},
    }
    assert await here.receive(told) == ("done", "")
    assert (await here.actor(ada.uri)).display_name == "Ada Lovelace"


async def test_hashtags_of_a_closed_community_are_dropped(here: Here, peer: Peer, ada: Actor):
    async with here.database.write() as conn:
        closed = await make_community(
            conn, site=here.site, readers="members", travels="named", hosts=(peer.host,)
        )
        await join(conn, closed, ada)
    tags = [
        {"type": "Hashtag", "name": "#zebra", "href": f"{peer.origin}/tags/zebra"},
        {"type": "Mention", "name": "@ada", "href": ada.uri},
    ]
    said = note(peer, ada.uri, closed, to=[closed.uri], tag=tags)
    assert await here.receive(activity("Create", peer, said, to=[closed.uri])) == ("done", "")
    post = await stored(here, peer)
    assert post is not None
    assert [tag["kind"] for tag in post.parts["tags"]] == ["mention"]


def _multikey(owner: str, pem: str) -> dict[str, str]:
    return {
        "id": f"{owner}#ed25519-key",
        "type": "Multikey",
        "controller": owner,
        "publicKeyMultibase": to_multikey(pem),
    }
