"""What a server is told that was away for long: all that still holds, and nothing that is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from federation import catchup, deliver
from forum import membership, policy
from forum.editing import edit_post
from forum.moderation import remove_post
from forum.threads import erase_post
from storage import destinations
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection, Database
from tests import factories
from tests.factories import (
    SITE,
    join,
    make_community,
    make_draft,
    make_moderator,
    make_person,
    make_remote_community,
    make_remote_person,
    make_reply,
    make_site,
    make_thread,
)
from tests.faults.houses import open_house, settle
from tests.federation.sink import open_sink
from tests.federation.wire import (
    MovableClock,
    make_member_elsewhere,
    open_wire,
    publish_all,
    queued,
)

AWAY = "away.test"
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def fed(database: Database, clock: MovableClock):
    async with open_wire(database, clock=clock) as opened:
        async with database.write() as conn:
            await make_site(conn)
        yield opened


async def park(conn: Connection, clock: MovableClock, host: str = AWAY) -> None:
    await conn.execute(
        "insert into destinations (host, parked_at, lost_since, failures) values ($1, $2, $2, 9)"
        " on conflict (host) do update set parked_at = $2, lost_since = $2",
        host,
        clock.now(),
    )


async def come_back(fed, clock: MovableClock, host: str = AWAY) -> None:
    """Publish what is to be published, then hear of the host, and make up for what it missed."""
    await publish_all(fed)
    clock.move(DAY)
    async with fed.database.write() as conn:
        assert await queued(conn) == []
        await destinations.revive(conn, host, clock.now())
    clock.move(timedelta(minutes=1))
    while await catchup.step(fed):
        pass
    await publish_all(fed)


async def told(fed) -> Counter[tuple[str, int | None]]:
    async with fed.database.read() as conn:
        return Counter((row.type, row.post_id) for row in await queued(conn))


async def herd(conn: Connection, software: str | None = "dazzle") -> tuple[Actor, Community, Actor]:
    """A public community, its owner, and a member on the server that is away."""
    owner = await make_person(conn)
    community = await make_community(conn, owner)
    return owner, community, await make_member_elsewhere(conn, community, AWAY, software)


async def test_r61_what_was_written_meanwhile_is_told_and_what_is_gone_is_not(fed, clock) -> None:
    async with fed.database.write() as conn:
        owner, community, _ = await herd(conn)
        before = await make_thread(conn, owner, community, title="Before")
        erased_later = await make_thread(conn, owner, community, title="Before too")
    await publish_all(fed)
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
        clock.move(DAY)
        await park(conn, clock)
    clock.move(DAY)
    async with fed.database.write() as conn:
        stands = await make_thread(conn, owner, community, title="Meanwhile")
        reply = await make_reply(conn, owner, before)
        gone = await make_thread(conn, owner, community, title="A secret", text="Of mine.")
        removed = await make_reply(conn, owner, before, text="Not kind.")
    await publish_all(fed)
    async with fed.database.write() as conn:
        moderator = await make_moderator(conn, community)
        await erase_post(conn, owner, gone, now=clock.now())
        await erase_post(conn, owner, erased_later, now=clock.now())
        await remove_post(conn, moderator, removed, "not kind", clock.now())
    await come_back(fed, clock)
    assert await told(fed) == {
        ("Announce Create", stands.id): 1,
        ("Announce Create", reply.id): 1,
        ("Announce Delete", gone.id): 1,
        ("Announce Delete", erased_later.id): 1,
        ("Announce Delete", removed.id): 1,
    }
    async with fed.database.read() as conn:
        rows = await queued(conn)
        assert not any(b"secret" in row.body or b"Not kind." in row.body for row in rows)
        row = await conn.fetchrow("select * from destinations where host = $1", AWAY)
    assert (row["lost_since"], row["back_at"], row["caught_up_to"]) == (None, None, None)


async def test_an_edit_follows_what_it_changes(fed, clock) -> None:
    async with fed.database.write() as conn:
        owner, community, _ = await herd(conn)
        await park(conn, clock)
        clock.move(DAY)
        thread = await make_thread(conn, owner, community)
    await publish_all(fed)
    clock.move(timedelta(seconds=1))
    async with fed.database.write() as conn:
        draft = make_draft("How was your day?", "Better than I thought.")
        await edit_post(conn, owner, thread, draft, now=clock.now())
    await come_back(fed, clock)
    async with fed.database.read() as conn:
        rows = await queued(conn)
    assert [row.type for row in rows] == ["Announce Create", "Announce Update"]
    assert {row.object_key for row in rows} == {thread.id}


async def test_each_software_is_told_in_its_own_way(fed, clock) -> None:
    """A microblog gets the boost, and the author's own words where its people take part."""
    async with fed.database.write() as conn:
        owner, community, member = await herd(conn, "mastodon")
        theirs = await make_thread(conn, member, community)
    await publish_all(fed)
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
        clock.move(DAY)
        await park(conn, clock)
    clock.move(DAY)
    async with fed.database.write() as conn:
        thread = await make_thread(conn, owner, community)
        answer = await make_reply(conn, owner, theirs)
        await make_reply(conn, owner, thread)
    await come_back(fed, clock)
    assert await told(fed) == {("Announce", thread.id): 1, ("Create", answer.id): 1}


async def test_a_closed_community_tells_only_servers_that_keep_it_closed(fed, clock) -> None:
    other = "other.test"
    async with fed.database.write() as conn:
        owner = await make_person(conn)
        community = await make_community(conn, owner, readers="members", hosts=(AWAY, other))
        member = await make_member_elsewhere(conn, community, AWAY, "dazzle")
        await make_member_elsewhere(conn, community, other, "lemmy")
        for host in (AWAY, other):
            await park(conn, clock, host)
        clock.move(DAY)
        thread = await make_thread(conn, owner, community)
    await publish_all(fed)
    await come_back(fed, clock, other)
    assert await told(fed) == {}
    await come_back(fed, clock)
    assert await told(fed) == {("Announce Create", thread.id): 1}
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
        await conn.execute("update memberships set state = 'left' where actor_id = $1", member.id)
        await park(conn, clock)
        await conn.execute("update destinations set lost_since = lost_since - interval '9 days'")
    await come_back(fed, clock)
    assert await told(fed) == {}


async def test_what_people_here_wrote_in_its_communities_goes_home(fed, clock) -> None:
    async with fed.database.write() as conn:
        person = await make_person(conn)
        community = await make_remote_community(conn, host=AWAY)
        elsewhere = await make_remote_community(conn, host="there.test")
        for one in (community, elsewhere):
            await join(conn, one, person)
        await park(conn, clock)
        clock.move(DAY)
        thread = await make_thread(conn, person, community)
        gone = await make_thread(conn, person, community, text="Never mind.")
    await publish_all(fed)
    async with fed.database.write() as conn:
        await erase_post(conn, person, gone, now=clock.now())
    await publish_all(fed)
    async with fed.database.write() as conn:
        await make_thread(conn, person, elsewhere)
    await publish_all(fed)
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries")
    await come_back(fed, clock)
    assert await told(fed) == {("Create", thread.id): 1, ("Delete", gone.id): 1}
    async with fed.database.read() as conn:
        assert {row.inbox for row in await queued(conn)} == {community.inbox}
        asked = await conn.fetch("select uri, kind, community_id, host from backfills")
    assert [tuple(row) for row in asked] == [(community.uri, "community", community.id, AWAY)]


async def test_follows_that_were_open_or_answered_are_spoken_of_again(fed, clock) -> None:
    async with fed.database.write() as conn:
        _, community, _ = await herd(conn)
        for state in ("accepted", "refused", "asked"):
            actor = await make_remote_person(conn, host=AWAY)
            await join(conn, community, actor, state=state, follow_body="{}")
        people = [await make_person(conn) for _ in range(3)]
        theirs = await make_remote_community(conn, host=AWAY)
        for person in people:
            await membership.ask_to_join(conn, SITE, theirs, person, now=clock.now())
        await conn.execute(
            "update memberships set state = 'accepted', joined_at = now() where actor_id = any($1)",
            [people[1].id, people[2].id],
        )
        await park(conn, clock)
        clock.move(DAY)
        await conn.execute("update memberships set changed_at = $1", clock.now())
        await membership.leave(conn, SITE, theirs, people[2], clock.now())
    await come_back(fed, clock)
    async with fed.database.read() as conn:
        rows = await queued(conn)
    assert Counter((row.type, row.actor_id) for row in rows) == {
        ("Accept", community.id): 1,
        ("Reject", community.id): 1,
        ("Follow", people[0].id): 1,
        ("Undo Follow", people[2].id): 1,
    }


async def test_it_goes_on_where_it_stopped_and_waits_while_much_is_queued(
    fed, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "BATCH", 3)
    monkeypatch.setattr(catchup, "MOST_WAITING", 4)
    async with fed.database.write() as conn:
        owner, community, _ = await herd(conn)
        await park(conn, clock)
        clock.move(DAY)
        posts = [await make_thread(conn, owner, community) for _ in range(11)]
    await publish_all(fed)
    clock.move(DAY)
    async with fed.database.write() as conn:
        await destinations.revive(conn, AWAY, clock.now())
    clock.move(timedelta(minutes=1))
    seen: list[int | None] = []
    for _ in range(40):
        while await catchup.step(fed):
            pass
        async with fed.database.write() as conn:
            rows = await queued(conn)
            assert len(rows) <= 4 + 3
            seen += [row.post_id for row in rows]
            await conn.execute("delete from deliveries")
        clock.move(catchup.PAUSE)
    assert seen == [post.id for post in posts]


async def test_a_server_that_goes_again_is_owed_everything_from_the_start(
    fed, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "BATCH", 4)  # each thread is a Create and its Announce
    async with fed.database.write() as conn:
        owner, community, _ = await herd(conn)
        await park(conn, clock)
        lost_since = clock.now()
        clock.move(DAY)
        posts = [await make_thread(conn, owner, community) for _ in range(4)]
    await publish_all(fed)
    async with fed.database.write() as conn:
        await destinations.revive(conn, AWAY, clock.now())
    await catchup.step(fed)
    async with fed.database.write() as conn:
        assert len(await queued(conn)) == 2
        await destinations.lease_hosts(conn, "w", clock.now(), DAY, limit=9)
        report = destinations.HostReport(AWAY, "gone", clock.now(), "410")
        await destinations.report(conn, "w", clock.now(), [report])
        row = await conn.fetchrow("select * from destinations")
    assert (row["lost_since"], row["back_at"]) == (lost_since, None)
    while await catchup.step(fed):
        pass
    await come_back(fed, clock)
    assert sorted(await told(fed)) == [("Announce Create", post.id) for post in posts]


async def test_a_blocked_server_is_told_nothing_until_it_is_let_in_again(fed, clock) -> None:
    async with fed.database.write() as conn:
        admin = await factories.make_admin(conn)
        owner, community, _ = await herd(conn)
        waits = await make_thread(conn, owner, community, title="Not sent yet")
        kept = await make_thread(conn, owner, community, title="Sent before")
    await publish_all(fed)
    async with fed.database.write() as conn:
        await conn.execute("delete from deliveries where object_key = $1", kept.id)
        assert len(await queued(conn)) == 1
        clock.move(DAY)
        await policy.block_server(conn, admin, AWAY, "spam", clock.now())
        assert await queued(conn) == []
        await destinations.revive(conn, AWAY, clock.now())
    clock.move(DAY)
    async with fed.database.write() as conn:
        written = await make_thread(conn, owner, community, title="Meanwhile")
    await publish_all(fed)
    async with fed.database.write() as conn:
        await erase_post(conn, owner, kept, now=clock.now())
    await publish_all(fed)
    while await catchup.step(fed):
        pass
    assert await told(fed) == {}
    async with fed.database.write() as conn:
        await policy.unblock_server(conn, admin, AWAY, "sorry", clock.now())
    clock.move(timedelta(minutes=1))
    while await catchup.step(fed):
        pass
    assert await told(fed) == {
        ("Announce Create", waits.id): 1,
        ("Announce Create", written.id): 1,
        ("Announce Delete", kept.id): 1,
    }


async def test_r61_what_it_missed_reaches_it_in_order(fed, clock) -> None:
    async with open_sink() as sink:
        async with fed.database.write() as conn:
            owner = await make_person(conn)
            community = await make_community(conn, owner)
            member = await make_member_elsewhere(conn, community, sink.host, "dazzle")
            await conn.execute(
                "update actors set shared_inbox = $2 where id = $1", member.id, sink.inbox
            )
            await park(conn, clock, sink.host)
            clock.move(DAY)
            thread = await make_thread(conn, owner, community)
            for _ in range(5):
                await make_reply(conn, owner, thread)
        await come_back(fed, clock, sink.host)
        while await deliver.step(fed):
            pass
    async with fed.database.read() as conn:
        rows = await conn.fetch("select body from activities where type = 'Announce Create'")
    assert sorted(sink.bodies) == sorted(row["body"] for row in rows)
    assert len(sink.bodies) == 6


async def test_a_parked_server_is_asked_once_a_day_whether_it_is_back(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    """Both may have given the other up, and then neither speaks."""
    clock = MovableClock()
    async with (
        open_house(await new_database(), clock) as a,
        open_house(await new_database(), clock) as b,
    ):
        async with a.database.write() as conn:
            community = await make_community(conn, site=a.site)
        timo = await b.person()
        await b.join(timo, community)
        await settle(a, b)
        for house, other in ((a, b.site.host), (b, a.site.host)):
            async with house.database.write() as conn:
                await park(conn, clock, other)
        await b.shut_door()
        clock.move(DAY)
        await settle(a)
        assert await a.rows("select parked_at is not null from destinations") == [(True,)]
        await b.open_door()
        clock.move(DAY / 2)
        await settle(a)
        assert await a.rows("select parked_at is not null from destinations") == [(True,)]
        clock.move(DAY)
        await settle(a, b)
        for house in (a, b):
            assert await house.rows("select parked_at is not null from destinations") == [(False,)]
