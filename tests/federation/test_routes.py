"""The ActivityPub door: what is shown to whom, and that the rest is one and the same 404."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from federation.render.document import PUBLIC
from federation.routes import DOCUMENTS
from forum.threads import erase_post
from storage import actors
from storage.actors import Actor
from storage.db import Database
from tests.factories import (
    KEYPAIR,
    SITE,
    join,
    make_community,
    make_moderator,
    make_person,
    make_remote_person,
    make_reply,
    make_thread,
    tick,
)
from tests.federation.doors import (
    ACTIVITY,
    BROWSER,
    LD,
    UNKNOWN_ID,
    Door,
    finger_of,
    make_place,
    make_server,
    open_door,
    paths_of,
    whole,
)
from tests.federation.wire import make_member_elsewhere, open_wire, publish_all


@pytest.fixture
async def fed(database: Database):
    async with open_wire(database) as opened:
        yield opened


@pytest.fixture
async def door(fed) -> AsyncIterator[Door]:
    async with open_door(fed) as opened:
        yield opened


async def test_r06_the_instance_actor_is_shown_to_all_even_with_a_signature_nobody_can_check(
    door: Door,
) -> None:
    stranger = Actor(
        1, "https://nowhere.invalid/a", "instance", "Application", "nowhere.invalid", False, "a",
        "", "", None, "", None, None, "live",
    )  # fmt: skip
    document = await door.document("/ap/instance", signed_by=stranger)
    assert document["type"] == "Application"
    assert document["id"] == SITE.instance_uri
    assert document["preferredUsername"] == SITE.host
    assert document["inbox"] == SITE.shared_inbox
    assert document["publicKey"] == {
        "id": f"{SITE.instance_uri}#main-key",
        "owner": SITE.instance_uri,
        "publicKeyPem": KEYPAIR.public_pem,
    }
    assert (await door.document(document["outbox"]))["orderedItems"] == []


async def test_a_person_shows_nothing_but_how_to_reach_them(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn, "zebra")
        place = await make_place(conn)
        await join(conn, place.community, person)
        await conn.execute(
            "update actors set summary_html = '<p>I have EDS</p>' where id = $1", person.id
        )
    document = await door.document(person.uri)
    assert document.pop("@context")
    (proof_key,) = document.pop("assertionMethod")
    assert proof_key["id"] == f"{person.uri}#ed25519-key"
    assert document.pop("published").endswith("Z")
    assert document == {
        "id": person.uri,
        "type": "Person",
        "preferredUsername": "zebra",
        "name": person.display_name or "zebra",
        "summary": "",
        "inbox": f"{person.uri}/inbox",
        "outbox": f"{person.uri}/outbox",
        "followers": f"{person.uri}/followers",
        "url": f"{SITE.origin}/u/zebra",
        "webfinger": "zebra@here.test",
        "manuallyApprovesFollowers": True,
        "discoverable": False,
        "indexable": False,
        "publicKey": {
            "id": f"{person.uri}#main-key",
            "owner": person.uri,
            "publicKeyPem": KEYPAIR.public_pem,
        },
        "endpoints": {"sharedInbox": SITE.shared_inbox},
    }


async def test_a_persons_collections_tell_nothing(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
    await publish_all(fed)
    uri = place.owner.uri
    assert (await door.document(f"{uri}/outbox"))["orderedItems"] == []
    for name in ("followers", "following"):
        document = await door.document(f"{uri}/{name}")
        assert set(document) == {"@context", "id", "type"}
    assert (await door.get(f"{uri}/moderators")).status_code == 404


async def test_a_public_group_shows_its_answers_and_both_names_of_its_moderators(
    door: Door, fed
) -> None:
    async with fed.database.write() as conn:
        community = await make_community(
            conn, name="marfan", condition="ORPHA:558", joining="apply", indexed=True
        )
    document = await door.document(community.uri)
    expected = {
        "type": "Group",
        "preferredUsername": "marfan",
        "name": "Marfan together",
        "summary": "<p>For us.</p>",
        "inbox": f"{community.uri}/inbox",
        "outbox": f"{community.uri}/outbox",
        "followers": f"{community.uri}/followers",
        "featured": f"{community.uri}/featured",
        "attributedTo": f"{community.uri}/moderators",
        "moderators": f"{community.uri}/moderators",
        "postingRestrictedToMods": False,
        "discoverable": True,
        "indexable": True,
        "url": f"{SITE.origin}/c/marfan",
        "webfinger": "marfan@here.test",
        "dz:readers": "anyone",
        "dz:joining": "apply",
        "dz:condition": "ORPHA:558",
    }
    assert {name: document[name] for name in expected} == expected
    assert "manuallyApprovesFollowers" not in document
    assert (await door.document(document["featured"]))["orderedItems"] == []


async def test_a_listed_closed_group_that_travels_shows_a_minimal_card(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(
            conn, readers="members", listed=True, hosts=("friend.test",), condition="ORPHA:558"
        )
    await publish_all(fed)
    response = await door.get(place.community.uri)
    document = response.json()
    assert response.headers["cache-control"] == "private, no-store"
    assert document["manuallyApprovesFollowers"] is True
    assert document["dz:readers"] == "members"
    assert not {"summary", "featured", "dz:condition", "icon"} & set(document)
    unknown = whole(await door.get(f"/ap/actors/{UNKNOWN_ID}"))
    for name in ("outbox", "followers", "following", "featured", "moderators"):
        assert whole(await door.get(f"{place.community.uri}/{name}")) == unknown


@pytest.mark.parametrize(
    "answers",
    [
        {"readers": "members", "hosts": ("friend.test",)},
        {"readers": "members", "travels": "nowhere"},
        {"readers": "members", "travels": "nowhere", "listed": True},
        {"readers": "anyone", "travels": "nowhere"},
    ],
)
@pytest.mark.parametrize("asker", ["nobody", "stranger", "person", "browser"])
async def test_r58_what_is_hidden_answers_exactly_like_what_was_never_there(
    door: Door, fed, answers: dict[str, Any], asker: str
) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn, **answers)
        options: dict[str, Any] = {}
        if asker == "stranger":
            options["signed_by"] = await make_server(conn, "stranger.test")
        if asker == "person":
            options["signed_by"] = await make_remote_person(conn, host="stranger.test")
        if asker == "browser":
            options["accept"] = BROWSER
    await publish_all(fed)
    async with fed.database.read() as conn:
        sent = [row["id"] for row in await conn.fetch("select id from activities")]
    unknown = whole(await door.get(f"/ap/posts/{UNKNOWN_ID}", **options))
    assert unknown[0] == 404
    for path in paths_of(place, sent):
        assert whole(await door.get(path, **options)) == unknown, path
    missing = whole(await door.get(finger_of("acct:nobody@here.test"), **options))
    finger = finger_of(f"acct:{place.community.name}@here.test")
    assert whole(await door.get(finger, **options)) == missing
    by_uri = finger_of(place.community.uri)
    assert whole(await door.get(by_uri, **options)) == missing


async def test_r58_a_named_server_with_a_member_reads_a_closed_community(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn, readers="members", hosts=("friend.test", "other.test"))
        member = await make_member_elsewhere(conn, place.community, "friend.test", "dazzle")
        friend = await make_server(conn, "friend.test")
        other = await make_server(conn, "other.test")
    await publish_all(fed)
    for signer in (friend, member):
        response = await door.get(place.thread.uri, signed_by=signer)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "private, no-store"
        note = response.json()
        assert note["to"] == [place.community.uri, place.community.followers]
        assert PUBLIC not in response.text
        assert (await door.get(note["context"], signed_by=signer)).status_code == 200
        assert (await door.document(f"{note['context']}?after=0", signed_by=signer))[
            "orderedItems"
        ] == [place.thread.uri, place.reply.uri]
    followers = await door.document(f"{place.community.uri}/followers", signed_by=friend)
    assert "totalItems" not in followers
    # Named, but without a member: the card, and no content.
    assert (await door.get(place.community.uri, signed_by=other)).status_code == 200
    assert (await door.get(place.thread.uri, signed_by=other)).status_code == 404
    finger = finger_of(f"acct:{place.community.name}@here.test")
    assert (await door.get(finger, signed_by=other)).status_code == 200
    async with fed.database.write() as conn:
        await conn.execute("update memberships set state = 'left' where actor_id = $1", member.id)
    assert (await door.get(place.thread.uri, signed_by=friend)).status_code == 404
    assert (await door.get(place.thread.uri, signed_by=member)).status_code == 404


async def test_a_blocked_server_is_refused_whatever_it_asks_for(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        server = await make_server(conn, "blocked.test")
        await conn.execute(
            "insert into instances (host, policy) values ('blocked.test', 'refused')"
            " on conflict (host) do update set policy = 'refused'"
        )
    for path in (place.thread.uri, place.community.uri, f"/ap/posts/{UNKNOWN_ID}"):
        response = await door.get(path, signed_by=server)
        assert (response.status_code, response.content) == (403, b"")


async def test_r51_a_thread_is_a_named_note_with_its_title_in_the_text(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await conn.execute(
            "update posts set title = 'Hips & <b>', source = 'Mine *hurt*.', language = 'en',"
            " html = '<p>Mine <em>hurt</em>.</p>', content_note = 'pain' where id = $1",
            place.thread.id,
        )
    community = place.community
    note = await door.document(place.thread.uri)
    content = "<p><strong>Hips &amp; &lt;b&gt;</strong></p><p>Mine <em>hurt</em>.</p>"
    assert note.pop("@context")
    assert note.pop("published").endswith("Z")
    assert note == {
        "id": place.thread.uri,
        "type": "Note",
        "attributedTo": place.owner.uri,
        "name": "Hips & <b>",
        "content": content,
        "contentMap": {"en": content},
        "mediaType": "text/html",
        "source": {"content": "Mine *hurt*.", "mediaType": "text/markdown"},
        "summary": "pain",
        "sensitive": False,
        "to": [PUBLIC, community.uri],
        "cc": [community.followers],
        "audience": community.uri,
        "context": f"{place.thread.uri}/context",
        "replies": f"{place.thread.uri}/replies",
        "url": f"{SITE.origin}/t/{place.thread.id}",
        "tag": [{"type": "Mention", "href": community.uri, "name": f"@{community.name}@here.test"}],
    }


async def test_a_reply_has_no_name_and_names_its_parent(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        other = await make_person(conn)
        await join(conn, place.community, other)
        reply = await make_reply(conn, other, place.reply, text="Yes.")
    note = await door.document(reply.uri)
    assert "name" not in note
    assert "summary" not in note
    assert note["content"] == "<p>Yes.</p>"
    assert note["inReplyTo"] == place.reply.uri
    assert note["context"] == f"{place.thread.uri}/context"
    assert note["url"] == f"{SITE.origin}/t/{place.thread.id}#p{reply.id}"
    assert note["cc"] == [place.community.followers, place.owner.uri]
    assert [tag["href"] for tag in note["tag"]] == [place.community.uri, place.owner.uri]


async def test_snac_gets_the_note_without_a_name(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        snac = await make_server(conn, "snac.test")
        await conn.execute("insert into instances (host, software) values ('snac.test', 'snac')")
    assert "name" not in await door.document(place.thread.uri, agent="snac/2.94; +https://x")
    assert "name" not in await door.document(place.thread.uri, signed_by=snac)
    assert "name" in await door.document(place.thread.uri, agent="Mastodon/4.6 (snac/)")


async def test_an_erased_public_post_leaves_a_tombstone_and_its_delete(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        closed = await make_place(conn, readers="members", hosts=("friend.test",))
        await make_member_elsewhere(conn, place.community, "friend.test", "dazzle")
    await publish_all(fed)
    async with fed.database.write() as conn:
        await erase_post(conn, place.owner, place.reply, now=tick())
        await erase_post(conn, closed.owner, closed.reply, now=tick())
    await publish_all(fed)
    response = await door.get(place.reply.uri)
    assert response.status_code == 410
    assert response.json()["type"] == "Tombstone"
    assert response.json()["id"] == place.reply.uri
    assert (await door.get(place.reply.uri, accept=BROWSER)).status_code == 410
    assert (await door.get(closed.reply.uri)).status_code == 404
    async with fed.database.read() as conn:
        rows = await conn.fetch("select id, type, post_id, body from activities")
    for row in rows:
        response = await door.get(f"/ap/activities/{row['id']}")
        is_delete = "Delete" in row["type"] and row["post_id"] == place.reply.id
        is_shown = is_delete or row["post_id"] == place.thread.id
        assert response.status_code == (200 if is_shown else 404), row
        assert not is_shown or response.content == row["body"]
    context = await door.document(f"{place.thread.uri}/context?after=0")
    assert context["orderedItems"] == [place.thread.uri]


async def test_a_removed_post_is_hidden_without_a_trace(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await conn.execute("update posts set state = 'removed' where id = $1", place.reply.id)
    assert whole(await door.get(place.reply.uri)) == whole(
        await door.get(f"/ap/posts/{UNKNOWN_ID}")
    )


async def test_the_outbox_of_a_public_community_pages_through_what_it_announced(
    door: Door, fed
) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        posts = [place.thread] + [
            await make_thread(conn, place.owner, place.community) for _ in range(24)
        ]
    await publish_all(fed)
    outbox = await door.document(f"{place.community.uri}/outbox")
    assert outbox["type"] == "OrderedCollection"
    first = await door.document(outbox["first"])
    second = await door.document(first["next"])
    assert "next" not in second
    assert first["partOf"] == outbox["id"]
    items = first["orderedItems"] + second["orderedItems"]
    assert [item["object"]["object"]["id"] for item in items] == [
        post.uri for post in reversed(posts)
    ]
    assert {(item["type"], item["actor"]) for item in items} == {("Announce", place.community.uri)}


async def test_followers_are_counted_in_bands_and_never_listed(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        for _ in range(23):
            await join(conn, place.community, await make_remote_person(conn))
    followers = await door.document(f"{place.community.uri}/followers")
    assert followers["totalItems"] == 20
    assert set(followers) == {"@context", "id", "type", "totalItems"}
    assert (await door.document(f"{place.community.uri}/followers?page=1")) == followers


async def test_moderators_are_those_who_look_after_the_community(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        moderator = await make_moderator(conn, place.community)
        await join(conn, place.community, await make_person(conn))
    document = await door.document(f"{place.community.uri}/moderators")
    assert document["orderedItems"] == [place.owner.uri, moderator.uri]


async def test_a_conversation_belongs_to_the_community_and_comes_oldest_first(
    door: Door, fed
) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        author = await make_member_elsewhere(conn, place.community, "there.test", "lemmy")
        far = await make_reply(conn, author, place.thread)
        more = [await make_reply(conn, place.owner, place.reply) for _ in range(52)]
    context = await door.document(f"{place.thread.uri}/context")
    assert context["attributedTo"] == place.community.uri
    first = await door.document(context["first"])
    second = await door.document(first["next"])
    uris = first["orderedItems"] + second["orderedItems"]
    expected = [post.uri for post in (place.thread, place.reply, far, *more)]
    assert uris == expected
    replies = await door.document(f"{place.thread.uri}/replies?after=0")
    assert replies["orderedItems"] == [place.reply.uri, far.uri]


async def test_a_thread_from_elsewhere_is_not_ours_to_show_but_its_conversation_is(
    door: Door, fed
) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        author = await make_member_elsewhere(conn, place.community, "there.test", "lemmy")
        thread = await make_thread(conn, author, place.community)
        reply = await make_reply(conn, place.owner, thread)
    assert (await door.get(f"/ap/posts/{thread.id}")).status_code == 404
    note = await door.document(reply.uri)
    assert note["inReplyTo"] == thread.uri
    items = await door.document(f"{note['context']}?after=0")
    assert items["orderedItems"] == [thread.uri, reply.uri]


@pytest.mark.parametrize("accept", [ACTIVITY, LD, "*/*", f"{LD}, {ACTIVITY}", ""])
async def test_r11_servers_get_the_document(door: Door, fed, accept: str) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
    for uri in (place.thread.uri, place.community.uri, place.owner.uri):
        response = await door.get(uri, accept=accept)
        assert response.headers["content-type"] == ACTIVITY
        assert response.headers["vary"] == "Accept, Signature"
        assert "max-age" in response.headers["cache-control"]


async def test_r11_a_browser_is_sent_to_the_page(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
    pages = {
        place.thread.uri: SITE.thread_url(place.thread.id),
        place.reply.uri: SITE.thread_url(place.thread.id, place.reply.id),
        place.community.uri: SITE.community_url(place.community.name),
        place.owner.uri: SITE.person_url(place.owner.name),
        f"{place.community.uri}/outbox": SITE.community_url(place.community.name),
    }
    for uri, page in pages.items():
        response = await door.get(uri, accept=BROWSER)
        assert (response.status_code, response.headers["location"]) == (303, page)
        assert response.headers["vary"] == "Accept, Signature"


async def test_head_answers_like_get(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
    for path in (place.thread.uri, f"/ap/posts/{UNKNOWN_ID}"):
        head = await door.get(path, method="HEAD")
        get = await door.get(path)
        assert (head.status_code, head.headers) == (get.status_code, get.headers)


@pytest.mark.parametrize("identifier", ["0", "x", "-1", "1e3", "9" * 19, "9" * 400, "²", "1.0"])
async def test_what_can_not_be_an_id_is_not_found(door: Door, identifier: str) -> None:
    unknown = whole(await door.get(f"/ap/posts/{UNKNOWN_ID}"))
    for path in DOCUMENTS:
        assert whole(await door.get(path.format(id=identifier))) == unknown


async def test_somebody_who_waits_or_is_suspended_has_no_actor(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        waiting = await make_person(conn, state="waiting")
        gone = await make_person(conn)
        await actors.set_state(conn, gone.id, "suspended")
    for person in (waiting, gone):
        assert (await door.get(person.uri)).status_code == 404
        finger = finger_of(f"acct:{person.name}@here.test")
        assert (await door.get(finger)).status_code == 404
