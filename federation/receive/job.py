"""One received activity at work, and what a handler makes of it.

A handler looks up and fetches what is missing, with no transaction open, and returns a change:
the one use case, to be run in a transaction. The change gives the id of the post it was about.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from federation.context import Federation
from federation.fetch import Budget
from storage.actors import Actor
from storage.db import Connection

PATIENCE = 3  # tries in which what an activity is about may still come
UNDONE_FOR = timedelta(minutes=10)  # in which what was undone before it came may still come

Change: TypeAlias = Callable[[Connection], Awaitable[int | None]]


class Later(Exception):
    """Something else must come first; worth trying again soon."""


@dataclass(frozen=True, slots=True)
class Job:
    """`actor` speaks: it signed the activity, or its server shows it in its own collections.

    `source_uri` is the id of the activity, of which `body` are the bytes and `fields` the JSON;
    `tries` counts this one. `coming` are the posts that others of this batch bring. `is_history`:
    nobody tells of it now, we asked for what was said before, in the thread `thread_id` if that
    is known.
    """

    fed: Federation
    actor: Actor
    now: datetime
    coming: set[str]
    source_uri: str | None
    body: bytes
    fields: dict[str, Any]
    tries: int = 1
    budget: Budget = field(default_factory=Budget)
    is_history: bool = False
    thread_id: int | None = None


async def nothing(_: Connection) -> None:
    """The change of an activity that changes nothing."""
    return
