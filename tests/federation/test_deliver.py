"""Deliveries over real HTTP to sinks on loopback: order, patience, and what a crash leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from email.utils import format_datetime
from itertools import count

import pytest

from federation import deliver
from federation.deliver.courier import PER_HOST
from federation.keys import load_public_key
from federation.signatures import Message, is_signed_by, read_signature
from storage import activities, deliveries, destinations
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient
from storage.db import Connection, Database
from storage.ids import new_id
from tests.factories import (
    KEYPAIR,
    make_community,
    make_person,
    make_site,
    make_thread,
)
from tests.federation.sink import Request, Sink, open_sink
from tests.federation.wire import MovableClock, make_member_elsewhere, open_wire, publish_all

MINUTE = timedelta(minutes=1)
_numbers = count(1 << 16, 1 << 16)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def fed(database: Database, clock: MovableClock):
    async with open_wire(database, clock=clock) as opened:
        yield opened


@pytest.fixture
async def author(database: Database) -> Actor:
    async with database.write() as conn:
        await make_site(conn)
        return await make_person(conn)


async def send(
    database: Database,
    clock: MovableClock,
    author: Actor,
    sinks: Sequence[Sink],
    *words: str,
    key: int | None = None,
) -> None:
    """Queue one activity per word, each about an object of its own unless `key` names one."""
    async with database.write() as conn:
        for number, word in enumerate(words):
            identifier = new_id(clock.now()) + next(_numbers)
            body = word.encode()
            uri = f"https://here.test/ap/activities/{identifier}"
            await activities.insert(
                conn, Activity(identifier, uri, author.id, "Follow", None, body)
            )
            recipients = [Recipient(sink.inbox, sink.host, None) for sink in sinks]
            await deliveries.queue(conn, identifier, key or number + 1, recipients, clock.now())


async def waiting(conn: Connection) -> int:
    return await conn.fetchval("select count(*) from deliveries")


async def destination(conn: Connection, sink: Sink):
    return await conn.fetchrow("select * from destinations where host = $1", sink.host)


async def test_the_stored_bytes_are_sent_and_the_authors_key_signs_them(
    fed, database, clock, author
) -> None:
    body = '{"id": 1,  "unusual":"spacing é"}'
    async with open_sink() as sink:
        await send(database, clock, author, [sink], body)
        assert await deliver.step(fed) == 1
    request = sink.requests[0]
    assert request.body == body.encode()
    assert dict(request.headers)[b"content-type"] == b"application/activity+json"
    message = Message(
        "POST", "https://there.test", request.target, "", request.headers, request.body
    )
    signed = read_signature(message, clock.now())
    assert signed is not None
    assert signed.key_uri == f"{author.uri}#main-key"
    assert is_signed_by(load_public_key(KEYPAIR.public_pem), signed)
    async with database.read() as conn:
        assert await waiting(conn) == 0


async def test_r61_deliveries_about_one_object_arrive_in_order_and_alone(
    fed, database, clock, author
) -> None:
    words = [str(number) for number in range(8)]
    async with open_sink(Sink(delay=0.01)) as sink:
        await send(database, clock, author, [sink], *words, key=7)
        for _ in words:
            assert await deliver.step(fed) == 1
    assert [body.decode() for body in sink.bodies] == words
    assert sink.most_at_once == 1


async def test_a_host_gets_four_requests_at_a_time(fed, database, clock, author) -> None:
    words = [str(number) for number in range(12)]
    async with open_sink(Sink(delay=0.05)) as sink:
        await send(database, clock, author, [sink], *words)
        await deliver.step(fed)
    assert sorted(sink.bodies) == sorted(word.encode() for word in words)
    assert sink.most_at_once == 4


async def test_a_slow_host_does_not_hold_up_another(fed, database, clock, author) -> None:
    slow = Sink(gate=asyncio.Event())
    stop = asyncio.Event()
    async with open_sink(slow), open_sink() as quick:
        await send(database, clock, author, [slow], "slow")
        running = asyncio.create_task(deliver.run(fed, stop, "worker"))
        await until(lambda: slow.requests)
        for number in range(3):
            await send(database, clock, author, [quick], f"quick {number}")
            await until(lambda number=number: len(quick.requests) == number + 1)
        slow.gate.set()
        stop.set()
        await asyncio.wait_for(running, 10)
    async with database.read() as conn:
        assert await waiting(conn) == 0


async def test_an_inbox_that_fails_holds_back_no_other_of_its_host(
    fed, database, clock, author
) -> None:
    """Not every server has a shared inbox."""

    def answer(request: Request):
        return (500 if request.target == "/ill" else 202), {}

    async with open_sink(Sink(answer)) as sink:
        async with database.write() as conn:
            uri = "https://here.test/ap/activities/1"
            activity = Activity(1, uri, author.id, "Follow", None, b"a")
            await activities.insert(conn, activity)
            inboxes = [f"http://{sink.host}/{name}" for name in ("ill", "well", "fine")]
            takers = [Recipient(inbox, sink.host, None) for inbox in inboxes]
            await deliveries.queue(conn, activity.id, 7, takers, clock.now())
        await deliver.step(fed)
        assert sorted(request.target for request in sink.requests) == ["/fine", "/ill", "/well"]


async def test_r61_a_failing_delivery_holds_back_only_its_own_object(
    fed, database, clock, author
) -> None:
    is_ill = True

    def answer(request: Request):
        return (500 if is_ill and request.body == b"first" else 202), {}

    async with open_sink(Sink(answer)) as sink:
        await send(database, clock, author, [sink], "first", "second", key=7)
        await send(database, clock, author, [sink], "other", key=8)
        await deliver.step(fed)
        assert sorted(sink.bodies) == [b"first", b"other"]
        await send(database, clock, author, [sink], "later", key=9)
        clock.move(timedelta(seconds=2))
        await deliver.step(fed)
        assert sink.bodies[2:] == [b"later"]
        is_ill = False
        clock.move(MINUTE)
        await deliver.step(fed)
        await deliver.step(fed)
        assert sink.bodies[3:] == [b"first", b"second"]
    async with database.read() as conn:
        assert await waiting(conn) == 0


@pytest.mark.parametrize("status", [403, 404, 405, 410, 422, 501])
async def test_r61_a_refusal_is_final_and_remembered(fed, database, clock, author, status) -> None:
    async with open_sink(Sink(lambda _: (status, {}))) as sink:
        await send(database, clock, author, [sink], "a", "b", key=7)
        await deliver.step(fed)
        await deliver.step(fed)
        assert sink.bodies == [b"a", b"b"]
    async with database.read() as conn:
        assert await waiting(conn) == 0
        row = await destination(conn, sink)
        assert str(status) in row["last_error"]
        assert row["failures"] == 0


async def test_r61_a_host_that_names_a_time_is_left_alone_until_then(
    fed, database, clock, author
) -> None:
    status, headers = 429, {"retry-after": "600"}
    async with open_sink(Sink(lambda _: (status, headers))) as sink:
        await send(database, clock, author, [sink], "a")
        await deliver.step(fed)
        clock.move(9 * MINUTE)
        await send(database, clock, author, [sink], "b", key=8)
        assert await deliver.step(fed) == 0
        assert sink.bodies == [b"a"]
        status, headers = 503, {"retry-after": format_datetime(clock.now() + 10 * MINUTE)}
        clock.move(2 * MINUTE)
        await deliver.step(fed)
        clock.move(7 * MINUTE)
        seen = len(sink.bodies)
        await deliver.step(fed)
        assert len(sink.bodies) == seen
        status, headers = 202, {}
        clock.move(2 * MINUTE)
        assert await deliver.step(fed) == 2
    async with database.read() as conn:
        row = await destination(conn, sink)
    assert row["failing_since"] is None


async def test_a_sign_of_life_does_not_shorten_the_time_that_a_host_named(
    fed, database, clock, author
) -> None:
    async with open_sink(Sink(lambda _: (429, {"retry-after": "600"}))) as sink:
        await send(database, clock, author, [sink], "a")
        await deliver.step(fed)
        async with database.write() as conn:
            await destinations.revive(conn, sink.host, clock.now())
        clock.move(MINUTE)
        await deliver.step(fed)
        assert len(sink.requests) == 1


async def test_r61_a_host_that_does_not_answer_waits_longer_each_time_and_is_parked(
    fed, database, clock, author
) -> None:
    async with open_sink() as sink:
        pass
    await send(database, clock, author, [sink], "a", "b")
    waits = []
    for _ in range(200):
        await deliver.step(fed)
        async with database.read() as conn:
            row = await destination(conn, sink)
        if row["parked_at"] is not None:
            break
        waits.append(row["next_at"] - clock.now())
        clock.move(waits[-1])
    assert row["parked_at"] is not None
    assert 14 * DAY <= row["parked_at"] - row["failing_since"] < 15 * DAY
    assert timedelta(seconds=5) < waits[0] < MINUTE
    assert waits[4] > 3 * waits[1]
    assert max(waits) < timedelta(hours=8)
    assert len(waits) > 20
    clock.move(30 * DAY)
    assert await deliver.step(fed) == 0


async def test_a_parked_host_is_owed_what_it_missed_and_gets_nothing_new(
    fed, database, clock, author
) -> None:
    """Its rows go, and when the first of them was made is remembered."""
    async with open_sink() as sink:
        pass
    await send(database, clock, author, [sink], "a", "b")
    began = clock.now()
    while await parked_at(database, sink) is None:
        await deliver.step(fed)
        clock.move(timedelta(hours=7))
    await send(database, clock, author, [sink], "c")
    async with database.write() as conn:
        assert await waiting(conn) == 2
        assert await destinations.sweep(conn, 100) == 2
        lost_since = (await destination(conn, sink))["lost_since"]
        assert abs(lost_since - began) < timedelta(seconds=1)
    async with open_sink(Sink(port=sink.port)) as back:
        async with database.write() as conn:
            await destinations.revive(conn, sink.host, clock.now())
            assert (await destination(conn, sink))["back_at"] == clock.now()
        await send(database, clock, author, [sink], "d")
        await deliver.step(fed)
        assert back.bodies == [b"d"]


async def test_what_was_queued_a_second_time_is_owed_from_when_it_was_said(
    fed, database, clock, author
) -> None:
    """A host that was told what it missed, and goes away again before it has all of it."""
    async with open_sink() as sink:
        pass
    said_at = clock.now()
    await send(database, clock, author, [sink], "a")
    clock.move(20 * DAY)
    async with database.write() as conn:
        await conn.execute("update deliveries set created_at = $1", clock.now())
    while await parked_at(database, sink) is None:
        await deliver.step(fed)
        clock.move(timedelta(hours=7))
    async with database.read() as conn:
        lost_since = (await destination(conn, sink))["lost_since"]
        assert abs(said_at - lost_since) < timedelta(seconds=1)


async def parked_at(database: Database, sink: Sink):
    async with database.read() as conn:
        return (await destination(conn, sink) or {"parked_at": None})["parked_at"]


async def test_a_sign_of_life_ends_the_wait(fed, database, clock, author) -> None:
    async with open_sink() as sink:
        pass
    await send(database, clock, author, [sink], "a")
    await deliver.step(fed)
    async with open_sink(Sink(port=sink.port)) as back:
        await deliver.step(fed)
        assert back.bodies == []
        async with database.write() as conn:
            await destinations.revive(conn, sink.host, clock.now())
        await deliver.step(fed)
        assert back.bodies == [b"a"]


async def test_a_delivery_that_fails_for_two_weeks_is_given_up(
    fed, database, clock, author
) -> None:
    async with open_sink(Sink(lambda request: (500 if request.body == b"a" else 202, {}))) as sink:
        await send(database, clock, author, [sink], "a")
        async with database.write() as conn:
            await conn.execute("update deliveries set created_at = $1", clock.now() - 15 * DAY)
        await deliver.step(fed)
        async with database.read() as conn:
            assert await waiting(conn) == 0
            assert "given up" in (await destination(conn, sink))["last_error"]


async def test_what_is_given_up_does_not_count_as_an_answer(fed, database, clock, author) -> None:
    """Else a host that takes nothing is well again each time, and never owed what it missed."""
    async with open_sink(Sink(lambda _: (500, {}))) as sink:
        await send(database, clock, author, [sink], *[str(number) for number in range(9)])
        await deliver.step(fed)
        async with database.write() as conn:
            began = (await destination(conn, sink))["failing_since"]
            await conn.execute("update deliveries set created_at = $1", clock.now() - 15 * DAY)
        clock.move(timedelta(hours=1))
        await deliver.step(fed)
        async with database.read() as conn:
            assert await waiting(conn) == 8
            row = await destination(conn, sink)
            assert (row["failing_since"], row["failures"]) == (began, 2)


async def test_many_errors_and_no_success_speak_for_the_whole_host(
    fed, database, clock, author
) -> None:
    async with open_sink(Sink(lambda _: (502, {}))) as sink:
        await send(database, clock, author, [sink], *[str(number) for number in range(30)])
        await deliver.step(fed)
        assert len(sink.requests) < 10
    async with database.read() as conn:
        assert (await destination(conn, sink))["failures"] == 1


async def test_a_leased_host_is_nobody_elses_until_the_lease_ends(
    fed, database, clock, author
) -> None:
    async with open_sink() as sink:
        await send(database, clock, author, [sink], "a")
        async with database.read() as conn:
            first = await destinations.lease_hosts(conn, "x", clock.now(), deliver.LEASE, limit=9)
            again = await destinations.lease_hosts(conn, "y", clock.now(), deliver.LEASE, limit=9)
        assert [leased.host for leased in first] == [sink.host]
        assert again == []
        clock.move(deliver.LEASE - timedelta(seconds=1))
        assert await deliver.step(fed) == 0
        clock.move(timedelta(seconds=2))
        assert await deliver.step(fed) == 1
        assert sink.bodies == [b"a"]


async def test_a_worker_that_comes_back_late_does_not_free_anothers_lease(
    fed, database, clock, author
) -> None:
    async with open_sink() as sink:
        await send(database, clock, author, [sink], "a")
    async with database.read() as conn:
        await destinations.lease_hosts(conn, "x", clock.now(), deliver.LEASE, limit=9)
        clock.move(2 * MINUTE)
        await destinations.lease_hosts(conn, "y", clock.now(), deliver.LEASE, limit=9)
        late = destinations.HostReport(sink.host, "failed", clock.now() + DAY, "late")
        await destinations.report(conn, "x", clock.now(), [late])
        row = await destination(conn, sink)
    assert (row["leased_by"], row["failures"]) == ("y", 0)


async def test_a_worker_that_dies_in_mid_delivery_loses_nothing(
    fed, database, clock, author
) -> None:
    sink = Sink(gate=asyncio.Event())
    async with open_sink(sink):
        await send(database, clock, author, [sink], "a", "b", key=7)
        dying = asyncio.create_task(deliver.run(fed, asyncio.Event(), "dying"))
        await until(lambda: sink.requests)
        dying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dying
        async with database.read() as conn:
            assert await waiting(conn) == 2
        sink.gate.set()
        clock.move(deliver.LEASE)
        await deliver.step(fed)
        await deliver.step(fed)
        assert sink.bodies == [b"a", b"a", b"b"]
    async with database.read() as conn:
        assert await waiting(conn) == 0


async def test_a_worker_that_stops_finishes_what_is_under_way(fed, database, clock, author) -> None:
    sink = Sink(gate=asyncio.Event())
    async with open_sink(sink):
        await send(database, clock, author, [sink], "a", "b", key=7)
        stop = asyncio.Event()
        running = asyncio.create_task(deliver.run(fed, stop, "worker"))
        await until(lambda: sink.requests)
        stop.set()
        sink.gate.set()
        await asyncio.wait_for(running, 5)
    async with database.read() as conn:
        rows = await conn.fetch(
            "select a.body from deliveries d join activities a on a.id = d.activity_id"
        )
        row = await destination(conn, sink)
    assert [row["body"] for row in rows] == [b"b"]
    assert row["leased_until"] is None


async def test_what_is_cancelled_while_a_host_is_visited_is_not_sent(
    fed, database, clock, author
) -> None:
    """A post that is erased now stays here, though a worker has its delivery in hand."""
    sink = Sink(gate=asyncio.Event())
    words = [str(number) for number in range(12)]
    async with open_sink(sink):
        await send(database, clock, author, [sink], *words)
        running = asyncio.create_task(deliver.step(fed))
        await until(lambda: sink.requests)
        async with database.write() as conn:
            await conn.execute("delete from deliveries where object_key > 6")
        sink.gate.set()
        await asyncio.wait_for(running, 10)
    assert sorted(sink.bodies) == [word.encode() for word in words[:6]]


async def test_each_answer_is_written_before_the_next_request_goes(
    fed, database, clock, author
) -> None:
    """Whoever is killed then sends again only what was under way."""
    unwritten = []

    def look(_: Request):
        unwritten.append(asyncio.create_task(unwritten_of(len(sink.requests))))
        return 202, {}

    async def unwritten_of(sent: int) -> int:
        async with database.read() as conn:
            return sent - (13 - await waiting(conn))

    async with open_sink(Sink(look, delay=0.05)) as sink:
        await send(database, clock, author, [sink], *[str(number) for number in range(13)])
        await deliver.step(fed)
        assert len(sink.requests) == 13
        assert max(await asyncio.gather(*unwritten)) <= 4


async def test_a_host_that_hangs_costs_one_connection(fed, database, clock, author) -> None:
    sink = Sink(gate=asyncio.Event())
    async with open_sink(sink):
        await send(database, clock, author, [sink], *[str(number) for number in range(12)])
        running = asyncio.create_task(deliver.step(fed))
        await until(lambda: sink.requests)
        await asyncio.sleep(0.3)
        assert len(sink.requests) == 1
        sink.gate.set()
        await running


async def test_what_waits_behind_a_held_delivery_hides_no_other(
    fed, database, clock, author
) -> None:
    """However much of it there is: an object with a thousand likes fails, the others go on."""
    held = [f"held {number}" for number in range(16 * PER_HOST + 40)]

    def answer(request: Request):
        return (500 if request.body.startswith(b"held") else 202), {}

    async with open_sink(Sink(answer)) as sink:
        await send(database, clock, author, [sink], "first", key=1)
        await send(database, clock, author, [sink], *held, key=7)
        await deliver.step(fed)
        clock.move(timedelta(seconds=2))
        await send(database, clock, author, [sink], "other", key=8)
        await deliver.step(fed)
    assert sink.bodies[-1] == b"other"


async def test_r63_nothing_goes_to_a_blocked_server_or_while_nobody_is_federated_with(
    fed, database, clock, author
) -> None:
    async with open_sink() as sink:
        await send(database, clock, author, [sink], "a")
        async with database.write() as conn:
            await conn.execute(
                "insert into instances (host, policy) values ($1, 'refused')", sink.host
            )
        await deliver.step(fed)
        async with database.write() as conn:
            await conn.execute("update instances set policy = 'default'")
            await conn.execute("update site set federation_mode = 'nobody'")
        await deliver.step(fed)
        async with database.write() as conn:
            await conn.execute("update site set federation_mode = 'named'")
        await deliver.step(fed)
        assert sink.requests == []
        async with database.write() as conn:
            await conn.execute("update instances set policy = 'allowed'")
        await deliver.step(fed)
        assert sink.bodies == [b"a"]


async def test_r59_a_closed_post_stays_here_when_the_last_member_there_left_meanwhile(
    fed, database, clock
) -> None:
    async with open_sink() as sink:
        async with database.write() as conn:
            await make_site(conn)
            owner = await make_person(conn)
            community = await make_community(conn, owner, readers="members", hosts=(sink.host,))
            member = await make_member_elsewhere(conn, community, sink.host, "dazzle")
            await conn.execute(
                "update actors set shared_inbox = $2 where id = $1", member.id, sink.inbox
            )
            await make_thread(conn, owner, community)
        await publish_all(fed)
        async with database.write() as conn:
            assert await waiting(conn) == 1
            await conn.execute(
                "update memberships set state = 'left' where actor_id = $1", member.id
            )
        await deliver.step(fed)
        assert sink.requests == []
    async with database.read() as conn:
        assert await waiting(conn) == 0


async def test_r61_an_activity_is_queued_once_per_inbox(database, clock, author) -> None:
    sink = Sink(port=1)
    recipients = [Recipient(sink.inbox, sink.host, None)] * 2
    async with database.write() as conn:
        identifier = new_id(clock.now())
        await activities.insert(conn, Activity(identifier, "u", author.id, "Follow", None, b"x"))
        await deliveries.queue(conn, identifier, 1, recipients, clock.now())
        await deliveries.queue(conn, identifier, 1, recipients, clock.now())
        assert await waiting(conn) == 1
        await destinations.cancel_host(conn, sink.host, clock.now())
        assert await waiting(conn) == 0


async def until(condition) -> None:
    async with asyncio.timeout(8):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
