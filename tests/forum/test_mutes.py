from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forum import moderation, mutes
from forum.errors import Invalid, NotAllowed
from storage import blocks, home, threads
from storage import mutes as stored
from storage.actors import Actor
from storage.audience import NOBODY, Viewer
from storage.communities import Community
from storage.db import Connection
from storage.threads import Post
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_person,
    make_reply,
    make_site,
    make_thread,
    tick,
)


async def scene(conn: Connection) -> tuple[Community, Actor, Actor, Post]:
    """A place with somebody from elsewhere who started a thread, and a member who reads."""
    await make_site(conn)
    place, reader = await make_community(conn), await make_person(conn)
    away = await make_remote_person(conn)
    await join(conn, place, reader)
    await join(conn, place, away)
    text = "A hard LOSS (again), see #Surgery."
    return place, reader, away, await make_thread(conn, away, place, text=text)


async def listed(conn: Connection, viewer: Viewer, place: Community, author: Actor) -> list[bool]:
    """Whether home, the community, the front page and the profile have anything."""
    found = [
        await home.list_home(conn, viewer, limit=9),
        await threads.list_threads(conn, viewer, place.id, limit=9),
        await threads.list_latest(conn, viewer, limit=9),
        await threads.list_by_author(conn, viewer, author.id, limit=9),
    ]
    return [bool(lines) for lines in found]


@pytest.mark.parametrize("wish", ["person", "server", "loss", "surg", "#surgery", "(again)"])
async def test_pat12_one_mute_acts_in_every_list_and_the_link_still_opens(
    wish: str, conn: Connection
) -> None:
    place, reader, away, thread = await scene(conn)
    viewer = Viewer(reader.id)
    assert await listed(conn, viewer, place, away) == [True] * 4
    if wish == "person":
        await mutes.mute_person(conn, reader, away, now=tick())
    elif wish == "server":
        await mutes.mute_server(conn, reader, " There.Test ", now=tick())
    else:
        await mutes.mute_word(conn, reader, wish, now=tick())
    assert await listed(conn, viewer, place, away) == [False] * 4
    assert await threads.read_post(conn, viewer, thread.id)
    marks = await threads.list_marks(conn, viewer, thread.id, limit=9)
    assert [mark.is_muted for mark in marks] == [True]
    assert await threads.list_threads(conn, NOBODY, place.id, limit=9)
    marks = await threads.list_marks(conn, NOBODY, thread.id, limit=9)
    assert [mark.is_muted for mark in marks] == [False]


@pytest.mark.parametrize("word", ["oss", "#surge", "p", "href", ".*", "hard|soft"])
async def test_pat12_a_word_hides_only_what_begins_with_it(word: str, conn: Connection) -> None:
    place, reader, away, _ = await scene(conn)
    if len(word) == 1:
        with pytest.raises(Invalid, match="too_short"):
            await mutes.mute_word(conn, reader, word, now=tick())
        return
    await mutes.mute_word(conn, reader, word, now=tick())
    assert await listed(conn, Viewer(reader.id), place, away) == [True] * 4


async def test_pat12_a_mute_ends_by_itself_and_hides_nothing_of_ones_own(conn: Connection) -> None:
    place, reader, away, _ = await scene(conn)
    now, viewer = datetime.now(UTC), Viewer(reader.id)
    over = now - timedelta(days=1)
    await mutes.mute_word(conn, reader, "loss", now=over - timedelta(days=1), until=over)
    assert await listed(conn, viewer, place, away) == [True] * 4
    assert await stored.list_mutes(conn, viewer) == []
    await mutes.mute_word(conn, reader, "Loss", now=now, until=now + timedelta(days=1))
    assert await listed(conn, viewer, place, away) == [False] * 4
    own = await make_thread(conn, reader, place, text="My loss.")
    assert [line.id for line in await home.list_home(conn, viewer, limit=9)] == [own.id]
    with pytest.raises(Invalid, match="in_the_past"):
        await mutes.mute_word(conn, reader, "loss", now=now, until=over)
    stranger = await make_person(conn)
    mute = (await stored.list_mutes(conn, viewer))[0]
    await mutes.unmute(conn, stranger, mute.id)
    assert await stored.list_mutes(conn, viewer) == [mute]
    await mutes.unmute(conn, reader, mute.id)
    assert await listed(conn, viewer, place, away) == [True] * 4


async def test_a_blocked_server_is_not_seen_and_cannot_answer(conn: Connection) -> None:
    place, reader, away, thread = await scene(conn)
    own = await make_thread(conn, reader, place)
    await mutes.block_server(conn, reader, "there.test", now=tick())
    assert await threads.read_post(conn, Viewer(reader.id), thread.id) is None
    assert await threads.read_post(conn, NOBODY, thread.id)
    with pytest.raises(NotAllowed, match="blocked"):
        await make_reply(conn, away, own)
    await mutes.unblock_server(conn, reader, "there.test")
    await make_reply(conn, away, own)
    for host in ("here.test", "not a host", ""):
        with pytest.raises(Invalid):
            await mutes.block_server(conn, reader, host, now=tick())


async def test_a_block_ends_by_itself(conn: Connection) -> None:
    _, reader, away, thread = await scene(conn)
    now = datetime.now(UTC)
    over = now - timedelta(days=1)
    await moderation.block_person(conn, reader, away, over - timedelta(days=1), over)
    assert await threads.read_post(conn, Viewer(reader.id), thread.id)
    await moderation.block_person(conn, reader, away, now, now + timedelta(days=1))
    assert await threads.read_post(conn, Viewer(reader.id), thread.id) is None
    assert [one.until for one in await blocks.list_blocked(conn, Viewer(reader.id))] != [None]
