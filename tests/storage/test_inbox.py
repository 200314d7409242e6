"""What was received waits its turn: servers take turns, and each one's own order is kept."""

from __future__ import annotations

from datetime import timedelta

from storage import inbox
from storage.db import Connection
from storage.inbox import Claimed, Received

LEASE = timedelta(seconds=55)


async def keep(conn: Connection, host: str, numbers: range) -> None:
    base = 1 + int(await conn.fetchval("select coalesce(max(id), 0) from inbox"))
    await inbox.keep(
        conn,
        [
            Received(
                id=base + number,
                uri=f"https://{host}/{number}",
                type="Create",
                actor_uri=f"https://{host}/a",
                host=host,
                body=b"{}",
                is_repeatable=False,
            )
            for number in numbers
        ],
    )


def hosts_of(claimed: Claimed) -> dict[str, int]:
    hosts = [row.host for row in claimed.rows]
    return {host: hosts.count(host) for host in sorted(set(hosts))}


async def finish(conn: Connection, claimed: Claimed) -> None:
    await inbox.finish(conn, [(row.id, None) for row in claimed.rows])


async def test_a_flood_from_one_server_does_not_delay_another(conn: Connection):
    await keep(conn, "flood.test", range(500))
    await keep(conn, "quiet.test", range(10))
    claimed = await inbox.claim(conn, 50, LEASE)
    assert hosts_of(claimed) == {"flood.test": 25, "quiet.test": 10}


async def test_a_server_that_is_alone_gets_everything(conn: Connection):
    await keep(conn, "alone.test", range(80))
    assert hosts_of(await inbox.claim(conn, 50, LEASE)) == {"alone.test": 50}


async def test_many_servers_take_turns_from_where_the_last_claim_ended(conn: Connection):
    names = [f"h{number:02}.test" for number in range(30)]
    for name in names:
        await keep(conn, name, range(20))
    seen: dict[str, int] = dict.fromkeys(names, 0)
    after = ""
    for _ in range(9):
        claimed = await inbox.claim(conn, 10, LEASE, after=after, hosts=10)
        after = claimed.last_host
        for host, count in hosts_of(claimed).items():
            seen[host] += count
        await finish(conn, claimed)
    assert set(seen.values()) == {3}


async def test_one_servers_activities_come_in_their_order_and_to_one_worker_at_a_time(
    conn: Connection,
):
    await keep(conn, "one.test", range(10))
    first = await inbox.claim(conn, 4, LEASE)
    assert [row.uri[-1] for row in first.rows] == list("0123")
    assert (await inbox.claim(conn, 4, LEASE)).rows == []
    await finish(conn, first)
    second = await inbox.claim(conn, 4, LEASE)
    assert [row.uri[-1] for row in second.rows] == list("4567")


async def test_what_is_to_be_tried_later_holds_up_nothing_else_of_its_server(conn: Connection):
    await keep(conn, "one.test", range(3))
    claimed = await inbox.claim(conn, 1, LEASE)
    await inbox.retry(conn, claimed.rows[0].id, "Later", timedelta(minutes=5))
    assert [row.uri[-1] for row in (await inbox.claim(conn, 10, LEASE)).rows] == ["1", "2"]


async def test_nothing_is_claimed_when_nothing_is_due(conn: Connection):
    assert (await inbox.claim(conn, 10, LEASE)).rows == []
    await keep(conn, "one.test", range(1))
    await conn.execute("update inbox set due_at = now() + interval '1 minute'")
    claimed = await inbox.claim(conn, 10, LEASE, after="x")
    assert (claimed.rows, claimed.last_host) == ([], "x")


async def test_what_somebody_else_finished_is_not_held(conn: Connection):
    await keep(conn, "one.test", range(3))
    rows = (await inbox.claim(conn, 10, LEASE)).rows
    await inbox.finish(conn, [(rows[1].id, None)])
    held = await inbox.hold(conn, [row.id for row in rows])
    assert held == {rows[0].id, rows[2].id}


async def test_only_servers_with_something_long_due_are_behind(conn: Connection):
    for host in ("old.test", "new.test", "waits.test"):
        await keep(conn, host, range(2))
    await conn.execute(
        "update inbox set due_at = now() - interval '1 hour' where host = 'old.test'"
    )
    await conn.execute(
        "update inbox set due_at = now() + interval '1 hour' where host = 'waits.test'"
    )
    assert await inbox.list_behind(conn, timedelta(minutes=15)) == ["old.test"]
