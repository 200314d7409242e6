"""Proofs: in what people here say in public, made once, and in nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from federation.context import Federation
from federation.keys import load_public_key
from federation.proofs import read_proof
from federation.signatures.algorithms import is_signed_by
from forum.editing import edit_post
from forum.moderation import remove_post
from forum.threads import erase_post
from storage.db import Connection, Database
from storage.keys import read_key
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
from tests.federation.wire import make_member_elsewhere, open_wire, publish_all, queued


@pytest.fixture
async def fed(database: Database) -> AsyncIterator[Federation]:
    async with open_wire(database) as opened:
        yield opened


async def who_proved(conn: Connection, document: dict[str, Any], now: datetime) -> str:
    """The actor whose key made the proof; it covers every field."""
    signed = read_proof(document, now)
    key = await read_key(conn, signed.key_uri)
    assert key is not None
    assert is_signed_by(load_public_key(key.public_pem), signed)
    changed = read_proof({**document, "to": ["https://there.test/"]}, now)
    assert not is_signed_by(load_public_key(key.public_pem), changed)
    return key.actor_uri


async def test_every_public_word_of_somebody_here_is_proved_to_be_theirs(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_community(conn)
        await make_member_elsewhere(conn, community, "forum.test", "piefed")
        await make_member_elsewhere(conn, community, "blog.test", "mastodon")
        author = await make_person(conn)
        await join(conn, community, author)
        post = await make_thread(conn, author, community)
        reply = await make_reply(conn, author, post)
    await publish_all(fed)
    async with fed.database.write() as conn:
        await edit_post(conn, author, post, make_draft(post.title, "Better."), now=tick())
    await publish_all(fed)
    async with fed.database.write() as conn:
        rows = await queued(conn)
        await erase_post(conn, author, reply, now=tick())
    await publish_all(fed)
    async with fed.database.write() as conn:
        rows += await queued(conn)
        wrapped = [row.document["object"] for row in rows if row.type.startswith("Announce ")]
        own = [row.document for row in rows if row.type in ("Create", "Update", "Delete")]
        assert {one["type"] for one in wrapped} == {"Create", "Update", "Delete"}
        assert {one["type"] for one in own} >= {"Update"}
        for document in (*wrapped, *own):
            assert await who_proved(conn, document, fed.clock.now()) == author.uri
            assert document["proof"]["@context"] == document["@context"]


async def test_a_moderators_removal_is_proved_to_be_theirs(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_community(conn)
        await make_member_elsewhere(conn, community, "forum.test", "piefed")
        author = await make_person(conn)
        await join(conn, community, author)
        moderator = await make_moderator(conn, community)
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
        await remove_post(conn, moderator, post, "advertising", tick())
    await publish_all(fed)
    async with fed.database.read() as conn:
        removal = (await queued(conn))[0].document["object"]
        assert await who_proved(conn, removal, fed.clock.now()) == moderator.uri


async def test_what_goes_into_a_public_community_elsewhere_is_proved_too(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_remote_community(conn)
        author = await make_person(conn)
        await join(conn, community, author)
        await make_thread(conn, author, community)
    await publish_all(fed)
    async with fed.database.read() as conn:
        (row,) = await queued(conn)
        assert await who_proved(conn, row.document, fed.clock.now()) == author.uri


@pytest.mark.parametrize("is_here", [True, False])
async def test_r58_of_a_closed_community_nothing_is_ever_proved(fed, is_here: bool) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        if is_here:
            community = await make_community(conn, readers="members", hosts=("friend.test",))
            await make_member_elsewhere(conn, community, "friend.test", "dazzle")
        else:
            community = await make_remote_community(conn, readers="members")
        author = await make_person(conn)
        await join(conn, community, author)
        moderator = await make_moderator(conn, community)
        posts = [await make_thread(conn, author, community) for _ in range(2)]
    await publish_all(fed)
    async with fed.database.write() as conn:
        await edit_post(conn, author, posts[0], make_draft("Still", "Better."), now=tick())
    await publish_all(fed)
    async with fed.database.write() as conn:
        rows = await queued(conn)
        assert {row.document.get("object", {})["type"] for row in rows}  # they were sent
        await erase_post(conn, author, posts[0], now=tick())
        if is_here:
            await remove_post(conn, moderator, posts[1], "off topic", tick())
    await publish_all(fed)
    async with fed.database.read() as conn:
        bodies = [row["body"] for row in await conn.fetch("select body from activities")]
        rows += await queued(conn)
    assert len(rows) > 3
    for body in (*bodies, *(row.body for row in rows)):
        assert b'"proof"' not in body
        assert b"DataIntegrityProof" not in body


async def test_a_community_that_was_closed_proves_nothing_more(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_community(conn, hosts=("friend.test",))
        await make_member_elsewhere(conn, community, "friend.test", "dazzle")
        author = await make_person(conn)
        await join(conn, community, author)
        post = await make_thread(conn, author, community)
    await publish_all(fed)
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
        await conn.execute("update communities set readers = 'members'")
        await conn.execute("update posts set audience = 'community'")
        await edit_post(conn, author, post, make_draft("Still", "Better."), now=tick())
    await publish_all(fed)
    async with fed.database.read() as conn:
        (row,) = await queued(conn)
    assert row.type == "Announce Update"
    assert b'"proof"' not in row.body


async def test_an_activity_is_served_with_the_proof_that_was_sent(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_community(conn)
        await make_member_elsewhere(conn, community, "forum.test", "piefed")
        author = await make_person(conn)
        await join(conn, community, author)
        await make_thread(conn, author, community)
    await publish_all(fed)
    async with fed.database.read() as conn:
        body = await conn.fetchval("select body from activities where type = 'Create'")
        rows = await queued(conn)
    assert b'"proof"' in body
    assert body in rows[0].body
    assert f'"{SITE.proof_key_uri(author.id)}"'.encode() in body


async def test_who_has_no_key_for_proofs_is_heard_without(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_community(conn)
        await make_member_elsewhere(conn, community, "forum.test", "piefed")
        author = await make_person(conn)
        await join(conn, community, author)
        await conn.execute("delete from actor_keys where kind = 'ed25519'")
        await make_thread(conn, author, community)
    await publish_all(fed)
    async with fed.database.read() as conn:
        (row,) = await queued(conn)
    assert b'"proof"' not in row.body
