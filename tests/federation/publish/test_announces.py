"""What a community announces, as any server that gets it may check."""

from __future__ import annotations

from forum import membership, polls, reactions
from storage.db import Database
from tests.factories import (
    SITE,
    make_community,
    make_person,
    make_poll,
    make_remote_person,
    make_reply,
    make_site,
    make_thread,
    tick,
)
from tests.federation.doors import open_door
from tests.federation.wire import make_member_elsewhere, open_wire, publish_all, queued

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
SERVERS = (("forum.test", "lemmy"), ("microblog.test", "mastodon"), ("unknown.test", None))


async def test_r38_every_announce_can_be_fetched_and_says_for_whom_it_is(
    database: Database,
) -> None:
    async with open_wire(database) as fed, open_door(fed) as door:
        async with database.write() as conn:
            owner = await make_person(conn)
            community = await make_community(conn, owner)
            for host, software in SERVERS:
                await make_member_elsewhere(conn, community, host, software)
            for _ in range(2):
                await make_reply(conn, owner, await make_thread(conn, owner, community))
        await publish_all(fed)
        async with database.read() as conn:
            sent = {row.document["id"]: row for row in await queued(conn)}
        announces = [row for row in sent.values() if row.document["type"] == "Announce"]
        assert len({row.document["id"] for row in announces}) == len(announces) == 6
        for row in announces:
            announce = row.document
            assert announce["id"].startswith(f"{SITE.origin}/ap/activities/")
            assert announce["actor"] == community.uri
            assert (announce["to"], announce["cc"]) == ([PUBLIC], [community.followers])
            assert (await door.get(announce["id"])).content == row.body


async def test_r40_who_joins_votes_and_likes_is_announced_to_nobody(database: Database) -> None:
    async with open_wire(database) as fed:
        async with database.write() as conn:
            await make_site(conn)
            owner = await make_person(conn)
            community = await make_community(conn, owner)
            poll = await make_poll(conn, owner, community)
            for host, software in SERVERS:
                await make_member_elsewhere(conn, community, host, software)
        await publish_all(fed)
        async with database.write() as conn:
            await conn.execute("delete from deliveries")
            ada = await make_remote_person(conn, host="there.test")
            await membership.receive_follow(
                conn,
                SITE,
                community,
                ada,
                follow_uri=f"{ada.uri}/follow",
                follow_body="{}",
                may_join=True,
                now=tick(),
            )
            await polls.receive_vote(conn, ada, poll, "Plum", uri=None, now=tick())
            await reactions.react(conn, ada, poll, "like", now=tick(), is_shared=True)
        await publish_all(fed)
        async with database.read() as conn:
            assert {(row.host, row.type) for row in await queued(conn)} == {
                ("there.test", "Accept")
            }
