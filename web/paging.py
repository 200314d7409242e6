"""Where a list goes on: a moment and an id, as one short word in the address."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from storage.ids import MAX_ID

Cursor: TypeAlias = tuple[datetime, int]
SHAPE = re.compile(r"([0-9]{1,17})-([0-9]{1,19})", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 4102444800 * 1_000_000  # microseconds: the year 2100


def cursor_of(position: Cursor) -> str:
    at, identifier = position
    return f"{(at - EPOCH) // timedelta(microseconds=1)}-{identifier}"


def read_cursor(value: str) -> Cursor | None:
    """The position, or None (the beginning) for anything that we did not make."""
    match = SHAPE.fullmatch(value)
    if match is None:
        return None
    at, identifier = int(match[1]), int(match[2])
    if at > LATEST or identifier > MAX_ID:
        return None
    return EPOCH + timedelta(microseconds=at), identifier


def read_id(value: str) -> int | None:
    """A positive id of ours from an address or a form, or None."""
    if not value.isascii() or not value.isdigit() or len(value) > 19:
        return None
    return int(value) if 0 < int(value) <= MAX_ID else None


def read_path(value: str) -> list[int] | None:
    """A post's path in its thread: ids joined by dots."""
    parts = value.split(".")
    if not value or len(parts) > 60:
        return None
    ids = [read_id(part) for part in parts]
    return None if None in ids else [found for found in ids if found is not None]
