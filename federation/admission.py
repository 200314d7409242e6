"""How much of the inbox is under way at once, and whose: what is too much hears so at once.

A sender that is told 503 with Retry-After comes again later; one that waits in a long queue gives
up, comes again as well, and has cost the work twice. Who is counted is the server that the
signature names, before anything is checked; what turns out not to fit its key waits elsewhere while
that server is asked, so that naming another one keeps out nobody whose signature fits.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import asyncpg

from federation.address import canonical_host
from federation.errors import Refused
from storage.db import Database
from storage.inbox import list_behind

log = logging.getLogger("dazzle.admission")

# How long a sender waits is the number of places through what is done in a second: half a second
# on a machine that takes a hundred a second, where others take a thousand.
KNOWN_AT_ONCE = 36
KNOWN_PER_HOST = 16  # less than half, since a flood's places are never empty, and others' are
# Their keys are to be read or fetched: they may wait for seconds, and keep nobody else waiting.
STRANGERS_AT_ONCE = 128
STRANGERS_PER_HOST = 16
BYTES_AT_ONCE = 64 * 1024 * 1024

# A worker is this far behind with what a server sent: more of it only fills the disk.
BACKLOG = timedelta(minutes=15)
LOOK_SECONDS = 1.0
RETRY_BACKLOG = 300

# To be told so costs a fifth of being taken. So that a crowd which does not listen can not live
# on refusals alone, its connections are read again a little later, each at its own moment.
REFUSALS_PER_SECOND = 1000
LONGEST_PAUSE = 0.25
RETRY_SOONEST, RETRY_SPREAD, RETRY_STEP = 30, 60, 17  # so that not all come back at once

KEY_URI = re.compile(rb'(?:^|[\s,;])keyid="([^"]{1,2048})"', re.IGNORECASE)
SIGNATURES = frozenset({b"signature", b"signature-input"})

Headers = list[tuple[bytes, bytes]]


class Full(Exception):
    """No place now; `retry_after` says in how many seconds to ask again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """When to come again, and for how many seconds nothing more is read on this connection."""

    retry_after: int
    pause: float


class Room:
    """Places for requests, of which one server gets some only.

    Once half of them are taken, a server gets its share among those who are in and one more: who
    came first gives way as others come.
    """

    def __init__(self, places: int, per_host: int) -> None:
        self.places = places
        self.per_host = per_host
        self.taken = 0
        self.taken_by: dict[str, int] = {}

    def has_place(self, host: str) -> bool:
        mine = self.taken_by.get(host, 0)
        if self.taken >= self.places or mine >= self.per_host:
            return False
        if self.taken < self.places // 2:
            return True
        others = len(self.taken_by) - (mine > 0)
        return mine < max(1, self.places // (others + 2))

    def take(self, host: str) -> None:
        self.taken += 1
        self.taken_by[host] = self.taken_by.get(host, 0) + 1

    def leave(self, host: str) -> None:
        self.taken -= 1
        left = self.taken_by[host] - 1
        if left:
            self.taken_by[host] = left
        else:
            del self.taken_by[host]


class Visit:
    """One request from its head to its answer, as a context."""

    __slots__ = ("_admission", "_held", "_host", "_is_in", "_room")

    def __init__(self, admission: Admission, host: str, room: Room) -> None:
        self._admission = admission
        self._host = host
        self._room = room
        self._held = 0
        self._is_in = False

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._admission.bytes_held -= self._held
        if self._is_in:
            self._room.leave(self._host)

    def hold(self, count: int) -> None:
        """So many bytes more of its body are in memory. Raises Full when that is too much."""
        self._held += count
        self._admission.bytes_held += count
        if self._admission.bytes_held > BYTES_AT_ONCE:
            raise self._admission.full()

    def come_in(self) -> None:
        """Take a place, now that the whole request is here. Raises Full."""
        if not self._room.has_place(self._host):
            raise self._admission.full()
        self._room.take(self._host)
        self._is_in = True

    def step_aside(self) -> None:
        """Wait where strangers wait: its signature does not fit the key that is known. Raises Full.

        Whoever names a key of another server would else fill the places of that server.
        """
        if self._room is self._admission.strangers:
            return
        self._room.leave(self._host)
        self._is_in = False
        self._room = self._admission.strangers
        self.come_in()


class Admission:
    """`knows` tells whether a key is in memory, so that nothing has to be asked for it."""

    def __init__(self, database: Database, knows: Callable[[str], bool]) -> None:
        self.known = Room(KNOWN_AT_ONCE, KNOWN_PER_HOST)
        self.strangers = Room(STRANGERS_AT_ONCE, STRANGERS_PER_HOST)
        self.bytes_held = 0
        self.behind: frozenset[str] = frozenset()
        self._database = database
        self._knows = knows
        self._refused = 0
        self._next_refusal = 0.0
        self._next_look = 0.0
        self._look: asyncio.Task[None] | None = None

    def visit(self, headers: Headers) -> Visit:
        """A request whose body is still to be read. Raises Full when there is no place for it."""
        host, room = self._look_for_place(headers)
        if host in self.behind:
            raise Full(RETRY_BACKLOG)
        if not room.has_place(host):
            raise self.full()
        return Visit(self, host, room)

    def turn_away(self, headers: Headers) -> TurnedAway | None:
        """For a request of which only the head is known: None to let it in.

        The same as `visit`, for the door: there a request that has no place costs least.
        """
        host, room = self._look_for_place(headers)
        if host not in self.behind and room.has_place(host):
            return None
        now = monotonic()
        self._next_refusal = max(now, self._next_refusal) + 1 / REFUSALS_PER_SECOND
        pause = min(LONGEST_PAUSE, self._next_refusal - now)
        is_behind = host in self.behind
        return TurnedAway(RETRY_BACKLOG if is_behind else self.full().retry_after, pause)

    def full(self) -> Full:
        self._refused += 1
        return Full(RETRY_SOONEST + self._refused * RETRY_STEP % RETRY_SPREAD)

    def _look_for_place(self, headers: Headers) -> tuple[str, Room]:
        if self._next_look <= monotonic():
            self._look_at_backlog()
        key_uri = _key_uri(headers)
        return _host_of(key_uri), self.known if self._knows(key_uri) else self.strangers

    async def close(self) -> None:
        if self._look is not None:
            await asyncio.wait([self._look])

    def _look_at_backlog(self) -> None:
        """Once a second, and nobody waits for it."""
        self._next_look = monotonic() + LOOK_SECONDS
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().create_task(self._read_backlog())

    async def _read_backlog(self) -> None:
        try:
            async with self._database.read() as conn:
                self.behind = frozenset(await list_behind(conn, BACKLOG))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("the backlog could not be looked at", exc_info=True)


def _host_of(key_uri: str) -> str:
    """In one spelling, so that a port or a dot more is no further host with places of its own."""
    try:
        return canonical_host(key_uri)
    except Refused:
        return ""


def _key_uri(headers: Headers) -> str:
    """The key that a signature of either kind names, as far as that is plain to see."""
    for name, value in headers:
        if name in SIGNATURES:
            found = KEY_URI.search(value)
            if found is not None:
                return found[1].decode("latin-1")
    return ""
