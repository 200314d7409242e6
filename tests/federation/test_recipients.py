"""Whatever happens in whatever community: no delivery goes to a server that may not have it."""

from __future__ import annotations

import random

import pytest

from forum.errors import ForumError
from forum.moderation import remove_post
from forum.threads import erase_post
from storage.actors import Actor
from storage.audience import (
    recipients_of_community,
    recipients_of_retraction,
)
from storage.communities import Community
from storage.db import Connection, Database
from tests.factories import (
    join,
    make_community,
    make_moderator,
    make_person,
    make_remote_person,
    make_reply,
    make_site,
    make_thread,
    tick,
)
from tests.federation.wire import open_wire, publish_all, queued

HOSTS = [f"h{number}.test" for number in range(8)]
SOFTWARE = ["dazzle", "lemmy", "mastodon", "snac", "nodebb", "newcomer", None]
STATES = ["accepted", "accepted", "accepted", "asked", "left", "refused"]
ANSWERS = [
    {"readers": "anyone", "travels": "anywhere"},
    {"readers": "anyone", "hosts": ("h0.test", "h1.test", "h2.test")},
    {"readers": "anyone", "travels": "nowhere"},
    {"readers": "members", "hosts": ("h0.test", "h1.test", "h2.test", "h3.test")},
    {"readers": "members", "travels": "nowhere"},
]
CONTENT = {"Create", "Announce", "Announce Create"}


async def make_world(conn: Connection, dice: random.Random) -> tuple[Community, list[Actor], Actor]:
    """A community with answers, members, servers and policies thrown by dice."""
    await make_site(conn)
    community = await make_community(conn, **dice.choice(ANSWERS))
    writers = [await make_person(conn) for _ in range(2)]
    for writer in writers:
        await join(conn, community, writer)
    for host in HOSTS:
        await conn.execute(
            "insert into instances (host, software, policy) values ($1, $2, $3)",
            host,
            dice.choice(SOFTWARE),
            dice.choice(["default", "default", "allowed", "refused"]),
        )
        for _ in range(dice.randrange(3)):
            actor = await make_remote_person(conn, host=host)
            await join(conn, community, actor, state=dice.choice(STATES))
            writers.append(actor)
    moderator = await make_moderator(conn, community)
    mode = dice.choice(["open", "open", "named", "nobody"])
    await conn.execute("update site set federation_mode = $1", mode)
    return community, writers, moderator


async def do_something(
    conn: Connection, dice: random.Random, community: Community, writers, moderator: Actor, posts
) -> None:
    act = dice.choice(["start", "start", "reply", "reply", "erase", "remove", "leave"])
    writer = dice.choice(writers)
    if act == "start" or not posts:
        posts.append((await make_thread(conn, writer, community), writer))
    elif act == "reply":
        posts.append((await make_reply(conn, writer, dice.choice(posts)[0]), writer))
    elif act == "erase":
        post, author = dice.choice(posts)
        await erase_post(conn, author, post, now=tick())
    elif act == "remove":
        await remove_post(conn, moderator, dice.choice(posts)[0], "off topic", tick())
    else:
        await conn.execute(
            "update memberships set state = 'left' where actor_id = $1 and community_id = $2",
            writer.id,
            community.id,
        )


@pytest.mark.parametrize("seed", range(12))
async def test_every_delivery_goes_to_a_server_that_may_have_it(
    database: Database, seed: int
) -> None:
    dice = random.Random(seed)
    async with open_wire(database) as fed:
        async with database.write() as conn:
            community, writers, moderator = await make_world(conn, dice)
        posts: list = []
        for _ in range(25):
            try:
                async with database.write() as conn:
                    await do_something(conn, dice, community, writers, moderator, posts)
            except ForumError:
                continue
            async with database.write() as conn:
                await conn.execute("delete from deliveries")
            await publish_all(fed)
            async with database.read() as conn:
                rows = await queued(conn)
                current = {one.host for one in await recipients_of_community(conn, community.id)}
                former = {one.host for one in await recipients_of_retraction(conn, community.id)}
            for row in rows:
                assert row.host in (current if row.type in CONTENT else former), row
                if community.readers == "members":
                    assert b"#Public" not in row.body
                if community.travels == "nowhere":
                    raise AssertionError(row)


@pytest.mark.parametrize("ended", ["left", "refused"])
async def test_only_who_was_let_in_once_hears_what_is_taken_back(
    conn: Connection, ended: str
) -> None:
    await make_site(conn)
    hosts = ("asked.test", "was.test")
    community = await make_community(conn, readers="members", hosts=hosts)
    asked, was = [await make_remote_person(conn, host=host) for host in hosts]
    await join(conn, community, asked, state="asked")
    await join(conn, community, was)
    for actor in (asked, was):
        await join(conn, community, actor, state=ended)
    told = await recipients_of_retraction(conn, community.id)
    assert [recipient.host for recipient in told] == ["was.test"]
