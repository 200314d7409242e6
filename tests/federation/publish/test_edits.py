"""Edits and tallies: they take the ways of the post, and say nothing of what is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from federation.context import Federation
from federation.render.document import PUBLIC
from forum.editing import edit_post
from forum.moderation import remove_post
from forum.polls import close_ended, vote
from forum.text import Draft, PollDraft
from forum.threads import erase_post, reply, start_thread
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection, Database
from storage.threads import Post
from tests.factories import (
    SITE,
    join,
    make_community,
    make_draft,
    make_moderator,
    make_person,
    make_remote_community,
    make_reply,
    make_site,
    make_thread,
    tick,
)
from tests.federation.wire import (
    Queued,
    keep_received,
    make_member_elsewhere,
    open_wire,
    publish_all,
    queued,
)

FORUM, MICROBLOG, UNKNOWN = "forum.test", "microblog.test", "unknown.test"
OPTIONS = ("Tea", "Coffee")


@pytest.fixture
async def fed(database: Database) -> AsyncIterator[Federation]:
    async with open_wire(database) as opened:
        yield opened


async def make_place(conn: Connection, **answers: object) -> tuple[Community, Actor]:
    """A community with members on a forum, a microblog and something unknown; a person of ours."""
    await make_site(conn)
    community = await make_community(conn, **answers)  # type: ignore[arg-type]
    await make_member_elsewhere(conn, community, FORUM, "piefed")
    await make_member_elsewhere(conn, community, MICROBLOG, "mastodon")
    await make_member_elsewhere(conn, community, UNKNOWN, None)
    author = await make_person(conn)
    await join(conn, community, author)
    return community, author


async def make_poll(conn: Connection, author: Actor, community: Community, **asked: object) -> Post:
    poll = PollDraft(OPTIONS, ends_at=tick() + timedelta(days=1), **asked)  # type: ignore[arg-type]
    draft = replace(make_draft("Tea or coffee?"), poll=poll)
    return await start_thread(conn, SITE, author, community, draft, now=tick())


async def tell(fed: Federation) -> list[Queued]:
    """What is published of what has happened since the last time."""
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
    await publish_all(fed)
    async with fed.database.read() as conn:
        return await queued(conn)


def forms(rows: list[Queued]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.host, []).append(row.type)
    return found


async def edit(fed: Federation, author: Actor, post: Post, text: str, **how: object) -> None:
    async with fed.database.write() as conn:
        draft = make_draft(post.title, text)
        await edit_post(conn, author, post, draft, now=tick(), **how)  # type: ignore[arg-type]


async def test_an_edit_goes_wrapped_to_forums_and_as_the_authors_own_to_microblogs(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        post = await make_thread(conn, author, community)
    await tell(fed)
    await edit(fed, author, post, "Better words.")
    rows = await tell(fed)
    assert forms(rows) == {
        FORUM: ["Announce Update"],
        UNKNOWN: ["Announce Update", "Update"],
        MICROBLOG: ["Update"],
    }
    update = next(row.document for row in rows if row.type == "Update")
    assert (update["type"], update["actor"]) == ("Update", author.uri)
    assert update["to"] == update["object"]["to"] == [PUBLIC, community.uri]
    assert update["object"]["source"]["content"] == "Better words."
    assert update["object"]["updated"] >= update["object"]["published"]
    announce = next(row.document for row in rows if row.type == "Announce Update")
    assert announce["actor"] == community.uri
    assert announce["object"] == update
    assert {row.object_key for row in rows} == {post.id}


async def test_snac_gets_the_edit_of_a_thread_without_the_name_that_it_would_hide(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        await make_member_elsewhere(conn, community, "snac.test", "snac")
        post = await make_thread(conn, author, community)
    await tell(fed)
    await edit(fed, author, post, "Better words.")
    own = {row.host: row.document["object"] for row in await tell(fed) if row.type == "Update"}
    assert set(own) == {MICROBLOG, UNKNOWN, "snac.test"}
    assert "name" not in own["snac.test"]
    assert post.title in own["snac.test"]["content"]
    assert own[MICROBLOG]["name"] == own[UNKNOWN]["name"] == post.title


async def test_the_edit_of_a_reply_goes_to_those_who_take_part_on_microblogs(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        thread = await make_thread(conn, author, community)
        guest = await make_member_elsewhere(conn, community, "blog.test", "gotosocial")
        await make_reply(conn, guest, thread)
        answer = await make_reply(conn, author, thread)
    await tell(fed)
    await edit(fed, author, answer, "Better words.")
    assert forms(await tell(fed)) == {
        FORUM: ["Announce Update"],
        UNKNOWN: ["Announce Update"],
        "blog.test": ["Update"],
    }


async def test_r30_a_foreign_update_is_passed_on_byte_for_byte_with_all_that_is_unknown_in_it(
    fed,
) -> None:
    async with fed.database.write() as conn:
        community, _ = await make_place(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "lemmy")
        post = await make_thread(conn, author, community)
    await tell(fed)
    uri = f"{post.uri}/update"
    raw = (
        b'{ "type":"Update" ,"@context":["https://w3id.org/security/v1",{"x":"https://x.test/#"}],'
        b'"x:mood":{"b":1.0e2,"a":"\\u00e9"},\n'
        b'"signature":{"type":"RsaSignature2017","signatureValue":"QUJD="},'
        b'"proof":{"z":0,"a":1},"id":"' + uri.encode() + b'","b":1,"b":2}'
    )
    async with fed.database.write() as conn:
        await keep_received(conn, uri, raw)
    await edit(fed, author, post, "Better words.", source_uri=uri)
    rows = await tell(fed)
    assert forms(rows) == {host: ["Announce Update"] for host in (FORUM, UNKNOWN, "origin.test")}
    assert all(row.body.count(raw) == 1 for row in rows)
    assert rows[0].document["object"]["signature"]["type"] == "RsaSignature2017"


async def test_r30_a_foreign_create_keeps_its_signature_too(fed) -> None:
    async with fed.database.write() as conn:
        community, _ = await make_place(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "mastodon")
        post = await make_thread(conn, author, community)
        uri = f"{post.uri}/activity"
        raw = b'{"id":"' + uri.encode() + b'","type":"Create","signature":{"b":2,"a":1}, "?":[ ]}'
        await keep_received(conn, uri, raw)
    rows = [row for row in await tell(fed) if row.type == "Announce Create"]
    assert rows
    assert all(raw in row.body for row in rows)


async def test_a_foreign_update_whose_bytes_are_gone_is_named_by_its_id(fed) -> None:
    async with fed.database.write() as conn:
        community, _ = await make_place(conn)
        author = await make_member_elsewhere(conn, community, "origin.test", "lemmy")
        post = await make_thread(conn, author, community)
    await tell(fed)
    await edit(fed, author, post, "Better words.", source_uri=f"{post.uri}/update")
    rows = await tell(fed)
    assert {row.document["object"] for row in rows} == {f"{post.uri}/update"}


async def test_an_edit_in_a_community_elsewhere_goes_to_its_inbox_only(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_remote_community(conn, host="home.test")
        other = await make_member_elsewhere(conn, community, "other.test", "mastodon")
        author = await make_person(conn)
        await join(conn, community, author)
        post = await make_thread(conn, author, community)
        await make_reply(conn, other, post)
        theirs = await make_thread(conn, other, community)
    await tell(fed)
    await edit(fed, author, post, "Better words.")
    await edit(fed, other, theirs, "Other words.", source_uri="https://other.test/u/1")
    rows = await tell(fed)
    assert [(row.inbox, row.type) for row in rows] == [(community.inbox, "Update")]


async def test_the_edit_of_a_closed_post_goes_to_its_servers_only_and_is_never_public(fed) -> None:
    hosts = ("friend.test", FORUM)
    async with fed.database.write() as conn:
        community, author = await make_place(conn, readers="members", hosts=hosts)
        await make_member_elsewhere(conn, community, "friend.test", "dazzle")
        post = await make_thread(conn, author, community)
    await tell(fed)
    await edit(fed, author, post, "Better words.")
    rows = await tell(fed)
    assert forms(rows) == {"friend.test": ["Announce Update"]}
    assert b"#Public" not in rows[0].body
    assert b'"proof"' not in rows[0].body


async def test_nothing_is_said_of_an_edit_of_what_never_left(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn, travels="nowhere")
        post = await make_thread(conn, author, community)
    await tell(fed)
    await edit(fed, author, post, "Better words.")
    async with fed.database.write() as conn:
        # Later it may travel; what was written before is not widened by an edit.
        await conn.execute("update communities set travels = 'anywhere'")
    assert await tell(fed) == []


async def test_an_edit_before_the_post_was_sent_is_no_second_message(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        post = await make_thread(conn, author, community)
        await edit_post(conn, author, post, make_draft(post.title, "Better."), now=tick())
        await conn.execute("delete from events where kind = 'ThreadStarted'")
    assert await tell(fed) == []


async def test_an_erasure_cancels_an_update_that_waits_and_empties_what_was_sent(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        post = await make_thread(conn, author, community, text="secret words")
    await tell(fed)
    await edit(fed, author, post, "other secret words")
    assert len(await tell(fed)) == 4
    async with fed.database.write() as conn:
        await erase_post(conn, author, post, now=tick())
        assert await queued(conn) == []
        bodies = await conn.fetch("select type, body from activities")
    assert {row["type"] for row in bodies} >= {"Update", "Announce Update"}
    assert all(row["body"] == b"" for row in bodies)
    await publish_all(fed)
    async with fed.database.read() as conn:
        assert {row.type for row in await queued(conn)} == {"Announce Delete", "Delete"}


async def test_a_removal_cancels_an_update_that_waits(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        moderator = await make_moderator(conn, community)
        post = await make_thread(conn, author, community)
    await tell(fed)
    await edit(fed, author, post, "Better words.")
    await tell(fed)
    async with fed.database.write() as conn:
        await remove_post(conn, moderator, post, "advertising", tick())
        assert await queued(conn) == []


async def test_an_edit_of_what_is_erased_meanwhile_says_nothing(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        post = await make_thread(conn, author, community)
    await tell(fed)
    await edit(fed, author, post, "secret words")
    async with fed.database.write() as conn:
        await erase_post(conn, author, post, now=tick())
    rows = await tell(fed)
    assert {row.type for row in rows} == {"Announce Delete", "Delete"}
    assert not any(b"secret" in row.body for row in rows)


async def test_r54_a_poll_goes_out_as_a_question_and_its_numbers_as_an_update(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        voter = await make_person(conn)
        await join(conn, community, voter)
        post = await make_poll(conn, author, community)
    rows = await tell(fed)
    question = next(row.document for row in rows if row.type == "Announce Create")
    question = question["object"]["object"]
    assert question["type"] == "Question"
    assert [answer["name"] for answer in question["oneOf"]] == list(OPTIONS)
    async with fed.database.write() as conn:
        await vote(conn, voter, post, [1], now=tick())
        await close_ended(conn, now=tick() + timedelta(minutes=2))
    rows = await tell(fed)
    assert forms(rows) == {
        FORUM: ["Announce Update"],
        UNKNOWN: ["Announce Update", "Update"],
        MICROBLOG: ["Update"],
    }
    told = next(row.document for row in rows if row.type == "Update")["object"]
    assert [answer["replies"]["totalItems"] for answer in told["oneOf"]] == [0, 1]
    assert told["votersCount"] == 1
    assert "closed" not in told
    assert "updated" not in told
    async with fed.database.write() as conn:
        await close_ended(conn, now=tick() + timedelta(days=2))
    ended = next(row.document for row in await tell(fed) if row.type == "Update")["object"]
    assert ended["closed"] == ended["endTime"]
    assert not any(voter.uri.encode() in row.body for row in rows)


async def test_a_reply_can_be_a_poll(fed) -> None:
    async with fed.database.write() as conn:
        community, author = await make_place(conn)
        thread = await make_thread(conn, author, community)
        draft = Draft("", "Which?", "<p>Which?</p>", poll=PollDraft(OPTIONS, is_many=True))
        await reply(conn, SITE, author, thread, draft, now=tick())
    rows = [row for row in await tell(fed) if b"Question" in row.body]
    question = msgspec.json.decode(rows[0].body)["object"]["object"]
    assert [answer["name"] for answer in question["anyOf"]] == list(OPTIONS)
    assert question["inReplyTo"] == thread.uri
    assert "name" not in question
    assert "endTime" not in question
