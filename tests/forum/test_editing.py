"""Who may change what a post says, and what stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from forum import editing, moderation, threads
from forum.errors import ForumError, Invalid, NotAllowed, NotFound
from forum.text import Draft
from storage import communities as stored_communities
from storage import edits, memberships
from storage import threads as stored
from storage.actors import Actor
from storage.audience import NOBODY, UNKNOWN_SERVER, Viewer
from storage.communities import Community
from storage.db import Connection
from storage.parts import Attachment, Happening, Parts, Tag, parts_of
from storage.threads import Post
from tests import factories
from tests.factories import (
    SITE,
    far_future,
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

EVENTS = "select kind, payload from events order by id"
PICTURE = Attachment("image", "https://there.test/1.png", alt="A zebra", focus=(0.5, -0.25))


@dataclass
class Written:
    author: Actor
    community: Community
    thread: Post
    reply: Post


async def make_written(
    conn: Connection, *, readers: str = "anyone", is_local: bool = True
) -> Written:
    await factories.make_site(conn)
    author = await (make_person(conn) if is_local else make_remote_person(conn))
    community = await make_community(conn, readers=readers)
    await join(conn, community, author)
    thread = await make_thread(conn, author, community, title="First", text="old words")
    return Written(author, community, thread, await make_reply(conn, author, thread))


async def edit(conn: Connection, there: Written, draft: Draft, **how: datetime | str) -> Post:
    return await editing.edit_post(
        conn,
        there.author,
        there.thread,
        draft,
        now=tick(),
        **how,  # type: ignore[arg-type]
    )


async def test_new_words_stand_and_old_ones_are_history(conn: Connection) -> None:
    there = await make_written(conn)
    new = replace(make_draft("Second", "new words"), content_note="blood", language="de")
    post = await edit(conn, there, new)
    assert await stored.read_unfiltered(conn, post.id) == post
    assert (post.title, post.source, post.html) == ("Second", "new words", "<p>new words</p>")
    assert (post.content_note, post.language) == ("blood", "de")
    assert post.edited_at is not None
    (old,) = await edits.list_edits(conn, NOBODY, post.id, 10)
    assert (old.title, old.source, old.html) == ("First", "old words", "<p>old words</p>")
    assert old.written_at == there.thread.published_at
    events = [(row["kind"], row["payload"]) for row in await conn.fetch(EVENTS)]
    assert events[-1] == ("PostEdited", {"post_id": post.id, "source_uri": None})


async def test_who_reads_it_and_where_it_stands_never_change(conn: Connection) -> None:
    there = await make_written(conn, readers="members")
    await conn.execute("update communities set readers = 'anyone', travels = 'anywhere'")
    post = await edit(conn, there, make_draft("Second"))
    kept = ("id", "uri", "url", "kind", "author_id", "community_id", "thread_id", "parent_id",
            "path", "audience", "state", "is_local", "published_at")  # fmt: skip
    for name in kept:
        assert getattr(post, name) == getattr(there.thread, name), name
    assert await stored.read_post(conn, NOBODY, post.id) is None


async def test_the_history_is_seen_by_whoever_sees_the_post(conn: Connection) -> None:
    there = await make_written(conn, readers="members")
    await edit(conn, there, make_draft("Second"))
    reader, stranger = await make_person(conn), await make_person(conn)
    await join(conn, there.community, reader)
    for viewer, sees in (
        (Viewer(reader.id), True),
        (Viewer(stranger.id), False),
        (NOBODY, False),
        (UNKNOWN_SERVER, False),
    ):
        found = await edits.list_edits(conn, viewer, there.thread.id, 10)
        assert bool(found) == sees, viewer
    await threads.take_down(conn, there.thread, there.author.id, "x", tick())
    assert await edits.list_edits(conn, Viewer(reader.id), there.thread.id, 10) == []


async def test_an_edited_reply_makes_its_thread_newer(conn: Connection) -> None:
    there = await make_written(conn)
    before = await stored.read_page_version(conn, there.thread.id)
    reply = await editing.edit_post(
        conn, there.author, there.reply, make_draft("A title", "new"), now=tick()
    )
    assert (reply.title, reply.source, reply.version) == ("", "new", there.reply.version + 1)
    after = await stored.read_page_version(conn, there.thread.id)
    assert before
    assert after
    assert after.version == before.version + 1


async def test_the_same_words_are_no_edit(conn: Connection) -> None:
    there = await make_written(conn)
    parts = Parts((PICTURE,), (Tag("hashtag", "zebra"),), Happening(datetime.now(UTC)))
    draft = replace(make_draft("First", "old words"), parts=parts)
    once = await edit(conn, there, draft)
    again = await edit(conn, there, draft)
    assert again == once
    assert len(await edits.list_edits(conn, NOBODY, once.id, 10)) == 1
    kinds = [row["kind"] for row in await conn.fetch(EVENTS)]
    assert kinds.count("PostEdited") == 1


async def test_other_parts_are_an_edit_that_keeps_the_old_ones(conn: Connection) -> None:
    there = await make_written(conn, is_local=False)
    draft = replace(make_draft("First", "old words"), parts=Parts((PICTURE,)))
    post = await edit(conn, there, draft)
    assert parts_of(post.parts).attachments == (PICTURE,)
    await edit(conn, there, make_draft("First", "old words"))
    latest, first = await edits.list_edits(conn, NOBODY, post.id, 10)
    assert parts_of(latest.parts).attachments == (PICTURE,)
    assert first.parts is None


async def test_a_stale_edit_changes_nothing(conn: Connection) -> None:
    there = await make_written(conn, is_local=False)
    at = tick()
    await edit(conn, there, make_draft("Third"), at=at)
    stale = await edit(conn, there, make_draft("Second"), at=at - timedelta(seconds=1))
    assert (stale.title, stale.edited_at) == ("Third", at)
    same_moment = await edit(conn, there, make_draft("Fourth"), at=at)
    assert same_moment.title == "Fourth"


async def test_a_post_that_came_edited_is_not_put_back(conn: Connection) -> None:
    there = await make_written(conn, is_local=False)
    now = tick()
    uri = "https://there.test/posts/edited"
    origin = threads.Origin(uri, None, now, None, now + timedelta(seconds=5))
    post = await threads.start_thread(
        conn, SITE, there.author, there.community, make_draft("New"),
        now=now + timedelta(minutes=1), origin=origin,
    )  # fmt: skip
    assert post.edited_at == now + timedelta(seconds=5)
    old = await editing.edit_post(
        conn, there.author, post, make_draft("Old"), now=tick(), at=now + timedelta(seconds=4)
    )
    assert old.title == "New"


async def test_an_edit_from_the_future_is_from_now(conn: Connection) -> None:
    there = await make_written(conn, is_local=False)
    now = tick()
    post = await editing.edit_post(
        conn, there.author, there.thread, make_draft("Soon"), now=now, at=far_future()
    )
    assert post.edited_at == now


async def test_an_edit_from_elsewhere_is_passed_on_with_its_activity(conn: Connection) -> None:
    there = await make_written(conn, is_local=False)
    await edit(conn, there, make_draft("Second"), source_uri="https://there.test/u")
    events = [(row["kind"], row["payload"]) for row in await conn.fetch(EVENTS)]
    payload = {"post_id": there.thread.id, "source_uri": "https://there.test/u"}
    assert events[-1] == ("PostEdited", payload)


async def test_nobody_edits_for_somebody_else(conn: Connection) -> None:
    there = await make_written(conn)
    moderator = await factories.make_moderator(conn, there.community)
    with pytest.raises(NotAllowed, match="not_yours"):
        await editing.edit_post(conn, moderator, there.thread, make_draft("x"), now=tick())


@pytest.mark.parametrize("is_local", [True, False])
async def test_to_edit_is_to_write(is_local: bool, conn: Connection) -> None:
    there = await make_written(conn, is_local=is_local)
    await memberships.set_stop(conn, there.community.id, there.author.id, far_future(), "x")
    with pytest.raises(NotAllowed, match="stopped"):
        await edit(conn, there, make_draft("x"))
    await join(conn, there.community, there.author, state="left")
    with pytest.raises(NotAllowed, match="not_a_member"):
        await edit(conn, there, make_draft("x"))
    there.author = replace(there.author, state="suspended")
    with pytest.raises(NotAllowed, match="suspended"):
        await edit(conn, there, make_draft("x"))
    there.author = replace(there.author, state="live", moved_to=1)
    with pytest.raises(NotAllowed, match="moved"):
        await edit(conn, there, make_draft("x"))


async def test_whom_the_author_of_the_thread_blocks_does_not_change_an_answer(
    conn: Connection,
) -> None:
    there = await make_written(conn)
    other = await make_person(conn)
    await join(conn, there.community, other)
    reply = await make_reply(conn, other, there.thread)
    await moderation.block_person(conn, there.author, other, tick())
    with pytest.raises(NotAllowed, match="blocked"):
        await editing.edit_post(conn, other, reply, make_draft("", "x"), now=tick())


@pytest.mark.parametrize("is_reread", [True, False])
async def test_what_is_gone_is_not_edited(is_reread: bool, conn: Connection) -> None:
    """Nor when it vanished after it was read."""
    there = await make_written(conn)
    await threads.erase_post(conn, there.author, there.thread, now=tick())
    if is_reread:
        there.thread = await stored.read_unfiltered(conn, there.thread.id) or there.thread
    with pytest.raises(ForumError, match=r"post_gone|not_found"):
        await edit(conn, there, make_draft("Zombie"))
    assert await edits.list_edits(conn, NOBODY, there.thread.id, 10) == []
    await threads.take_down(conn, there.reply, there.author.id, "x", tick())
    with pytest.raises(NotFound):
        await editing.edit_post(conn, there.author, there.reply, make_draft("", "x"), now=tick())


async def test_an_edit_keeps_to_the_limits_of_a_post(conn: Connection) -> None:
    there = await make_written(conn)
    for draft, field in (
        (make_draft(""), "title"),
        (make_draft("x", "y" * 10_001), "source"),
    ):
        with pytest.raises(Invalid) as refusal:
            await edit(conn, there, draft)
        assert refusal.value.field == field


async def test_an_erased_post_leaves_no_history(conn: Connection) -> None:
    there = await make_written(conn)
    draft = replace(make_draft("Second", "new words"), parts=Parts((PICTURE,)))
    post = await edit(conn, there, draft)
    await edit(conn, there, make_draft("Third"))
    await conn.execute(
        "insert into activities (id, uri, actor_id, type, post_id, body) values "
        "(1, 'https://here.test/ap/activities/1', $1, 'Update', $2, 'old words'), "
        "(2, 'https://here.test/ap/activities/2', $1, 'Announce Update', $2, 'old words')",
        there.author.id,
        post.id,
    )
    await conn.execute(
        "insert into inbox (id, uri, type, actor_uri, host, body, state, post_id) "
        "values (1, 'https://there.test/a', 'Update', 'x', 'there.test', 'words', 'done', $1)",
        post.id,
    )
    await threads.erase_post(conn, there.author, post, now=tick())
    assert await conn.fetchval("select count(*) from edits") == 0
    assert await conn.fetchval("select parts from posts where id = $1", post.id) is None
    assert await conn.fetchval("select max(octet_length(body)) from activities") == 0
    assert await conn.fetchval("select max(octet_length(body)) from inbox") == 0


async def test_a_history_without_end_loses_its_beginning(conn: Connection) -> None:
    there = await make_written(conn)
    for number in range(edits.MOST_KEPT + 3):
        await edit(conn, there, make_draft(f"State {number}"))
    kept = await edits.list_edits(conn, NOBODY, there.thread.id, 1000)
    assert len(kept) == edits.MOST_KEPT
    assert (kept[0].title, kept[-1].title) == ("State 101", "State 2")


async def test_a_member_here_edits_what_they_wrote_elsewhere(conn: Connection) -> None:
    await factories.make_site(conn)
    community = await make_remote_community(conn, readers="members")
    author = await make_person(conn)
    await join(conn, community, author)
    thread = await make_thread(conn, author, community)
    post = await editing.edit_post(conn, author, thread, make_draft("Second"), now=tick())
    assert post.title == "Second"
    writer = await make_remote_person(conn, host="third.test")
    theirs = await make_thread(conn, writer, community)
    await editing.edit_post(conn, writer, theirs, make_draft("Theirs"), now=tick())
    await join(conn, community, author, state="left")
    with pytest.raises(NotAllowed, match="nobody_here_reads"):
        await editing.edit_post(conn, writer, theirs, make_draft("Again"), now=tick())


async def test_a_closed_community_that_opened_does_not_open_old_posts_by_an_edit(
    conn: Connection,
) -> None:
    there = await make_written(conn, readers="members")
    await conn.execute("update communities set readers = 'anyone', travels = 'anywhere'")
    community = await stored_communities.read_unfiltered(conn, there.community.id)
    assert community is not None
    assert community.readers == "anyone"
    post = await edit(conn, there, make_draft("Second"))
    assert post.audience == "community"
