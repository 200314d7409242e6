"""One received activity at work, and what a handler makes of it.

A handler looks up and fetches what is missing, with no transaction open, and returns a change:
the one use case, to be run in a transaction. The change gives the id of the post it brought.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from federation.context import Federation
from federation.fetch import Budget
from storage.actors import Actor
from storage.db import Connection
from storage.inbox import InboxRow

Change: TypeAlias = Callable[[Connection], Awaitable[int | None]]


class Later(Exception):
    """Something else must come first; worth trying again soon."""


@dataclass(frozen=True, slots=True)
class Job:
    """`actor` signed the activity. `coming` are the posts that others of this batch bring."""

    fed: Federation
    row: InboxRow
    actor: Actor
    now: datetime
    coming: set[str]
    budget: Budget = field(default_factory=Budget)


async def nothing(_: Connection) -> None:
    """The change of an activity that changes nothing."""
    return
