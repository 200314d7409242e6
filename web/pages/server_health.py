"""Other servers that do not take what this one sends, as the administrator reads of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.db import Connection
from storage.destinations import PATIENCE, Ill, list_ill

MOST_SHOWN = 200
SOON_OVER = timedelta(minutes=15)  # what is shorter than this is not worth a line


@dataclass(frozen=True, slots=True)
class ShownServer:
    """`state` is failing, parked, gone or back; `status` the last answer, if there was one."""

    host: str
    state: str
    since: datetime
    until: datetime
    status: str
    trouble: str
    waiting: int


async def list_shown(conn: Connection, now: datetime) -> list[ShownServer]:
    """The servers that an administrator should know of, the oldest trouble first."""
    return [shown(one) for one in await list_ill(conn, now - SOON_OVER, limit=MOST_SHOWN)]


def shown(ill: Ill) -> ShownServer:
    state, since = _state_of(ill)
    error = ill.last_error.removeprefix("given up: ")
    has_answered = error.isdecimal()
    return ShownServer(
        host=ill.host,
        state=state,
        since=since,
        until=(ill.failing_since or since) + PATIENCE,
        status=error if has_answered else "",
        trouble="" if has_answered else error,
        waiting=ill.waiting,
    )


def _state_of(ill: Ill) -> tuple[str, datetime]:
    if ill.retired_at is not None:
        return "gone", ill.retired_at
    if ill.parked_at is not None:
        return "parked", ill.failing_since or ill.parked_at
    if ill.back_at is not None:
        return "back", ill.lost_since or ill.back_at
    return "failing", ill.failing_since or ill.next_at
