"""Time-ordered ids: milliseconds since 1970 << 16 | 16 random bits.

Mastodon's clients sort by id and compute times from it; they are decimal strings in every API.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

MAX_ID = 2**63 - 1


def new_id(at: datetime) -> int:
    """An id for something that happened at `at` (arrival time, or time published in a backfill)."""
    return (int(at.timestamp() * 1000) << 16) | secrets.randbits(16)


def first_id(at: datetime) -> int:
    """The lowest id that `new_id` makes at that moment."""
    return int(at.timestamp() * 1000) << 16


def time_of(identifier: int) -> datetime:
    """The moment, to the millisecond, that is written in an id."""
    return datetime.fromtimestamp((identifier >> 16) / 1000, UTC)
