"""Counters of attempts. A key says nothing about whom it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.db import Connection, fetch_one


@dataclass(frozen=True, slots=True)
class Count:
    count: int
    resets_at: datetime


COUNT = """
insert into limits as l (key, count, resets_at)
values ($1, 1, $2)
on conflict (key) do update
set count = case when l.resets_at <= $3 then 1 else l.count + 1 end,
  resets_at = case when l.resets_at <= $3 then excluded.resets_at else l.resets_at end
returning l.count, l.resets_at
"""


async def count(conn: Connection, key: bytes, resets_at: datetime, now: datetime) -> Count:
    """Count one more attempt in a window that began earlier, or begins now."""
    row = await fetch_one(conn, Count, COUNT, key, resets_at, now)
    return row or Count(1, resets_at)


TIDY = "delete from limits where resets_at <= $1"


async def tidy(conn: Connection, now: datetime) -> None:
    """Forget the windows that are over."""
    await conn.execute(TIDY, now)
