"""Events become activities and deliveries: who gets what, in which form, and nothing more."""

from __future__ import annotations

import msgspec
import pytest

from federation import publish
from federation.render.document import PUBLIC
from forum.events import FollowAnswered, MembershipAsked, MembershipLeft
from forum.moderation import remove_post
from forum.outbox import record_event
from forum.threads import erase_post
from storage.communities import Community
from storage.db import Connection, Database
from tests.factories import (
    SITE,
    join,
    make_community,
    make_moderator,
    make_person,
    make_remote_community,
    make_remote_person,
    make_reply,
    make_site,
    make_thread,
    tick,
)
from tests.federation.wire import (
    keep_received,
    make_member_elsewhere,
    open_wire,
    publish_all,
    queued,
)

FORUM, MICROBLOG, UNKNOWN = "forum.test", "microblog.test", "unknown.test"


@pytest.fixture
async def fed(database: Database):
    async with open_wire(database) as opened:
        yield opened


async def make_open_community(conn: Connection) -> Community:
    """A public community with members on a forum, a microblog and something unknown."""
    await make_site(conn)
    community = await make_community(conn)
    await make_member_elsewhere(conn, community, FORUM, "piefed")
    await make_member_elsewhere(conn, community, MICROBLOG, "mastodon")
    await make_member_elsewhere(conn, community, UNKNOWN, None)
    return community


async def make_author(conn: Connection, community: Community):
    author = await make_person(conn)
    await join(conn, community, author)
    return author


def forms(rows) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.host, []).append(row.type)
    return found


async def test_r39_a_thread_goes_wrapped_to_forums_bare_to_microblogs_both_to_unknown(
    fed, database
) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        post = await make_thread(conn, await make_author(conn, community), community)
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    assert forms(rows) == {
        FORUM: ["Announce Create"],
        MICROBLOG: ["Announce"],
        UNKNOWN: ["Announce Create", "Announce"],
    }
    wrapped = next(row.document for row in rows if row.type == "Announce Create")
    assert wrapped["actor"] == community.uri
    assert wrapped["object"]["type"] == "Create"
    assert wrapped["object"]["object"]["id"] == post.uri
    bare = next(row.document for row in rows if row.type == "Announce")
    assert bare["object"] == post.uri
    assert (bare["to"], bare["cc"]) == ([PUBLIC], [community.followers])
    assert {row.object_key for row in rows} == {post.id}


async def test_r38_the_wrapped_create_is_the_activity_that_is_served_at_its_id(
    fed, database
) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        post = await make_thread(conn, await make_author(conn, community), community)
    await publish_all(fed)
    async with database.read() as conn:
        create = await conn.fetchrow(
            "select uri, actor_id, body from activities where type = 'Create'"
        )
        rows = await queued(conn)
    assert create["body"] in rows[0].body
    assert create["actor_id"] == post.author_id
    assert msgspec.json.decode(create["body"])["id"] == create["uri"]


async def test_r37_a_foreign_activity_is_announced_byte_for_byte(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "lemmy")
        post = await make_thread(conn, author, community)
        raw = (
            b'{ "type":"Create" ,"unknown":{"b":1.0e2,"a":"\\u00e9"},\n "proof":{"z":0,"a":1},'
            b'"id":"' + post.uri.encode() + b'/activity","b":1,"b":2}'
        )
        await keep_received(conn, f"{post.uri}/activity", raw)
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    wrapped = [row for row in rows if row.type == "Announce Create"]
    assert {row.host for row in wrapped} == {FORUM, UNKNOWN, "origin.test"}
    assert all(row.body.count(raw) == 1 for row in wrapped)
    assert msgspec.json.decode(wrapped[0].body)["object"]["type"] == "Create"
    bare = [row for row in rows if row.type == "Announce"]
    assert {row.host for row in bare} == {MICROBLOG, UNKNOWN}
    assert bare[0].document["object"] == post.uri


async def test_a_foreign_activity_whose_bytes_are_gone_is_named_by_its_id(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "lemmy")
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    wrapped = next(row for row in rows if row.type == "Announce Create")
    assert wrapped.document["object"] == f"{post.uri}/activity"


async def test_r39_a_reply_is_never_boosted(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        post = await make_thread(conn, author, community)
        reply = await make_reply(conn, author, post)
    await publish_all(fed)
    async with database.read() as conn:
        rows = [row for row in await queued(conn) if row.post_id == reply.id]
    assert forms(rows) == {FORUM: ["Announce Create"], UNKNOWN: ["Announce Create"]}


async def test_who_wrote_in_a_thread_from_a_microblog_gets_the_reply_from_its_author(
    fed, database
) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        post = await make_thread(conn, author, community)
        guest = await make_member_elsewhere(conn, community, "blog.test", "gotosocial")
        question = await make_reply(conn, guest, post)
        answer = await make_reply(conn, author, question)
    await publish_all(fed)
    async with database.read() as conn:
        rows = [row for row in await queued(conn) if row.post_id == answer.id]
    direct = [row for row in rows if row.type == "Create"]
    assert [row.host for row in direct] == ["blog.test"]
    assert direct[0].actor_id == author.id
    note = direct[0].document["object"]
    assert note["inReplyTo"] == question.uri
    assert guest.uri in note["cc"]


async def test_r58_a_closed_thread_goes_to_its_group_only_and_to_no_stranger(fed, database) -> None:
    async with database.write() as conn:
        await make_site(conn)
        community = await make_community(
            conn, readers="members", hosts=("friend.test", "forum.test")
        )
        await make_member_elsewhere(conn, community, "friend.test", "dazzle")
        await make_member_elsewhere(conn, community, "forum.test", "lemmy")
        await make_member_elsewhere(conn, community, "stranger.test", "dazzle")
        await make_thread(conn, await make_author(conn, community), community)
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    assert forms(rows) == {"friend.test": ["Announce Create"]}
    assert b"#Public" not in rows[0].body
    assert rows[0].document["to"] == [community.followers]
    note = rows[0].document["object"]["object"]
    assert note["to"] == [community.uri, community.followers]
    assert note["cc"] == []
    assert "tag" not in note


async def test_what_stays_on_this_server_is_not_even_rendered(fed, database) -> None:
    async with database.write() as conn:
        await make_site(conn)
        community = await make_community(conn, readers="members", travels="nowhere")
        await make_thread(conn, await make_author(conn, community), community)
    await publish_all(fed)
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from activities") == 0
        assert await conn.fetchval("select count(*) from events") == 0


async def test_a_post_in_a_community_elsewhere_goes_to_its_inbox_only(fed, database) -> None:
    async with database.write() as conn:
        await make_site(conn)
        community = await make_remote_community(conn, host="home.test")
        other = await make_member_elsewhere(conn, community, "other.test", "mastodon")
        author = await make_author(conn, community)
        post = await make_thread(conn, author, community)
        await make_thread(conn, other, community)
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    assert [(row.host, row.inbox, row.type) for row in rows] == [
        ("home.test", community.inbox, "Create")
    ]
    document = rows[0].document
    assert document["object"]["id"] == post.uri
    assert document["to"] == document["object"]["to"] == [PUBLIC, community.uri]
    assert document["cc"] == document["object"]["cc"] == [community.followers]
    assert document["audience"] == document["object"]["audience"] == community.uri


async def test_nothing_is_sent_of_a_post_that_was_erased_first(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        post = await make_thread(conn, author, community, title="Never said")
        await erase_post(conn, author, post, now=tick())
    await publish_all(fed)
    async with database.read() as conn:
        assert await queued(conn) == []
        assert await conn.fetchval("select count(*) from activities") == 0


async def test_an_erasure_reaches_all_who_got_the_post_and_drops_its_words(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        post = await make_thread(conn, author, community, title="Taken back", text="secret words")
    await publish_all(fed)
    async with database.write() as conn:
        await conn.execute("delete from deliveries")  # all were sent
        await conn.execute(
            "update memberships m set state = 'left' from actors a"
            " where a.id = m.actor_id and a.host = $1",
            FORUM,
        )
        await erase_post(conn, author, post, now=tick())
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
        bodies = await conn.fetch("select type, body from activities")
    assert forms(rows) == {
        FORUM: ["Announce Delete"],
        MICROBLOG: ["Delete"],
        UNKNOWN: ["Announce Delete", "Delete"],
    }
    delete = next(row for row in rows if row.type == "Delete")
    assert delete.actor_id == author.id
    assert delete.document["object"] == {
        "id": post.uri,
        "type": "Tombstone",
        "formerType": "Note",
    }
    assert "summary" not in delete.document
    for row in bodies:
        assert b"secret words" not in row["body"]
        assert b"Taken back" not in row["body"]
    assert all((row["body"] == b"") == ("Delete" not in row["type"]) for row in bodies)


async def test_an_erasure_cancels_what_still_waits_and_keeps_the_delete(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    async with database.write() as conn:
        await erase_post(conn, author, post, now=tick())
        assert await queued(conn) == []
    await publish_all(fed)
    async with database.read() as conn:
        assert {row.type for row in await queued(conn)} == {"Announce Delete", "Delete"}


async def test_a_foreign_authors_delete_is_passed_on_as_it_came(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "lemmy")
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    raw = b'{"type":"Delete", "x":1,"id":"https://origin.test/d/1","object":"o"}'
    async with database.write() as conn:
        await conn.execute("delete from deliveries")
        await keep_received(conn, "https://origin.test/d/1", raw)
        await erase_post(conn, author, post, now=tick(), source_uri="https://origin.test/d/1")
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
        boost = await conn.fetchval("select uri from activities where type = 'Announce'")
    assert forms(rows) == {
        "origin.test": ["Announce Delete"],
        FORUM: ["Announce Delete"],
        MICROBLOG: ["Undo Announce"],
        UNKNOWN: ["Announce Delete", "Undo Announce"],
    }
    assert raw in rows[0].body
    undo = next(row.document for row in rows if row.type == "Undo Announce")
    assert undo["object"]["id"] == boost
    assert undo["actor"] == community.uri


async def test_a_foreign_delete_of_which_no_bytes_are_kept_is_told_under_its_id(
    fed, database
) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "friendica")
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    uri = "https://origin.test/d/1"
    async with database.write() as conn:
        await conn.execute("delete from deliveries")
        await keep_received(conn, uri, b"")
        await erase_post(conn, author, post, now=tick(), source_uri=uri)
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    told = next(row.document for row in rows if row.type == "Announce Delete")["object"]
    assert (told["id"], told["actor"], told["object"]["id"]) == (uri, author.uri, post.uri)


async def test_r48_a_removal_tells_forums_the_reason_and_microblogs_the_authors_delete(
    fed, database
) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        moderator = await make_moderator(conn, community)
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    async with database.write() as conn:
        await conn.execute("delete from deliveries")
        await remove_post(conn, moderator, post, "advertising", tick())
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    assert forms(rows) == {
        FORUM: ["Announce Delete"],
        MICROBLOG: ["Delete"],
        UNKNOWN: ["Announce Delete", "Delete"],
    }
    inner = rows[0].document["object"]
    assert (inner["type"], inner["actor"]) == ("Delete", moderator.uri)
    assert inner["summary"] == "advertising"
    own = next(row.document for row in rows if row.type == "Delete")
    assert own["actor"] == author.uri
    assert "summary" not in own


async def test_r48_a_removal_of_a_foreign_post_takes_the_boost_back(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "mastodon")
        moderator = await make_moderator(conn, community)
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    async with database.write() as conn:
        await conn.execute("delete from deliveries")
        await remove_post(conn, moderator, post, "advertising", tick())
    await publish_all(fed)
    async with database.read() as conn:
        found = forms(await queued(conn))
    assert found[MICROBLOG] == found["origin.test"] == ["Undo Announce"]
    assert found[FORUM] == ["Announce Delete"]


async def test_a_follow_keeps_its_id_when_somebody_leaves_and_comes_back(fed, database) -> None:
    async with database.write() as conn:
        await make_site(conn)
        community = await make_remote_community(conn, host="home.test")
        person = await make_person(conn)
        uri = SITE.follow_uri(person.id, community.id)
        for event in (MembershipAsked, MembershipLeft, MembershipAsked):
            await record_event(conn, event(community.id, person.id, uri))
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    assert [row.type for row in rows] == ["Follow", "Undo Follow", "Follow"]
    assert {row.object_key for row in rows} == {person.id}
    follow, undo, again = (row.document for row in rows)
    assert follow == again
    assert follow["id"] == undo["object"]["id"] == uri
    assert follow["object"] == undo["object"]["object"] == community.uri
    assert undo["id"] != uri


async def test_r33_an_answer_embeds_the_follow_byte_for_byte(fed, database) -> None:
    follow = '{"id":"https://there.test/f/1", "type":"Follow","x":{"b":1,"a":2.50}}'
    async with database.write() as conn:
        await make_site(conn)
        community = await make_community(conn)
        person = await make_remote_person(conn)
        await record_event(conn, FollowAnswered(community.id, person.id, True, follow))
        await record_event(conn, FollowAnswered(community.id, person.id, False, follow))
    await publish_all(fed)
    async with database.read() as conn:
        rows = await queued(conn)
    assert [row.document["type"] for row in rows] == ["Accept", "Reject"]
    assert all(follow.encode() in row.body for row in rows)
    assert [row.inbox for row in rows] == [person.inbox] * 2
    assert rows[0].document["to"] == [person.uri]


async def test_a_server_that_may_not_know_a_community_gets_no_answer_from_it(fed, database) -> None:
    async with database.write() as conn:
        await make_site(conn)
        community = await make_community(conn, readers="members", hosts=("friend.test",))
        person = await make_remote_person(conn, host="stranger.test")
        await record_event(conn, FollowAnswered(community.id, person.id, False, "{}"))
    await publish_all(fed)
    async with database.read() as conn:
        assert await queued(conn) == []


async def test_r63_a_blocked_server_is_no_recipient(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        await conn.execute("update instances set policy = 'refused' where host = $1", FORUM)
        await make_thread(conn, await make_author(conn, community), community)
    await publish_all(fed)
    async with database.read() as conn:
        assert {row.host for row in await queued(conn)} == {MICROBLOG, UNKNOWN}


async def test_an_event_that_keeps_failing_is_set_aside_and_holds_nobody_up(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        await conn.execute(
            "insert into events (kind, payload) values ('Unheard', '{\"post_id\": null}')"
        )
        await make_thread(conn, await make_author(conn, community), community)
    for _ in range(6):
        await publish.step(fed)
        async with database.write() as conn:
            await conn.execute("update events set due_at = now()")
    async with database.read() as conn:
        left = await conn.fetch("select kind, state, tries, reason from events")
        rows = await queued(conn)
    assert [(row["kind"], row["state"], row["tries"]) for row in left] == [("Unheard", "dead", 5)]
    assert "KeyError" in left[0]["reason"]
    assert len(rows) == 4


async def test_a_post_that_is_being_changed_is_left_for_the_next_look(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        post = await make_thread(conn, author, community, text="unsaid")
    async with database.write() as conn:
        await erase_post(conn, author, post, now=tick())
        assert await publish.step(fed) == 0
    await publish_all(fed)
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from activities") == 0


async def test_two_publishers_send_each_event_once(fed, database) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        for _ in range(5):
            await make_thread(conn, author, community)
    async with open_wire(database) as second:
        for _ in range(3):
            await publish.step(fed)
            await publish.step(second)
    async with database.read() as conn:
        assert len(await queued(conn)) == 5 * 4


async def test_a_long_backlog_is_published_in_few_looks_without_ids_that_meet(
    fed, database, caplog
) -> None:
    async with database.write() as conn:
        community = await make_open_community(conn)
        author = await make_author(conn, community)
        for _ in range(120):
            await make_thread(conn, author, community)
    assert [await publish.step(fed) for _ in range(4)] == [50, 50, 20, 0]
    assert caplog.records == []
