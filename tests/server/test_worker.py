from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from server import worker
from server.settings import Settings
from storage import departures
from tests.factories import (
    join,
    make_community,
    make_person,
    make_poll,
    make_remote_person,
    make_site,
    make_thread,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

INBOX = """
insert into inbox (id, uri, type, actor_uri, host, body, state, received_at)
values ($1, 'https://a.example/' || $1::bigint, 'Like', 'https://a.example/u', 'a.example', '',
  $2, $3)
"""


async def test_what_has_had_its_time_is_dropped(database):
    old, young = NOW - timedelta(days=15), NOW - timedelta(days=13)
    async with database.write() as conn:
        await conn.execute(INBOX, 1, "done", old)
        await conn.execute(INBOX, 2, "done", young)
        await conn.execute(INBOX, 3, "waiting", old)
        for key, ends in ((b"a" * 16, NOW - timedelta(1)), (b"b" * 16, NOW + timedelta(1))):
            await conn.execute("insert into limits values ($1, 1, $2)", key, ends)
    await worker.tidy(database, NOW)
    async with database.read() as conn:
        kept = [row[0] for row in await conn.fetch("select id from inbox order by id")]
        limits = [row[0] for row in await conn.fetch("select key from limits")]
    assert kept == [2, 3]
    assert limits == [b"b" * 16]


ACTIVITY = """
insert into activities (id, uri, actor_id, type, post_id, body, created_at)
values ($1, 'https://here.test/ap/activities/' || $1::bigint, $2, 'Follow', $3, '{}', $4)
"""


async def test_who_asked_to_join_what_is_not_kept_once_it_was_said(database):
    old, young = NOW - timedelta(days=15), NOW - timedelta(days=13)
    async with database.write() as conn:
        person = await make_person(conn)
        post = await make_thread(conn, person, await make_community(conn, person))
        for number, post_id, at in ((1, None, old), (2, None, young), (3, post.id, old),
                                    (4, None, old)):  # fmt: skip
            await conn.execute(ACTIVITY, number, person.id, post_id, at)
        await conn.execute("insert into destinations (host) values ('away.test')")
        await conn.execute(
            "insert into deliveries (activity_id, inbox, host, object_key)"
            " values (4, 'https://away.test/inbox', 'away.test', 1)"
        )
    await worker.tidy(database, NOW)
    async with database.read() as conn:
        kept = [row[0] for row in await conn.fetch("select id from activities order by id")]
    assert kept == [2, 3, 4]


SERVER = """
insert into instances (host, policy, first_seen_at, last_alive_at, software_checked_at)
values ($1, $2, $3, $4, $4)
"""
DESTINATION = """
insert into destinations (host, next_at, last_success_at, lost_since, parked_at)
values ($1, $2, $2, $3, $3)
"""


async def test_servers_that_nobody_here_knows_are_forgotten(database):
    """Whoever owns a domain has as many names below it as they like."""
    old, young = NOW - timedelta(days=91), NOW - timedelta(days=89)
    async with database.write() as conn:
        for host, policy, seen, alive in (
            ("idle.test", "default", old, None),
            ("silent.test", "default", old, old),
            ("speaks.test", "default", old, young),
            ("new.test", "default", young, None),
            ("blocked.test", "refused", old, old),
            ("named.test", "allowed", old, old),
            ("people.test", "default", old, old),
        ):
            await conn.execute(SERVER, host, policy, seen, alive)
        person = await make_remote_person(conn, host="people.test")
        for host, at, lost in (
            ("idle.test", old, None),
            ("speaks.test", young, None),
            ("lost.test", old, old),
            ("waits.test", old, None),
        ):
            await conn.execute(DESTINATION, host, at, lost)
        await conn.execute(ACTIVITY, 1, person.id, None, young)
        await conn.execute(
            "insert into deliveries (activity_id, inbox, host, object_key)"
            " values (1, 'https://waits.test/inbox', 'waits.test', 1)"
        )
    await worker.tidy(database, NOW)
    async with database.read() as conn:
        servers = await conn.fetch("select host from instances order by host")
        destinations = await conn.fetch("select host from destinations order by host")
    assert [row[0].split(".")[0] for row in servers] == [
        "blocked",
        "named",
        "new",
        "people",
        "speaks",
    ]
    assert [row[0].split(".")[0] for row in destinations] == ["lost", "speaks", "waits"]


async def test_a_worker_stops_soon_when_it_is_asked_to(database_url, tmp_path):
    settings = Settings(database_url=database_url, data_dir=tmp_path)
    stop, ready = asyncio.Event(), asyncio.Event()
    working = asyncio.create_task(worker.run_worker(settings, stop, ready.set))
    await asyncio.wait_for(ready.wait(), 20)
    await asyncio.sleep(0.2)
    began = time.monotonic()
    stop.set()
    await asyncio.wait_for(working, 10)
    assert time.monotonic() - began < 3


async def test_polls_end_and_who_left_is_taken_out_without_anybody_asking(database):
    async with database.write() as conn:
        await make_site(conn)
        person, leaver = await make_person(conn), await make_remote_person(conn)
        community = await make_community(conn, person)
        await join(conn, community, leaver)
        polls = [
            await make_poll(conn, person, community, ends_at=NOW)
            for _ in range(worker.DUE_BATCH + 1)
        ]
        thread = await make_thread(conn, leaver, community)
        await departures.begin(conn, leaver.id, NOW)
    await worker.do_due(database, NOW)
    async with database.read() as conn:
        closed = await conn.fetchval("select count(*) from polls where closed_at = $1", NOW)
        told = await conn.fetchval("select count(*) from events where kind = 'PollTallied'")
        state = await conn.fetchval("select state from posts where id = $1", thread.id)
        waiting = await conn.fetchval("select count(*) from departures")
    assert (closed, told) == (len(polls), len(polls))
    assert (state, waiting) == ("erased", 0)
