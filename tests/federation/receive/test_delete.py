"""Deletions told by who may tell them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from forum import remote_pictures
from storage import media_cache
from storage.actors import Actor
from storage.communities import Community
from storage.instances import save_software
from storage.media_files import MediaFiles
from storage.threads import Post, read_by_uri_unfiltered
from tests.factories import join, make_community, make_person, make_thread
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer
from tests.federation.wire import publish_all


@pytest.fixture
async def ada(here: Here, peer: Peer) -> Actor:
    return await here.actor(peer.actor("ada"))


@pytest.fixture
async def community(here: Here, ada: Actor) -> Community:
    async with here.database.write() as conn:
        made = await make_community(conn, site=here.site)
        await join(conn, made, ada)
    return made


def create(peer: Peer, actor: str, community: Community) -> dict[str, Any]:
    note = {
        "id": f"{peer.origin}/notes/1",
        "type": "Note",
        "attributedTo": actor,
        "to": [PUBLIC, community.uri],
        "name": "A thread",
        "content": "<p>Secret</p>",
    }
    uri = f"{peer.origin}/creates/1"
    return {"id": uri, "type": "Create", "actor": actor, "to": note["to"], "object": note}


def delete(peer: Peer, actor: str, target: object, **changed: Any) -> dict[str, Any]:
    uri = f"{peer.origin}/deletes/1"
    return {"id": uri, "type": "Delete", "actor": actor, "object": target, **changed}


async def stored(here: Here, uri: str) -> Post:
    async with here.database.read() as conn:
        post = await read_by_uri_unfiltered(conn, uri)
    assert post is not None
    return post


@pytest.mark.parametrize("shape", ["id", "tombstone", "object"])
async def test_an_author_takes_a_post_back_and_its_words_vanish(
    here: Here, peer: Peer, ada: Actor, community: Community, shape: str
):
    sent = create(peer, ada.uri, community)
    await here.receive(sent)
    uri = sent["object"]["id"]
    target = {"id": uri, "tombstone": {"id": uri, "type": "Tombstone"}, "object": sent["object"]}
    assert await here.receive(delete(peer, ada.uri, target[shape])) == ("done", "")
    assert (await stored(here, uri)).state == "erased"
    assert await here.fetch("select 1 from inbox where body like '%Secret%'") == []
    kind, payload = (await here.events())[-1]
    assert kind == "PostErased"
    assert f"{peer.origin}/deletes/1" in str(payload)


async def test_a_deletion_that_comes_first_keeps_the_post_away(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    await here.receive(delete(peer, ada.uri, f"{peer.origin}/notes/1"))
    state, reason = await here.receive(create(peer, ada.uri, community))
    assert (state, reason) == ("refused", "erased")


async def test_a_deletion_that_repeats_what_is_not_here_keeps_none_of_it(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    unseen = create(peer, ada.uri, community)["object"]
    assert await here.receive(delete(peer, ada.uri, unseen)) == ("done", "")
    assert await here.fetch("select 1 from inbox where body like '%Secret%'") == []


async def test_a_deletion_before_its_post_counts_only_for_the_server_that_tells_it(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community
):
    eve = other_peer.actor("eve")
    state, reason = await here.receive(delete(other_peer, eve, f"{peer.origin}/notes/1"))
    assert (state, reason) == ("refused", "not_the_author")
    assert await here.receive(create(peer, ada.uri, community)) == ("done", "")


async def test_nobody_else_deletes_a_post(
    here: Here, peer: Peer, other_peer: Peer, ada: Actor, community: Community
):
    sent = create(peer, ada.uri, community)
    await here.receive(sent)
    for origin, actor in ((peer, peer.actor("bob")), (other_peer, other_peer.actor("eve"))):
        assert (await here.receive(delete(origin, actor, sent["object"]["id"])))[0] == "refused"
    assert (await stored(here, sent["object"]["id"])).state == "live"


async def test_a_moderator_elsewhere_removes_a_post_of_our_community(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    async with here.database.write() as conn:
        person = await make_person(conn, site=here.site)
        await join(conn, community, person)
        thread = await make_thread(conn, person, community, site=here.site)
        await join(conn, community, ada, role="moderator")
    assert await here.receive(delete(peer, ada.uri, thread.uri, summary="Unkind")) == ("done", "")
    assert (await stored(here, thread.uri)).state == "removed"


async def test_who_leaves_for_good_takes_everything_along(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    sent = create(peer, ada.uri, community)
    await here.receive(sent)
    assert await here.receive(delete(peer, ada.uri, ada.uri)) == ("done", "")
    assert (await stored(here, sent["object"]["id"])).state == "erased"
    assert await here.fetch("select state from actors where uri = $1", ada.uri) == [("gone",)]
    assert await here.fetch("select state from memberships") == [("left",)]
    again = {**create(peer, ada.uri, community), "id": f"{peer.origin}/creates/2"}
    assert await here.receive(again) == ("refused", "actor_not_live")


@pytest.mark.parametrize("software", ["dazzle", "mastodon"])
@pytest.mark.parametrize("what", ["post", "account", "unknown"])
async def test_pat05_a_dazzle_hears_that_all_of_it_is_gone(
    here: Here, peer: Peer, ada: Actor, community: Community, software: str, what: str
):
    """Of what never came too: it will not come either (FEDERATION.md, receipts)."""
    sent = create(peer, ada.uri, community)
    async with here.database.write() as conn:
        await save_software(conn, ada.host, software, "1", here.fed.clock.now())
    if what != "unknown":
        await here.receive(sent)
    gone = delete(peer, ada.uri, ada.uri if what == "account" else sent["object"]["id"])
    assert await here.receive(gone) == ("done", "")
    await publish_all(here.fed)
    told = await here.fetch(
        "select d.inbox, a.body from activities a join deliveries d on d.activity_id = a.id"
        " where a.type = 'Acknowledge'"
    )
    if software != "dazzle":
        assert told == []
        return
    ((inbox, body),) = told
    said = msgspec.json.decode(bytes(body))  # type: ignore[call-overload]
    assert inbox == ada.inbox
    assert said["actor"] == here.site.instance_uri
    assert (said["type"], said["object"], said["to"]) == ("Acknowledge", gone["id"], [ada.uri])
    assert {"Acknowledge": "https://dazzle.example/ns#Acknowledge"} in said["@context"]


@pytest.mark.parametrize("what", ["post", "account"])
async def test_pat05_nothing_is_called_erased_while_a_picture_of_it_is_still_a_file_here(
    here: Here, peer: Peer, ada: Actor, community: Community, tmp_path: Path, what: str
):
    sent = create(peer, ada.uri, community)
    sent["object"]["attachment"] = [
        {"type": "Document", "mediaType": "image/png", "url": f"{peer.origin}/scan.png"}
    ]
    await here.receive(sent)
    files = MediaFiles(tmp_path)
    now, name = here.fed.clock.now(), "n" * 26
    (tmp_path / "full").write_bytes(b"a picture")
    files.save(name, {"full.jpg": tmp_path / "full"})
    async with here.database.write() as conn:
        await save_software(conn, ada.host, "dazzle", "1", now)
        post = await read_by_uri_unfiltered(conn, sent["object"]["id"])
        assert post is not None
        key = media_cache.key_of(post.id, f"{peer.origin}/scan.png")
        assert await media_cache.claim(conn, key, post.id, now, name)
        assert await media_cache.keep(conn, key, now, 9)

    gone = delete(peer, ada.uri, ada.uri if what == "account" else sent["object"]["id"])
    await here.receive(gone)
    await publish_all(here.fed)
    said = "select count(*) from activities where type = 'Acknowledge'"
    assert await here.fetch(said) == [(0,)]
    await remote_pictures.sweep(here.database, files, now)
    assert list(files.names()) == []
    await publish_all(here.fed)
    assert await here.fetch(said) == [(1,)]


async def test_pat05_files_of_others_that_are_still_to_go_hold_up_no_confirmation(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    async with here.database.write() as conn:
        await save_software(conn, ada.host, "dazzle", "1", here.fed.clock.now())
        author = await make_person(conn, site=here.site)
        await join(conn, community, author)
        other = await make_thread(conn, author, community, site=here.site)
        await conn.execute(
            "insert into media_cache (hash, post_id, state, name, fetched_at, used_at)"
            " values (sha256('x'), $1, 'dropped', 'x', now(), now())",
            other.id,
        )
    await here.receive(delete(peer, ada.uri, f"{peer.origin}/notes/1"))
    sent = create(peer, ada.uri, community)
    sent["object"]["id"] = f"{peer.origin}/notes/2"
    await here.receive({**sent, "id": f"{peer.origin}/creates/2"})
    await here.receive(
        {**delete(peer, ada.uri, f"{peer.origin}/notes/2"), "id": f"{peer.origin}/deletes/2"}
    )
    await publish_all(here.fed)
    said = "select count(*) from activities where type = 'Acknowledge'"
    assert await here.fetch(said) == [(2,)]


async def test_pat05_what_a_moderator_hides_is_not_called_erased(
    here: Here, peer: Peer, ada: Actor, community: Community
):
    """It stays here for the moderators."""
    async with here.database.write() as conn:
        await save_software(conn, ada.host, "dazzle", "1", here.fed.clock.now())
        author = await make_person(conn, site=here.site)
        await join(conn, community, author)
        thread = await make_thread(conn, author, community, site=here.site)
        await conn.execute("update memberships set role = 'moderator' where actor_id = $1", ada.id)
    await here.receive(delete(peer, ada.uri, thread.uri, summary="Not here."))
    assert "DeletionDone" not in {kind for kind, _ in await here.events()}
    assert (await stored(here, thread.uri)).state == "removed"
