"""Follow, Undo, Accept and Reject between two servers."""

from __future__ import annotations

from typing import Any

import pytest

from forum.membership import ask_to_join
from forum.ports import SystemClock
from forum.subscriptions import make_reader, subscribe
from storage.actors import Actor
from storage.communities import Community, read_unfiltered
from tests.factories import KEYPAIR, make_community, make_person
from tests.federation.conftest import Here
from tests.federation.peer import Peer


def follow(peer: Peer, actor: str, target: str, number: int = 1) -> dict[str, Any]:
    return {
        "id": f"{peer.origin}/follows/{number}",
        "type": "Follow",
        "actor": actor,
        "object": target,
    }


async def standings(here: Here) -> list[tuple[object, ...]]:
    return await here.fetch("select state, follow_uri from memberships m order by changed_at")


async def answers(here: Here) -> list[object]:
    """Whether each answer that will be sent is a yes."""
    rows = await here.fetch(
        "select (payload->>'accepted')::boolean from events where kind = 'FollowAnswered'"
        " order by id"
    )
    return [row[0] for row in rows]


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


@pytest.fixture
async def community(here: Here) -> Community:
    async with here.database.write() as conn:
        return await make_community(conn, site=here.site)


async def test_r33_a_follow_of_an_open_community_is_accepted_with_itself_inside(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    activity = follow(peer, ada.uri, community.uri)
    assert await here.receive(activity) == ("done", "")
    assert await standings(here) == [("accepted", activity["id"])]
    ((kind, payload),) = await here.events()
    assert kind == "FollowAnswered"
    assert activity["id"] in str(payload)


async def test_a_follow_of_many_words_is_not_kept(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    long = {**follow(peer, ada.uri, community.uri), "summary": "x" * 20_000}
    assert await here.receive(long) == ("refused", "too_long")
    assert await standings(here) == []


async def test_r33_a_follow_that_comes_again_is_answered_again(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    for _ in range(2):
        await here.receive(follow(peer, ada.uri, community.uri))
    assert await answers(here) == [True, True]
    assert len(await standings(here)) == 1


@pytest.mark.parametrize("is_whole", [True, False])
async def test_r34_leaving_is_told_by_the_follow_or_by_its_id(
    here: Here, peer: Peer, ada: Actor, community: Community, is_whole: bool
):
    joined = follow(peer, ada.uri, community.uri)
    undo = {
        "id": f"{peer.origin}/undos/1",
        "type": "Undo",
        "actor": ada.uri,
        "object": joined if is_whole else joined["id"],
    }
    for _ in range(2):
        await here.receive(joined)
        assert (await standings(here))[0][0] == "accepted"
        assert await here.receive(undo) == ("done", "")
        assert (await standings(here))[0][0] == "left"


async def test_nobody_takes_back_the_follow_of_another(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    joined = follow(peer, ada.uri, community.uri)
    await here.receive(joined)
    bob = peer.actor("bob")
    for number, inner in enumerate([joined, joined["id"]]):
        undo = {
            "id": f"{peer.origin}/undos/{number}",
            "type": "Undo",
            "actor": bob,
            "object": inner,
        }
        assert (await here.receive(undo))[0] == "refused"
    assert (await standings(here))[0][0] == "accepted"


async def test_people_cannot_be_followed(here: Here, peer: Peer, ada: Actor):
    async with here.database.write() as conn:
        person = await make_person(conn, site=here.site)
    assert await here.receive(follow(peer, ada.uri, person.uri)) == ("done", "")
    assert await answers(here) == [False]


async def closed(here: Here, *hosts: str, listed: bool) -> Community:
    async with here.database.write() as conn:
        return await make_community(
            conn,
            site=here.site,
            readers="members",
            travels="named",
            hosts=hosts,
            listed=listed,
            joining="apply",
        )


async def test_a_named_server_that_runs_dazzle_may_ask_for_a_closed_community(
    here: Here, peer: Peer, ada: Actor
):
    peer.nodeinfo("dazzle")
    target = await closed(here, peer.host, listed=False)
    assert await here.receive(follow(peer, ada.uri, target.uri)) == ("done", "")
    assert (await standings(here))[-1][0] == "asked"
    assert await answers(here) == []


async def test_r59_other_software_is_kept_out_of_a_closed_community(
    here: Here, peer: Peer, ada: Actor
):
    peer.nodeinfo("piefed")
    target = await closed(here, peer.host, listed=False)
    await here.receive(follow(peer, ada.uri, target.uri))
    assert await standings(here) == []
    assert await answers(here) == [False]


async def test_an_unlisted_community_does_not_answer_a_server_that_it_does_not_name(
    here: Here, peer: Peer, ada: Actor
):
    peer.nodeinfo("dazzle")
    unlisted = await closed(here, "other.test", listed=False)
    unknown = f"{here.site.origin}/ap/actors/1"
    found = [
        await here.receive(follow(peer, ada.uri, target, number))
        for number, target in enumerate([unlisted.uri, unknown])
    ]
    assert found[0] == found[1] == ("refused", "not_found")
    assert await here.events() == []


async def test_a_listed_one_says_no_to_it(here: Here, peer: Peer, ada: Actor):
    peer.nodeinfo("dazzle")
    listed = await closed(here, "other.test", listed=True)
    await here.receive(follow(peer, ada.uri, listed.uri))
    assert await answers(here) == [False]
    assert await standings(here) == []


async def _asked(here: Here, peer: Peer) -> tuple[Community, Actor, str]:
    """A person here who asked a community there."""
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        person = await make_person(conn, site=here.site)
        community = await read_unfiltered(conn, group.id)
        assert community is not None
        now = SystemClock().now()
        membership = await ask_to_join(conn, here.site, community, person, now=now)
    assert membership.follow_uri is not None
    return community, person, membership.follow_uri


def answer(kind: str, peer: Peer, actor: str, inner: object, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"{peer.origin}/answers/{kind}",
        "type": kind,
        "actor": actor,
        "object": inner,
        **changed,
    }


@pytest.mark.parametrize("shape", ["whole", "id", "list", "other id", "no id"])
async def test_an_accept_in_any_shape_makes_a_member(here: Here, peer: Peer, shape: str):
    community, person, follow_uri = await _asked(here, peer)
    whole = {"id": follow_uri, "type": "Follow", "actor": person.uri, "object": community.uri}
    inner: Any = {
        "id": follow_uri,
        "list": [whole],
        "other id": {**whole, "id": f"{peer.origin}/follows/7"},
    }.get(shape, whole)
    accept = answer("Accept", peer, community.uri, inner)
    if shape == "no id":
        del accept["id"]
    assert await here.receive(accept) == ("done", "")
    assert [row[0] for row in await standings(here)] == ["accepted"]


async def test_a_reject_ends_the_asking(here: Here, peer: Peer):
    community, _, follow_uri = await _asked(here, peer)
    assert await here.receive(answer("Reject", peer, community.uri, follow_uri)) == ("done", "")
    assert [row[0] for row in await standings(here)] == ["refused"]


async def test_only_the_community_that_was_asked_answers(here: Here, peer: Peer, other_peer: Peer):
    community, person, follow_uri = await _asked(here, peer)
    whole = {"id": follow_uri, "type": "Follow", "actor": person.uri, "object": community.uri}
    for sender, origin in [
        (peer.actor("bob"), peer),
        (peer.actor("second", kind="Group"), peer),
        (other_peer.actor("group", kind="Group"), other_peer),
    ]:
        for inner in (whole, follow_uri):
            await here.receive(answer("Accept", origin, sender, inner, id=f"{origin.origin}/x"))
    rows = await here.fetch("select state from memberships where community_id = $1", community.id)
    assert rows == [("asked",)]
    rows = await here.fetch("select state from memberships where state = 'accepted'")
    assert rows == []


async def test_pat19_the_reader_is_accepted_and_brings_the_history_for_all(here: Here, peer: Peer):
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        community = await read_unfiltered(conn, group.id)
        assert community is not None
        now = SystemClock().now()
        reader = await make_reader(conn, here.site, KEYPAIR, now)
        assert await make_reader(conn, here.site, KEYPAIR, now) == reader
        person = await make_person(conn, site=here.site)
        await subscribe(conn, here.site, community, person, reader, now)
    follow_uri = here.site.follow_uri(reader.id, community.id)
    assert await here.receive(answer("Accept", peer, community.uri, follow_uri)) == ("done", "")
    rows = await here.fetch("select actor_id, state from memberships")
    assert rows == [(reader.id, "accepted")]
    assert await here.fetch("select uri from backfills") == [(community.uri,)]


async def test_pat19_the_reader_of_another_server_is_one_member_here(here: Here, peer: Peer):
    reader = await here.actor(peer.actor("reader", kind="Service"))
    async with here.database.write() as conn:
        community = await make_community(conn, site=here.site)
    assert await here.receive(follow(peer, reader.uri, community.uri)) == ("done", "")
    assert [row[0] for row in await standings(here)] == ["accepted"]
