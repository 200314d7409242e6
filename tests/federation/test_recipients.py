"""Whatever happens in whatever community: no delivery goes to a server that may not have it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from forum.editing import edit_post
from forum.errors import ForumError
from forum.moderation import remove_post
from forum.polls import close_ended, vote
from forum.reactions import react, take_back
from forum.text import PollDraft
from forum.threads import Origin, erase_post, start_thread
from storage.actors import Actor
from storage.audience import (
    recipients_of_community,
    recipients_of_retraction,
)
from storage.communities import Community, list_hosts
from storage.db import Connection, Database
from storage.memberships import read_membership
from storage.threads import Post
from tests.factories import (
    SITE,
    join,
    make_community,
    make_draft,
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
    {"readers": "anyone", "travels": "anywhere"},
    {"readers": "anyone", "hosts": ("h0.test", "h1.test", "h2.test")},
    {"readers": "anyone", "travels": "nowhere"},
    {"readers": "members", "hosts": ("h0.test", "h1.test", "h2.test", "h3.test")},
    {"readers": "members", "hosts": ("h0.test", "h1.test", "h2.test", "h3.test")},
    {"readers": "members", "travels": "nowhere"},
]
CONTENT = {"Create", "Announce", "Announce Create", "Update", "Announce Update"}
PERSONAL = {"Vote", "Like", "Undo Like"}
PEOPLE_HERE = 2
ACTS = (
    *("start", "ask", "reply", "edit", "vote", "like") * 4,
    *("unlike", "tally", "erase", "remove", "leave"),
)


async def make_world(conn: Connection, dice: random.Random) -> tuple[Community, list[Actor], Actor]:
    """A community with answers, members, servers and policies thrown by dice."""
    await make_site(conn)
    community = await make_community(conn, **dice.choice(ANSWERS))
    writers = [await make_person(conn) for _ in range(PEOPLE_HERE)]
    for writer in writers:
        await join(conn, community, writer)
    for host in HOSTS:
        await conn.execute(
            "insert into instances (host, software, policy) values ($1, $2, $3)",
            host,
            dice.choice(SOFTWARE),
            dice.choice(["default", "default", "default", "allowed", "allowed", "refused"]),
        )
        for _ in range(dice.randrange(1, 3)):
            actor = await make_remote_person(conn, host=host)
            await join(conn, community, actor, state=dice.choice(STATES))
            writers.append(actor)
    moderator = await make_moderator(conn, community)
    mode = dice.choice(["open", "open", "open", "open", "named", "nobody"])
    await conn.execute("update site set federation_mode = $1", mode)
    return community, writers, moderator


async def do_something(
    conn: Connection, dice: random.Random, community: Community, writers, moderator: Actor, posts
) -> None:
    """Anything that somebody can do here; `posts` are the posts with their authors."""
    writer, here = dice.choice(writers), dice.choice(writers[:PEOPLE_HERE])
    if not posts:
        posts.append((await make_thread(conn, writer, community), writer))
        return
    post, author = dice.choice(posts[-6:])
    act = dice.choice(ACTS)
    if act == "start":
        posts.append((await make_thread(conn, writer, community), writer))
    elif act == "ask":
        posts.append((await make_question(conn, writer, community), writer))
    elif act == "reply":
        posts.append((await make_reply(conn, writer, post), writer))
    elif act == "edit":
        draft = make_draft(post.title, f"{dice.random()}")
        source_uri = None if author.is_local else f"{post.uri}/update/{dice.random()}"
        await edit_post(conn, author, post, draft, now=tick(), source_uri=source_uri)
    elif act == "vote":
        polls = [post for post, _ in posts if post.type == "Question" and not post.is_local]
        await vote(conn, here, dice.choice(polls or [post]), [0], now=tick())
    elif act == "like":
        far = [post for post, _ in posts if not post.is_local]
        liked = dice.choice(far or [post])
        await react(conn, dice.choice([here, writer]), liked, "like", now=tick(), is_shared=True)
    elif act == "unlike":
        for liked, _ in posts:
            await take_back(conn, here, liked, "like", now=tick())
    elif act == "tally":
        await close_ended(conn, now=tick() + timedelta(days=2))
    elif act == "erase":
        posts.remove((post, author))
        await erase_post(conn, author, post, now=tick())
    elif act == "remove":
        await remove_post(conn, moderator, post, "off topic", tick())
    elif not writer.is_local:
        await conn.execute(
            "update memberships set state = 'left' where actor_id = $1 and community_id = $2",
            writer.id,
            community.id,
        )


async def make_question(conn: Connection, author: Actor, community: Community) -> Post:
    now = tick()
    uri = f"https://{author.host}/questions/{now.timestamp()}"
    origin = None if author.is_local else Origin(uri, uri, now, f"{uri}/activity")
    ends_at = now + timedelta(days=1)
    poll = PollDraft(("Tea", "Coffee"), ends_at=ends_at, votes=(0, 0), voters=0)
    draft = replace(make_draft("Tea or coffee?"), type="Question", poll=poll)
    return await start_thread(conn, SITE, author, community, draft, now=now, origin=origin)


async def may_hear_of_a_vote(conn: Connection, community: Community, author: Actor) -> bool:
    """The rule in words: the author's own server, if posts go there, and in a closed community
    only for a member."""
    mode = await conn.fetchval("select federation_mode from site")
    policy, software = await conn.fetchrow(
        "select policy, software from instances where host = $1", author.host
    )
    is_admitted = policy != "refused" and (mode == "open" or (mode, policy) == ("named", "allowed"))
    hosts = await list_hosts(conn, community.id)
    travels = community.travels == "anywhere" or author.host in hosts
    membership = await read_membership(conn, community.id, author.id)
    is_member = membership is not None and membership.state == "accepted"
    may_read = community.readers == "anyone" or (is_member and software in ("dazzle", None))
    return is_admitted and travels and may_read


@pytest.mark.parametrize("seed", range(12))
async def test_every_delivery_goes_to_a_server_that_may_have_it(
    database: Database, seed: int
) -> None:
    dice = random.Random(seed)
    async with open_wire(database) as fed:
        async with database.write() as conn:
            community, writers, moderator = await make_world(conn, dice)
        posts: list = []
        authors: dict[int, Actor] = {}
        for _ in range(40):
            try:
                async with database.write() as conn:
                    await do_something(conn, dice, community, writers, moderator, posts)
            except ForumError:
                continue
            authors |= {post.id: author for post, author in posts}
            async with database.write() as conn:
                await conn.execute("delete from deliveries")
            await publish_all(fed)
            async with database.read() as conn:
                rows = await queued(conn)
                current = {one.host for one in await recipients_of_community(conn, community.id)}
                former = {one.host for one in await recipients_of_retraction(conn, community.id)}
                for row in rows:
                    if row.type in PERSONAL:
                        author = authors[row.post_id]
                        assert row.inbox == author.inbox
                        assert await may_hear_of_a_vote(conn, community, author), row
                        assert b"#Public" not in row.body
                    else:
                        assert row.host in (current if row.type in CONTENT else former), row
                    if community.readers == "members":
                        assert b"#Public" not in row.body
                        assert b'"proof"' not in row.body
                    assert community.travels != "nowhere", row


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
