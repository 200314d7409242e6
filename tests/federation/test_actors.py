"""Actors as other servers see them: complete for those who need a field, silent about health."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from federation.context import Federation
from federation.multikey import from_multikey
from federation.vocabulary.actors import parse_actor
from federation.vocabulary.strict import decode_json
from forum.subscriptions import make_reader
from storage.actors import set_state
from storage.db import Database
from tests.factories import (
    KEYPAIR,
    SITE,
    join,
    make_community,
    make_person,
    make_remote_person,
    tick,
)
from tests.federation.doors import Door, make_place, make_server, open_door
from tests.federation.wire import make_member_elsewhere, open_wire, publish_all

EVERY_ACTOR = (
    "id", "type", "inbox", "outbox", "followers", "preferredUsername", "name", "summary",
    "publicKey", "endpoints", "published", "url", "webfinger",
)  # fmt: skip
GROUP = ("attributedTo", "moderators", "featured", "postingRestrictedToMods", "discoverable")


@pytest.fixture
async def fed(database: Database) -> AsyncIterator[Federation]:
    async with open_wire(database) as opened:
        yield opened


@pytest.fixture
async def door(fed) -> AsyncIterator[Door]:
    async with open_door(fed) as opened:
        yield opened


async def test_r08_every_actor_has_what_others_refuse_it_without(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn, "zebra")
        community = await make_community(conn, name="marfan")
    for actor, name in ((person, "zebra"), (community, "marfan")):
        document = await door.document(actor.uri)
        assert [field for field in EVERY_ACTOR if field not in document] == []
        assert document["id"] == actor.uri
        assert document["preferredUsername"] == name
        assert document["webfinger"] == f"{name}@here.test"
        assert document["inbox"] == f"{actor.uri}/inbox"
        assert document["outbox"] == f"{actor.uri}/outbox"
        assert document["endpoints"]["sharedInbox"] == f"{SITE.origin}/inbox"
        assert document["publicKey"]["id"] == f"{actor.uri}#main-key"
        assert document["publicKey"]["owner"] == actor.uri
        assert (await door.get(document["outbox"])).status_code == 200


async def test_r09_a_group_has_the_fields_of_forums(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        community = await make_community(conn, joining="apply")
    document = await door.document(community.uri)
    assert [field for field in GROUP if field not in document] == []
    assert document["attributedTo"] == document["moderators"] == f"{community.uri}/moderators"
    assert document["postingRestrictedToMods"] is False
    assert document["discoverable"] is True
    assert (await door.document(document["featured"]))["orderedItems"] == []
    moderators = await door.document(document["moderators"])
    assert moderators["type"] == "OrderedCollection"


async def test_r09_only_a_closed_group_approves_its_followers(door: Door, fed) -> None:
    """Lemmy reads it as private: a public one that one asks to join must not say so."""
    async with fed.database.write() as conn:
        public = [
            await make_community(conn, joining=joining) for joining in ("open", "apply", "invite")
        ]
        closed = await make_community(conn, readers="members", listed=True, hosts=("friend.test",))
    for community in public:
        assert "manuallyApprovesFollowers" not in await door.document(community.uri)
    assert (await door.document(closed.uri))["manuallyApprovesFollowers"] is True


async def test_r10_followers_are_a_number_at_the_address_that_others_build(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        community = await make_community(conn)
        members = [await make_remote_person(conn) for _ in range(12)]
        for member in members:
            await join(conn, community, member)
    for actor in (person, community):
        document = await door.document(actor.uri)
        assert document["followers"] == f"{document['id']}/followers"
        followers = await door.get(document["followers"])
        assert not {"items", "orderedItems", "first"} & set(followers.json())
        assert not any(member.uri in followers.text for member in members)
    assert followers.json()["totalItems"] == 10


async def test_r13_nothing_that_somebody_says_of_themselves_leaves(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        community = await make_community(conn, condition="ORPHA:558")
        await join(conn, community, person)
        await conn.execute(
            "update actors set summary_html = '<p>I have Marfan</p>' where id = $1", person.id
        )
    answer = await door.get(person.uri)
    document = answer.json()
    assert (document["indexable"], document["discoverable"]) == (False, False)
    assert document["summary"] == ""
    assert "Marfan" not in answer.text
    assert not {"icon", "image", "attachment", "tag", "featured"} & set(document)
    assert (await door.document(community.uri))["indexable"] is False


async def test_people_and_public_groups_show_the_key_of_their_proofs(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        community = await make_community(conn)
        closed = await make_community(conn, readers="members", listed=True, hosts=("friend.test",))
        server = await make_server(conn, "friend.test")
    for actor in (person, community):
        (key,) = (await door.document(actor.uri))["assertionMethod"]
        assert key["id"] == f"{actor.uri}#ed25519-key"
        assert (key["type"], key["controller"]) == ("Multikey", actor.uri)
        assert from_multikey(key["publicKeyMultibase"])[0] == "ed25519"
    assert "assertionMethod" not in await door.document(closed.uri, signed_by=server)


async def test_an_actor_from_before_there_were_proofs_has_no_such_key(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        await conn.execute("delete from actor_keys where kind = 'ed25519'")
    assert "assertionMethod" not in await door.document(person.uri)


async def test_a_person_says_who_they_were_and_who_they_are_now(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        new = await make_remote_person(conn)
        await conn.execute(
            "update actors set moved_to = $2, also_known_as = $3 where id = $1",
            person.id,
            new.id,
            ["https://old.test/actors/me"],
        )
    document = await door.document(person.uri)
    assert document["movedTo"] == new.uri
    assert document["alsoKnownAs"] == ["https://old.test/actors/me"]


async def test_what_is_shown_of_an_actor_is_read_back_as_it_is(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        place = await make_place(conn, listed=True)
    for actor, kind in ((person, "person"), (place.community, "community")):
        read = parse_actor(decode_json((await door.get(actor.uri)).content))
        assert (read.id, read.kind, read.name) == (actor.uri, kind, actor.name)
        assert {key.kind for key in read.keys} == {"rsa", "ed25519"}
        assert read.followers == f"{actor.uri}/followers"


async def test_the_outbox_of_a_person_stays_empty_whatever_they_write(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await make_member_elsewhere(conn, place.community, "forum.test", "piefed")
    await publish_all(fed)
    for name in ("outbox", "featured"):
        assert (await door.document(f"{place.owner.uri}/{name}"))["orderedItems"] == []


async def test_a_suspended_person_has_no_actor(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        await set_state(conn, person.id, "suspended")
    assert (await door.get(person.uri)).status_code == 404


async def test_pat19_the_reader_is_a_service_that_says_nothing_of_who_reads(
    door: Door, fed
) -> None:
    async with fed.database.write() as conn:
        await make_person(conn, "reader")
        reader = await make_reader(conn, SITE, KEYPAIR, tick())
    document = await door.document(reader.uri)
    assert [field for field in EVERY_ACTOR if field not in document] == []
    assert (document["type"], document["preferredUsername"]) == ("Service", "reader_2")
    for collection in ("followers", "following"):
        listed = await door.document(f"{reader.uri}/{collection}")
        assert not {"items", "orderedItems", "first", "totalItems"} & set(listed)
