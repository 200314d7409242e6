from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forum import limits
from forum.errors import TooMany
from storage import limits as stored
from storage.db import Connection

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = b"s" * 32


async def count(conn: Connection, subject: str = "zebra", now: datetime = NOW) -> None:
    per = timedelta(minutes=5)
    await limits.require_below(conn, SECRET, "test", subject, most=3, per=per, now=now)


async def test_one_more_than_the_most_is_too_many_until_the_window_ends(conn: Connection) -> None:
    for _ in range(3):
        await count(conn)
    with pytest.raises(TooMany) as refusal:
        await count(conn, now=NOW + timedelta(minutes=4))
    assert refusal.value.retry_after == 60
    await count(conn, "giraffe")
    await count(conn, now=NOW + timedelta(minutes=5))


async def test_sign_in_is_limited_per_address_and_per_account(conn: Connection) -> None:
    async def attempt(name: str, address: str) -> None:
        await limits.count_sign_in(conn, SECRET, name=name, address=address, now=NOW)

    for number in range(25):
        await attempt(f"person_{number}", "192.0.2.1")
    with pytest.raises(TooMany):
        await attempt("another", "192.0.2.1")
    for number in range(25):
        await attempt("zebra", f"198.51.100.{number}")
    with pytest.raises(TooMany):
        await attempt("Zebra ", "203.0.113.1")


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_an_address_counts_with_its_neighbours(address: str, subject: str) -> None:
    assert limits.address_subject(address) == subject


async def test_what_is_stored_names_nobody_and_changes_daily(conn: Connection) -> None:
    await count(conn, "192.0.2.1")
    await count(conn, "192.0.2.1", NOW + timedelta(days=1))
    rows = await conn.fetch("select key::text || count::text || resets_at::text as row from limits")
    assert len(rows) == 2
    assert not any("192" in row["row"] for row in rows)
    await stored.tidy(conn, NOW + timedelta(days=2))
    assert await conn.fetchval("select count(*) from limits") == 0


async def test_signing_in_with_a_code_counts_once_for_an_address(conn: Connection) -> None:
    async def code(account_id: int | None) -> None:
        await limits.count_code(conn, SECRET, account_id=account_id, address="192.0.2.1", now=NOW)

    for number in range(25):
        await limits.count_sign_in(
            conn, SECRET, name=f"person_{number}", address="192.0.2.1", now=NOW
        )
        await code(number)
    with pytest.raises(TooMany):
        await code(99)


async def test_aut_03_first_halves_that_are_over_share_no_count(conn: Connection) -> None:
    for number in range(12):
        await limits.count_code(
            conn, SECRET, account_id=None, address=f"198.51.100.{number}", now=NOW
        )
    for number in range(10):
        await limits.count_code(conn, SECRET, account_id=0, address=f"203.0.113.{number}", now=NOW)
