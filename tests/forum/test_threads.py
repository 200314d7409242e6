from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from forum import moderation, threads
from forum.errors import Conflict, Invalid, NotAllowed, NotFound
from storage import actors, memberships
from storage import threads as stored
from storage.audience import NOBODY, Viewer
from storage.communities import Community
from storage.db import Connection, Database
from storage.threads import Post
from tests import factories
from tests.factories import (
    SITE,
    join,
    make_community,
    make_draft,
    make_person,
    make_remote_community,
    make_remote_person,
    make_reply,
    make_thread,
    tick,
)

ROW = "select state, title, source, html, reply_count, active_at, version from posts where id = $1"
EVENTS = "select kind, payload from events order by id"


async def event_kinds(conn: Connection) -> list[str]:
    return [row["kind"] for row in await conn.fetch(EVENTS)]


async def test_a_thread_is_kept_and_told(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    thread = await make_thread(conn, author, community, title="  A good day ")
    assert (thread.kind, thread.title, thread.audience) == ("thread", "A good day", "public")
    assert thread.uri == f"https://here.test/ap/posts/{thread.id}"
    assert thread.url == f"https://here.test/t/{thread.id}"
    assert await stored.read_post(conn, NOBODY, thread.id) == thread
    events = await conn.fetch(EVENTS)
    assert [(row["kind"], row["payload"]) for row in events] == [
        ("ThreadStarted", {"post_id": thread.id, "source_uri": None})
    ]


async def test_the_audience_follows_from_the_community(conn: Connection) -> None:
    author = await make_person(conn)
    closed = await make_community(conn, author, readers="members")
    thread = await make_thread(conn, author, closed)
    reply = await make_reply(conn, author, thread)
    assert (thread.audience, reply.audience) == ("community", "community")


async def test_only_members_post_even_in_public_communities(conn: Connection) -> None:
    community = await make_community(conn)
    for state in (None, "asked", "left", "refused"):
        person = await make_person(conn)
        if state:
            await join(conn, community, person, state=state)
        with pytest.raises(NotAllowed, match="not_a_member"):
            await make_thread(conn, person, community)


async def test_the_rule_is_the_same_for_people_elsewhere(conn: Connection) -> None:
    await factories.make_site(conn)
    owner = await make_person(conn)
    community = await make_community(conn, owner)
    thread = await make_thread(conn, owner, community)
    person = await make_remote_person(conn)
    with pytest.raises(NotAllowed, match="not_a_member"):
        await make_reply(conn, person, thread)
    await join(conn, community, person)
    reply = await make_reply(conn, person, thread, uri="https://there.test/posts/1")
    assert reply.uri == "https://there.test/posts/1"
    assert not reply.is_local
    await memberships.set_stop(conn, community.id, person.id, factories.far_future(), "rude")
    with pytest.raises(NotAllowed, match="stopped"):
        await make_reply(conn, person, thread)


async def test_nobody_posts_from_a_refused_server(conn: Connection) -> None:
    await factories.make_site(conn, mode="named")
    community = await make_community(conn)
    person = await make_remote_person(conn)
    await join(conn, community, person)
    with pytest.raises(NotAllowed, match="host_refused"):
        await make_thread(conn, person, community)


async def test_a_waiting_or_suspended_account_writes_nothing(conn: Connection) -> None:
    community = await make_community(conn)
    for state, code in (("waiting", "waiting"), ("suspended", "suspended")):
        person = await make_person(conn, state=state)
        await join(conn, community, person)
        with pytest.raises(NotAllowed, match=code):
            await make_thread(conn, person, community)


async def test_whom_the_author_of_the_thread_blocks_cannot_answer_in_it(conn: Connection) -> None:
    author, other, third = [await make_person(conn) for _ in range(3)]
    community = await make_community(conn, author)
    for person in (other, third):
        await join(conn, community, person)
    thread = await make_thread(conn, author, community)
    reply = await make_reply(conn, third, thread)
    await moderation.block_person(conn, author, other, tick())
    for parent in (thread, reply):
        with pytest.raises(NotAllowed, match="blocked"):
            await make_reply(conn, other, parent)


async def test_a_reply_has_no_title_and_needs_words(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    thread = await make_thread(conn, author, community)
    draft = make_draft("A title", "Words")
    reply = await threads.reply(conn, SITE, author, thread, draft, now=tick())
    assert reply.title == ""
    empty = replace(draft, source="", html="")
    with pytest.raises(Invalid, match="empty"):
        await threads.reply(conn, SITE, author, thread, empty, now=tick())
    with pytest.raises(Invalid, match="empty"):
        await threads.start_thread(conn, SITE, author, community, empty, now=tick())


@pytest.mark.parametrize(
    ("title", "text", "field"),
    [("", "x", "title"), ("t" * 201, "x", "title"), ("t", "x" * 10_001, "source")],
)
async def test_what_is_too_long_or_missing_is_said_beside_its_field(
    title: str, text: str, field: str, conn: Connection
) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    with pytest.raises(Invalid) as refusal:
        await make_thread(conn, author, community, title=title, text=text)
    assert refusal.value.field == field


async def test_a_long_title_from_elsewhere_is_cut(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_community(conn)
    person = await make_remote_person(conn)
    await join(conn, community, person)
    thread = await make_thread(conn, person, community, title="t" * 300)
    assert len(thread.title) == 200


async def test_a_post_from_the_future_is_from_now(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_community(conn)
    person = await make_remote_person(conn)
    await join(conn, community, person)
    now = tick()
    origin = threads.Origin("https://there.test/1", None, now + timedelta(days=400), None)
    thread = await threads.start_thread(
        conn, SITE, person, community, make_draft("Soon"), now=now, origin=origin
    )
    assert thread.published_at == now


async def test_a_deep_reply_attaches_at_the_fiftieth_level(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    post = thread = await make_thread(conn, author, community)
    for _ in range(55):
        parent, post = post, await make_reply(conn, author, post)
    assert post.parent_id == parent.id
    assert len(post.path) == 51
    rows = await stored.read_thread(conn, NOBODY, thread.id, limit=100)
    assert max(len(row.path) for row in rows) == 51
    assert len(rows) == 56


async def test_replies_come_in_tree_order(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    thread = await make_thread(conn, author, community)
    first = await make_reply(conn, author, thread)
    second = await make_reply(conn, author, thread)
    below = await make_reply(conn, author, first)
    rows = await stored.read_thread(conn, NOBODY, thread.id, limit=100)
    assert [row.id for row in rows] == [thread.id, first.id, below.id, second.id]
    page = await stored.read_thread(conn, NOBODY, thread.id, after=rows[1].path, limit=1)
    assert [row.id for row in page] == [below.id]


async def test_a_reply_moves_its_thread_up(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    older = await make_thread(conn, author, community)
    newer = await make_thread(conn, author, community)
    reply = await make_reply(conn, author, older)
    lines = await stored.list_threads(conn, NOBODY, community.id, limit=10)
    assert [(line.id, line.reply_count) for line in lines] == [(older.id, 1), (newer.id, 0)]
    assert lines[0].active_at == reply.published_at
    last = (lines[0].active_at, lines[0].id)
    rest = await stored.list_threads(conn, NOBODY, community.id, before=last, limit=10)
    assert [line.id for line in rest] == [newer.id]


async def test_a_parent_that_is_gone_is_not_answered(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    thread = await make_thread(conn, author, community)
    await threads.erase_post(conn, author, thread, now=tick())
    gone = await stored.read_unfiltered(conn, thread.id)
    assert gone
    with pytest.raises(NotAllowed, match="parent_gone"):
        await make_reply(conn, author, gone)


async def test_the_same_uri_twice_is_one_post(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_community(conn)
    person, other = await make_remote_person(conn), await make_remote_person(conn)
    await join(conn, community, person)
    await join(conn, community, other)
    first = await make_thread(conn, person, community, uri="https://there.test/posts/7")
    again = await make_thread(conn, person, community, uri="https://there.test/posts/7")
    assert again.id == first.id
    assert await event_kinds(conn) == ["ThreadStarted"]
    with pytest.raises(Conflict, match="uri_taken"):
        await make_thread(conn, other, community, uri="https://there.test/posts/7")


async def test_a_form_sent_twice_makes_one_post(conn: Connection) -> None:
    author = await make_person(conn)
    community = await make_community(conn, author)
    posts = [
        await threads.start_thread(
            conn, SITE, author, community, make_draft("Once"), now=tick(), submission="form-1"
        )
        for _ in range(2)
    ]
    assert posts[0].id == posts[1].id
    replies = [
        await threads.reply(
            conn, SITE, author, posts[0], make_draft(), now=tick(), submission="form-2"
        )
        for _ in range(2)
    ]
    assert replies[0].id == replies[1].id
    assert await event_kinds(conn) == ["ThreadStarted", "ReplyPosted"]


async def test_a_form_sent_twice_at_the_same_time_makes_one_post(database: Database) -> None:
    async with database.write() as conn:
        author = await make_person(conn)
        community = await make_community(conn, author)

    async def send() -> Post:
        async with database.write() as conn:
            return await threads.start_thread(
                conn, SITE, author, community, make_draft("Once"), now=tick(), submission="form"
            )

    posts = await asyncio.gather(*(send() for _ in range(5)))
    assert len({post.id for post in posts}) == 1
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from posts") == 1
        assert await conn.fetchval("select count(*) from events") == 1


async def thread_with_replies(conn: Connection) -> tuple[Community, Post, list[Post]]:
    author = await make_person(conn)
    community = await make_community(conn, author)
    thread = await make_thread(conn, author, community)
    return community, thread, [await make_reply(conn, author, thread) for _ in range(2)]


async def author_of(conn: Connection, post: Post):
    return await actors.read_unfiltered(conn, post.author_id)


async def test_an_erased_reply_leaves_its_place_and_nothing_else(conn: Connection) -> None:
    _, thread, (first, second) = await thread_with_replies(conn)
    author = await author_of(conn, thread)
    before = await stored.read_page_version(conn, thread.id)
    await threads.erase_post(conn, author, second, now=tick())
    row = await conn.fetchrow(ROW, second.id)
    assert (row["state"], row["title"], row["source"], row["html"]) == ("erased", "", "", "")
    row = await conn.fetchrow(ROW, thread.id)
    assert (row["reply_count"], row["active_at"]) == (1, first.published_at)
    after = await stored.read_page_version(conn, thread.id)
    assert before
    assert after
    assert after.version > before.version
    assert (await event_kinds(conn))[-1] == "PostErased"


async def test_to_erase_twice_tells_once(conn: Connection) -> None:
    _, thread, replies = await thread_with_replies(conn)
    author = await author_of(conn, thread)
    for _ in range(2):
        await threads.erase_post(conn, author, replies[0], now=tick())
    assert (await event_kinds(conn)).count("PostErased") == 1


async def test_an_erased_thread_keeps_its_replies_readable(conn: Connection) -> None:
    _, thread, replies = await thread_with_replies(conn)
    await threads.erase_post(conn, await author_of(conn, thread), thread, now=tick())
    rows = await stored.read_thread(conn, NOBODY, thread.id, limit=10)
    assert [row.id for row in rows] == [reply.id for reply in replies]
    assert all(row.path[0] == thread.id for row in rows)
    assert await stored.read_page_version(conn, thread.id) is not None


async def test_nobody_erases_for_somebody_else(conn: Connection) -> None:
    community, thread, _ = await thread_with_replies(conn)
    moderator = await factories.make_moderator(conn, community)
    with pytest.raises(NotAllowed, match="not_yours"):
        await threads.erase_post(conn, moderator, thread, now=tick())


async def test_what_was_taken_back_elsewhere_does_not_come_again(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_community(conn)
    person = await make_remote_person(conn)
    await join(conn, community, person)
    thread = await make_thread(conn, person, community, uri="https://there.test/posts/1")
    await threads.erase_post(conn, person, thread, now=tick(), source_uri="https://there.test/d")
    with pytest.raises(NotAllowed, match="erased"):
        await make_thread(conn, person, community, uri="https://there.test/posts/1")
    await threads.remember_deletion(conn, "https://there.test/posts/2", "there.test", tick())
    with pytest.raises(NotAllowed, match="erased"):
        await make_thread(conn, person, community, uri="https://there.test/posts/2")
    await threads.remember_deletion(conn, "https://there.test/posts/3", "evil.test", tick())
    assert await make_thread(conn, person, community, uri="https://there.test/posts/3")


async def test_erasing_empties_what_was_received_and_what_is_to_be_sent(conn: Connection) -> None:
    _, thread, _ = await thread_with_replies(conn)
    await conn.execute(
        "insert into activities (id, uri, actor_id, type, post_id, body) values "
        "(1, 'https://here.test/ap/activities/1', $1, 'Create', $2, '{\"secret\": 1}')",
        thread.author_id,
        thread.id,
    )
    await conn.execute("insert into destinations (host) values ('there.test')")
    await conn.execute(
        "insert into deliveries (activity_id, inbox, host, object_key) "
        "values (1, 'https://there.test/inbox', 'there.test', $1)",
        thread.id,
    )
    await conn.execute(
        "insert into inbox (id, uri, type, actor_uri, host, body, state, post_id) "
        "values (1, 'https://there.test/a', 'Create', 'x', 'there.test', 'secret', 'done', $1)",
        thread.id,
    )
    await threads.erase_post(conn, await author_of(conn, thread), thread, now=tick())
    assert await conn.fetchval("select body from activities") == b""
    assert await conn.fetchval("select body from inbox") == b""
    assert await conn.fetchval("select count(*) from deliveries") == 0


async def test_a_community_elsewhere_is_written_in_by_its_members_here(conn: Connection) -> None:
    community = await make_remote_community(conn, readers="members")
    person = await make_person(conn)
    with pytest.raises(NotAllowed, match="not_a_member"):
        await make_thread(conn, person, community)
    await join(conn, community, person)
    thread = await make_thread(conn, person, community)
    assert thread.audience == "community"
    assert thread.is_local


async def test_what_nobody_here_reads_is_not_kept(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_remote_community(conn)
    writer = await make_remote_person(conn, host="third.test")
    with pytest.raises(NotAllowed, match="nobody_here_reads"):
        await make_thread(conn, writer, community)
    await join(conn, community, await make_person(conn))
    assert await make_thread(conn, writer, community)


async def test_a_community_elsewhere_takes_a_post_down(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_remote_community(conn)
    person = await make_person(conn)
    await join(conn, community, person)
    thread = await make_thread(conn, person, community)
    moderator = await make_remote_person(conn)
    await threads.receive_removal(
        conn, community, thread, moderator=moderator, reason="spam", now=tick(), source_uri=None
    )
    assert await stored.read_post(conn, Viewer(person.id), thread.id) is None
    row = await conn.fetchrow(ROW, thread.id)
    assert (row["state"], row["title"]) == ("removed", thread.title)
    other = await make_remote_community(conn, host="other.test")
    with pytest.raises(NotFound):
        await threads.receive_removal(
            conn, other, thread, moderator=moderator, reason="", now=tick(), source_uri=None
        )


async def test_a_stranger_elsewhere_takes_nothing_down_here(conn: Connection) -> None:
    community, thread, _ = await thread_with_replies(conn)
    stranger = await make_remote_person(conn)
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await threads.receive_removal(
            conn, community, thread, moderator=stranger, reason="", now=tick(), source_uri="x"
        )
