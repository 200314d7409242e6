"""Posts, conversations and activities at the door: who sees them, and what is left when they go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from federation.context import Federation
from federation.render.document import PUBLIC
from forum.closing import close_account
from forum.editing import edit_post
from forum.erasing import recall
from forum.polls import vote
from forum.reactions import react, take_back
from forum.text import PollDraft
from forum.threads import Origin, erase_post, start_thread
from storage import post_copies
from storage.db import Database
from tests.factories import (
    SITE,
    join,
    make_admin,
    make_draft,
    make_person,
    make_reply,
    make_thread,
    tick,
)
from tests.federation.doors import (
    BROWSER,
    UNKNOWN_ID,
    Door,
    Place,
    make_place,
    make_server,
    open_door,
    whole,
)
from tests.federation.wire import make_member_elsewhere, open_wire, publish_all


@pytest.fixture
async def fed(database: Database) -> AsyncIterator[Federation]:
    async with open_wire(database) as opened:
        yield opened


@pytest.fixture
async def door(fed) -> AsyncIterator[Door]:
    async with open_door(fed) as opened:
        yield opened


async def everything_listed(door: Door, place: Place, **options) -> str:
    """All that the collections of a place say, in one text."""
    thread, community = place.thread.uri, place.community.uri
    paths = (
        f"{thread}/context", f"{thread}/context?after=0", f"{thread}/replies?after=0",
        f"{community}/outbox", f"{community}/outbox?page=1", f"{community}/featured",
        f"{community}/followers", f"{place.owner.uri}/outbox", f"{place.reply.uri}/replies?after=0",
    )  # fmt: skip
    return "".join([(await door.get(path, **options)).text for path in paths])


async def test_r56_a_conversation_is_in_order_and_belongs_to_its_community(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        guest = await make_member_elsewhere(conn, place.community, "there.test", "lemmy")
        far = await make_reply(conn, guest, place.reply)
        last = await make_reply(conn, place.owner, place.thread)
    note = await door.document(last.uri)
    context = await door.document(note["context"])
    assert context["type"] == "OrderedCollection"
    assert context["attributedTo"] == place.community.uri
    page = await door.document(context["first"])
    assert (page["type"], page["partOf"]) == ("OrderedCollectionPage", context["id"])
    assert page["orderedItems"] == [place.thread.uri, place.reply.uri, far.uri, last.uri]
    replies = await door.document(f"{place.thread.uri}/replies")
    first = await door.document(replies["first"])
    assert first["orderedItems"] == [place.reply.uri, last.uri]


async def test_r56_a_conversation_shows_what_its_viewer_may_read(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn, readers="members", hosts=("friend.test", "named.test"))
        member = await make_member_elsewhere(conn, place.community, "friend.test", "dazzle")
        friend = await make_server(conn, "friend.test")
        named = await make_server(conn, "named.test")
        removed = await make_reply(conn, place.owner, place.thread)
        await conn.execute("update posts set state = 'removed' where id = $1", removed.id)
        blocked = await make_person(conn)
        await join(conn, place.community, blocked)
        theirs = await make_reply(conn, blocked, place.thread)
        await conn.execute(
            "insert into blocks (blocker_id, blocked_id) values ($1, $2)", blocked.id, member.id
        )
    url = f"{place.thread.uri}/context?after=0"
    seen = (await door.document(url, signed_by=friend))["orderedItems"]
    assert seen == [place.thread.uri, place.reply.uri, theirs.uri]
    seen = (await door.document(url, signed_by=member))["orderedItems"]
    assert seen == [place.thread.uri, place.reply.uri]
    unknown = whole(await door.get(f"/ap/posts/{UNKNOWN_ID}/context?after=0"))
    assert whole(await door.get(url)) == unknown
    assert whole(await door.get(url, signed_by=named)) == unknown


async def test_r57_what_is_erased_leaves_a_tombstone_and_stands_in_no_collection(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await make_member_elsewhere(conn, place.community, "forum.test", "piefed")
        gone = await make_reply(conn, place.owner, place.reply, text="said too much")
    await publish_all(fed)
    assert gone.uri in await everything_listed(door, place)
    async with fed.database.write() as conn:
        await erase_post(conn, place.owner, gone, now=tick())
    await publish_all(fed)
    for accept in ("application/activity+json", BROWSER):
        answer = await door.get(gone.uri, accept=accept)
        assert answer.status_code == 410
        assert {**answer.json(), "@context": None} == {
            "@context": None,
            "id": gone.uri,
            "type": "Tombstone",
            "formerType": "Note",
        }
    listed = await everything_listed(door, place)
    assert gone.uri not in listed
    assert "said too much" not in listed
    assert (await door.get(f"{gone.uri}/replies")).status_code == 404


async def test_r57_of_an_erased_thread_the_outbox_says_nothing_more(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await make_member_elsewhere(conn, place.community, "forum.test", "piefed")
    await publish_all(fed)
    async with fed.database.write() as conn:
        draft = make_draft(place.thread.title, "more of it")
        await edit_post(conn, place.owner, place.thread, draft, now=tick())
    fed.clock.move(timedelta(seconds=1))  # what is told in one millisecond has no order
    await publish_all(fed)
    (item,) = (await door.document(f"{place.community.uri}/outbox?page=1"))["orderedItems"]
    assert item["object"]["object"]["source"]["content"] == "more of it"
    async with fed.database.write() as conn:
        await erase_post(conn, place.owner, place.thread, now=tick())
    await publish_all(fed)
    outbox = await door.document(f"{place.community.uri}/outbox?page=1")
    assert outbox["orderedItems"] == []
    async with fed.database.read() as conn:
        rows = await conn.fetch(
            "select id, type from activities where post_id = $1", place.thread.id
        )
    for row in rows:
        answer = await door.get(f"/ap/activities/{row['id']}")
        assert answer.status_code == (200 if "Delete" in row["type"] else 404), row["type"]
    assert {"Update", "Announce Update", "Delete"} <= {row["type"] for row in rows}


async def test_r57_the_tombstone_of_a_closed_post_is_for_those_who_could_read_it(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn, readers="members", hosts=("friend.test", "named.test"))
        await make_member_elsewhere(conn, place.community, "friend.test", "dazzle")
        friend = await make_server(conn, "friend.test")
        named = await make_server(conn, "named.test")
    await publish_all(fed)
    async with fed.database.write() as conn:
        await erase_post(conn, place.owner, place.reply, now=tick())
    await publish_all(fed)
    answer = await door.get(place.reply.uri, signed_by=friend)
    assert (answer.status_code, answer.headers["cache-control"]) == (410, "private, no-store")
    async with fed.database.read() as conn:
        delete = await conn.fetchval(
            "select id from activities where type = 'Delete' and post_id = $1", place.reply.id
        )
    path = f"/ap/activities/{delete}"
    assert (await door.get(path, signed_by=friend)).status_code == 200
    for options in ({}, {"signed_by": named}, {"accept": BROWSER}):
        unknown = whole(await door.get(f"/ap/posts/{UNKNOWN_ID}", **options))
        assert whole(await door.get(place.reply.uri, **options)) == unknown
        assert whole(await door.get(path, **options)) == unknown
    assert place.reply.uri not in await everything_listed(door, place, signed_by=friend)


async def test_r57_what_a_moderator_removed_is_not_found_and_not_listed(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await conn.execute("update posts set state = 'removed' where id = $1", place.reply.id)
    unknown = whole(await door.get(f"/ap/posts/{UNKNOWN_ID}"))
    assert whole(await door.get(place.reply.uri)) == unknown
    assert place.reply.uri not in await everything_listed(door, place)


async def test_a_poll_is_shown_with_its_numbers_and_nobodys_name(door, fed) -> None:
    poll = PollDraft(("Tea", "Coffee"), ends_at=tick() + timedelta(days=9000))
    async with fed.database.write() as conn:
        place = await make_place(conn)
        voter = await make_person(conn)
        await join(conn, place.community, voter)
        draft = replace(make_draft("Tea or coffee?"), poll=poll)
        post = await start_thread(conn, SITE, place.owner, place.community, draft, now=tick())
        await vote(conn, voter, post, [0], now=tick())
    answer = await door.get(post.uri)
    question = answer.json()
    assert question["type"] == "Question"
    numbers = [(one["name"], one["replies"]["totalItems"]) for one in question["oneOf"]]
    assert numbers == [("Tea", 1), ("Coffee", 0)]
    assert question["votersCount"] == 1
    assert voter.uri not in answer.text


async def test_an_edited_post_says_when(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        draft = make_draft(place.thread.title, "Other words.")
        await edit_post(conn, place.owner, place.thread, draft, now=tick())
    note = await door.document(place.thread.uri)
    assert note["source"]["content"] == "Other words."
    assert note["updated"] >= note["published"]
    assert (note["type"], note["to"][0]) == ("Note", PUBLIC)


async def test_r50_votes_and_likes_are_read_at_no_address(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        author = await make_member_elsewhere(conn, place.community, "origin.test", "mastodon")
        server = await make_server(conn, "origin.test")
        liked = await make_thread(conn, author, place.community)
        poll = PollDraft(("Tea", "Coffee"), votes=(0, 0), voters=0)
        draft = replace(make_draft("Tea?"), type="Question", poll=poll)
        uri = "https://origin.test/q/1"
        question = await start_thread(
            conn, SITE, author, place.community, draft, now=tick(),
            origin=Origin(uri, uri, tick(), f"{uri}/activity"),
        )  # fmt: skip
        await vote(conn, place.owner, question, [0], now=tick())
        await react(conn, place.owner, liked, "like", now=tick(), is_shared=True)
    await publish_all(fed)
    async with fed.database.write() as conn:
        await take_back(conn, place.owner, liked, "like", now=tick())
    await publish_all(fed)
    async with fed.database.read() as conn:
        rows = await conn.fetch(
            "select id, type from activities where actor_id = $1", place.owner.id
        )
    personal = [row for row in rows if row["type"] in ("Vote", "Like", "Undo Like")]
    assert len(personal) == 3
    unknown = whole(await door.get(f"/ap/activities/{UNKNOWN_ID}"))
    for row in personal:
        for options in ({}, {"signed_by": server}, {"signed_by": author}):
            assert whole(await door.get(f"/ap/activities/{row['id']}", **options)) == unknown


async def test_pat05_it_is_kept_which_server_came_for_a_post(door, fed) -> None:
    """Through each address that shows its words; who does not sign cannot be told later."""
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await make_member_elsewhere(conn, place.community, "there.test", "lemmy")
        readers = [await make_server(conn, f"reader{number}.test") for number in range(3)]
    await publish_all(fed)
    async with fed.database.read() as conn:
        announced = await conn.fetchval(
            "select uri from activities where post_id = $1 limit 1", place.thread.id
        )
    paths = (place.thread.uri, announced, f"{place.community.uri}/outbox?page=1")
    for reader, path in zip(readers, paths, strict=True):
        for options in ({}, {"signed_by": reader}, {"signed_by": reader}):
            assert (await door.get(path, **options)).status_code == 200
    async with fed.database.read() as conn:
        copies = await post_copies.list_hosts_unfiltered(conn, place.thread.id)
    assert copies == [reader.host for reader in readers]


async def test_pat05_a_deletion_for_one_server_is_read_by_no_other(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        admin = await make_admin(conn)
        friend = await make_server(conn, "friend.test")
        await post_copies.note(conn, [place.thread.id], friend.host)
        await recall(conn, admin, friend.host, "Sold.", tick())
    await publish_all(fed)
    async with fed.database.read() as conn:
        (uri,) = [
            row["uri"]
            for row in await conn.fetch("select uri from activities where type = 'Recall'")
        ]
    assert (await door.get(uri, signed_by=friend)).status_code == 404
    assert (await door.get(place.thread.uri, signed_by=friend)).status_code == 200


async def test_pat05_who_closed_an_account_is_gone_at_their_address(door, fed) -> None:
    async with fed.database.write() as conn:
        place = await make_place(conn)
        await close_account(conn, place.owner, tick())
    answer = await door.get(place.owner.uri)
    assert answer.status_code == 410
    assert set(answer.json()) == {"@context", "id", "type", "formerType"}
