from __future__ import annotations

from datetime import timedelta

import pytest

from forum import moderation
from forum.errors import Invalid, NotAllowed, NotFound
from storage import blocks, modlog, reports, threads
from storage.actors import Actor
from storage.audience import NOBODY, Viewer
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post
from tests import factories
from tests.factories import (
    join,
    make_community,
    make_moderator,
    make_person,
    make_remote_community,
    make_remote_person,
    make_thread,
    tick,
)


async def scene(conn: Connection, **answers) -> tuple[Community, Actor, Post]:
    author = await make_person(conn)
    community = await make_community(conn, **answers)
    await join(conn, community, author)
    return community, author, await make_thread(conn, author, community)


async def test_r48_a_removed_post_is_kept_for_its_moderators_with_the_reason(
    conn: Connection,
) -> None:
    community, author, thread = await scene(conn)
    moderator = await make_moderator(conn, community)
    reader = await make_person(conn)
    await moderation.report(conn, reader, thread, "it sells something", tick())
    await moderation.remove_post(conn, moderator, thread, " advertising ", tick())
    assert await threads.read_post(conn, NOBODY, thread.id) is None
    assert await threads.read_post(conn, Viewer(author.id), thread.id) is None
    kept = await threads.read_moderated_post(conn, Viewer(moderator.id), thread.id)
    assert kept
    assert (kept.state, kept.html) == ("removed", thread.html)
    acts = await modlog.list_acts(conn, Viewer(moderator.id), community.id)
    assert [(act.action, act.reason, act.post_id) for act in acts] == [
        ("remove_post", "advertising", thread.id)
    ]
    assert await reports.list_open(conn, Viewer(moderator.id)) == []
    event = await conn.fetchrow("select kind, payload from events order by id desc limit 1")
    assert (event["kind"], event["payload"]["moderator_id"]) == ("PostRemoved", moderator.id)
    await moderation.remove_post(conn, moderator, thread, "again", tick())
    assert len(await modlog.list_acts(conn, Viewer(moderator.id), community.id)) == 1


async def test_a_reason_is_needed(conn: Connection) -> None:
    community, _, thread = await scene(conn)
    moderator = await make_moderator(conn, community)
    for reason in (" ", "x" * 1001):
        with pytest.raises(Invalid):
            await moderation.remove_post(conn, moderator, thread, reason, tick())


async def test_only_moderators_take_posts_down(conn: Connection) -> None:
    _, author, thread = await scene(conn)
    other = await make_community(conn)
    elsewhere = await make_moderator(conn, other)
    for person in (author, elsewhere, await make_person(conn)):
        with pytest.raises(NotAllowed, match="not_a_moderator"):
            await moderation.remove_post(conn, person, thread, "no", tick())


async def test_the_servers_moderators_act_in_public_communities_only(conn: Connection) -> None:
    admin = await factories.make_admin(conn)
    _, _, public = await scene(conn)
    await moderation.remove_post(conn, admin, public, "spam", tick())
    assert await threads.read_post(conn, NOBODY, public.id) is None
    _, _, closed = await scene(conn, readers="members")
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await moderation.remove_post(conn, admin, closed, "spam", tick())


async def test_the_servers_moderators_hide_public_posts_of_communities_elsewhere(
    conn: Connection,
) -> None:
    await factories.make_site(conn)
    admin = await factories.make_admin(conn)
    writer, reader = await factories.make_remote_person(conn), await make_person(conn)
    for readers in ("anyone", "members"):
        community = await factories.make_remote_community(conn, readers=readers)
        await join(conn, community, reader)
        thread = await make_thread(conn, writer, community)
        if readers == "members":
            with pytest.raises(NotAllowed, match="not_a_moderator"):
                await moderation.remove_post(conn, admin, thread, "spam", tick())
        else:
            await moderation.remove_post(conn, admin, thread, "spam", tick())
            assert await threads.read_post(conn, Viewer(reader.id), thread.id) is None
    later = factories.far_future()
    with pytest.raises(NotAllowed, match="not_a_moderator"):
        await moderation.stop_member(conn, admin, community, reader, later, "no", tick())


async def test_who_is_stopped_cannot_post_until_they_are_let(conn: Connection) -> None:
    community, author, _ = await scene(conn)
    moderator = await make_moderator(conn, community)
    until = factories.far_future()
    await moderation.stop_member(conn, moderator, community, author, until, "rude", tick())
    with pytest.raises(NotAllowed, match="stopped"):
        await make_thread(conn, author, community)
    await moderation.let_member(conn, moderator, community, author, "", tick())
    assert await make_thread(conn, author, community)
    acts = await modlog.list_acts(conn, Viewer(moderator.id), community.id)
    assert [act.action for act in acts] == ["let_member", "stop_member"]


async def test_a_stop_needs_a_future_date_and_a_member(conn: Connection) -> None:
    community, author, _ = await scene(conn)
    moderator = await make_moderator(conn, community)
    now = tick()
    with pytest.raises(Invalid, match="in_the_past"):
        await moderation.stop_member(conn, moderator, community, author, now, "rude", now)
    stranger = await make_person(conn)
    later = now + timedelta(days=1)
    with pytest.raises(NotFound):
        await moderation.stop_member(conn, moderator, community, stranger, later, "rude", now)


async def test_moderators_do_not_stop_each_other(conn: Connection) -> None:
    owner = await make_person(conn)
    community = await make_community(conn, owner)
    first, second = await make_moderator(conn, community), await make_moderator(conn, community)
    until = factories.far_future()
    for target in (second, owner):
        with pytest.raises(NotAllowed, match="target_moderates"):
            await moderation.stop_member(conn, first, community, target, until, "no", tick())
    await moderation.stop_member(conn, owner, community, first, until, "no", tick())


async def test_a_person_reports_a_post_once(conn: Connection) -> None:
    community, author, thread = await scene(conn, readers="members")
    moderator = await make_moderator(conn, community)
    reader = await make_person(conn)
    await join(conn, community, reader)
    for reason in ("first", "second"):
        await moderation.report(conn, reader, thread, reason, tick())
    lines = await reports.list_open(conn, Viewer(moderator.id))
    assert [(line.reason, line.post_id) for line in lines] == [("first", thread.id)]
    with pytest.raises(NotAllowed, match="yourself"):
        await moderation.report(conn, author, thread, "me", tick())
    with pytest.raises(NotFound):
        await moderation.close_report(conn, reader, lines[0].id, "", tick())
    await moderation.close_report(conn, moderator, lines[0].id, "looked", tick())
    await moderation.close_report(conn, moderator, lines[0].id, "looked", tick())
    assert await reports.list_open(conn, Viewer(moderator.id)) == []
    acts = await modlog.list_acts(conn, Viewer(moderator.id), community.id)
    assert [act.action for act in acts] == ["close_report"]


async def test_who_wrote_a_reported_post_never_sees_the_report(conn: Connection) -> None:
    community = await make_community(conn, readers="members")
    writing, other = await make_moderator(conn, community), await make_moderator(conn, community)
    reader = await make_person(conn)
    await join(conn, community, reader)
    thread = await make_thread(conn, writing, community)
    await moderation.report(conn, reader, thread, "unkind", tick())
    (line,) = await reports.list_open(conn, Viewer(other.id))
    assert await reports.list_open(conn, Viewer(writing.id)) == []
    with pytest.raises(NotFound):
        await moderation.close_report(conn, writing, line.id, "", tick())


async def test_a_report_that_nobody_here_could_read_is_not_taken(conn: Connection) -> None:
    await factories.make_site(conn)
    reader = await make_person(conn)
    for readers, is_taken in (("anyone", True), ("members", False)):
        community = await make_remote_community(conn, readers=readers)
        await join(conn, community, reader)
        author = await make_remote_person(conn)
        post = await make_thread(conn, author, community)
        if is_taken:
            await moderation.report(conn, reader, post, "unkind", tick())
        else:
            with pytest.raises(NotAllowed, match="nobody_reads_reports"):
                await moderation.report(conn, reader, post, "unkind", tick())


async def test_to_block_and_to_unblock_may_be_done_twice(conn: Connection) -> None:
    blocker, blocked = await make_person(conn), await make_person(conn)
    for _ in range(2):
        await moderation.block_person(conn, blocker, blocked, tick())
    assert [row.actor_id for row in await blocks.list_blocked(conn, Viewer(blocker.id))] == [
        blocked.id
    ]
    for _ in range(2):
        await moderation.unblock_person(conn, blocker, blocked)
    assert await blocks.list_blocked(conn, Viewer(blocker.id)) == []
    with pytest.raises(NotAllowed, match="yourself"):
        await moderation.block_person(conn, blocker, blocker, tick())
