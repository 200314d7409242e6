"""Move: both accounts must say so themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storage.actors import Actor
from storage.communities import Community
from storage.memberships import read_membership
from tests.factories import join, make_community
from tests.federation.conftest import Here
from tests.federation.peer import Peer


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


@pytest.fixture
async def community(here: Here, ada: Actor) -> Community:
    async with here.database.write() as conn:
        made = await make_community(conn, site=here.site)
        await join(conn, made, ada)
    return made


def say(peer: Peer, name: str, **said: Any) -> None:
    document = json.loads(peer.pages[f"/actors/{name}"].body)
    peer.put(f"/actors/{name}", {**document, **said})


def move(peer: Peer, old: str, new: str, *, actor: str = "") -> dict[str, Any]:
    uri = f"{peer.origin}/moves/1"
    return {"id": uri, "type": "Move", "actor": actor or old, "object": old, "target": new}


async def test_r64_memberships_go_along_when_both_accounts_say_so(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community
):
    new = other_peer.actor("ada", alsoKnownAs=[ada.uri])
    say(peer, "ada", movedTo=new)
    assert await here.receive(move(peer, ada.uri, new)) == ("done", "")
    moved = await here.actor(new)
    async with here.database.read() as conn:
        there = await read_membership(conn, community.id, moved.id)
        before = await read_membership(conn, community.id, ada.id)
    assert there is not None
    assert there.state == "accepted"
    assert before is None or before.state == "left"
    assert (await here.actor(ada.uri)).moved_to == moved.id


@pytest.mark.parametrize("missing", ["alias", "move", "owner"])
async def test_r64_who_only_claims_it_moves_nowhere(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community, missing: str
):
    aliases = [] if missing == "alias" else [ada.uri]
    new = other_peer.actor("ada", alsoKnownAs=aliases)
    if missing != "move":
        say(peer, "ada", movedTo=new)
    actor = peer.actor("eve") if missing == "owner" else ada.uri
    assert (await here.receive(move(peer, ada.uri, new, actor=actor)))[0] == "refused"
    assert (await here.actor(ada.uri)).moved_to is None
    async with here.database.read() as conn:
        known = await read_membership(conn, community.id, ada.id)
    assert known is not None
    assert known.state == "accepted"


def changed(peer: Peer, who: str) -> dict[str, Any]:
    return {"id": f"{peer.origin}/updates/1", "type": "Update", "actor": who, "object": who}


@pytest.mark.parametrize("says_so", [True, False])
async def test_r64_a_move_is_over_when_the_account_itself_says_so(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, says_so: bool
):
    new = other_peer.actor("ada", alsoKnownAs=[ada.uri])
    say(peer, "ada", movedTo=new)
    assert await here.receive(move(peer, ada.uri, new)) == ("done", "")
    if says_so:
        peer.actor("ada")
    assert await here.receive(changed(peer, ada.uri)) == ("done", "")
    assert ((await here.actor(ada.uri)).moved_to is None) == says_so


async def test_r64_nobody_ends_the_move_of_somebody_else(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor
):
    new = other_peer.actor("ada", alsoKnownAs=[ada.uri])
    say(peer, "ada", movedTo=new)
    await here.receive(move(peer, ada.uri, new))
    peer.actor("ada")
    eve = peer.actor("eve")
    assert (await here.receive({**changed(peer, eve), "object": ada.uri}))[0] == "refused"
    assert (await here.actor(ada.uri)).moved_to is not None


async def test_r64_who_comes_back_may_speak_in_the_same_moment(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community
):
    new = other_peer.actor("ada", alsoKnownAs=[ada.uri])
    say(peer, "ada", movedTo=new)
    await here.receive(move(peer, ada.uri, new))
    note = {
        "id": f"{peer.origin}/notes/1",
        "type": "Note",
        "attributedTo": ada.uri,
        "to": ["https://www.w3.org/ns/activitystreams#Public"],
        "cc": [community.uri],
        "audience": community.uri,
        "name": "Back",
        "content": "<p>Here I am again.</p>",
    }
    create = {"id": f"{note['id']}/create", "type": "Create", "actor": ada.uri, "object": note}
    addressed = {key: note[key] for key in ("to", "cc", "audience")}
    assert (await here.receive({**create, **addressed}))[0] == "waiting"
    peer.actor("ada")
    assert await here.receive(changed(peer, ada.uri)) == ("done", "")
    async with here.database.write() as conn:
        await conn.execute("update inbox set due_at = now()")
    await here.work()
    states = await here.fetch("select state from inbox where type = 'Create'")
    assert states == [("done",)]


async def test_pat04_who_looks_for_a_move_believes_the_old_accounts_own_server_only(
    here: Here, peer: Peer, ada: Actor
):
    new = f"{here.site.origin}/ap/actors/1"
    resolver = here.fed.resolver
    assert not await resolver.has_moved_to(ada, new)
    say(peer, "ada", movedTo=new)
    assert await resolver.has_moved_to(ada, new)
    assert not await resolver.has_moved_to(ada, f"{here.site.origin}/ap/actors/2")
    say(peer, "ada", id=f"{peer.origin}/somebody-else", movedTo=new)
    assert not await resolver.has_moved_to(ada, new)
    peer.put("/ada", b"", status=500)
    assert not await resolver.has_moved_to(ada, new)
