"""What this server thinks of another one, remembered for moments: it is asked for each request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import monotonic

import asyncpg

from federation.signatures.types import Form
from forum.errors import NotAllowed
from forum.policy import may_federate
from forum.ports import Clock
from storage.db import Database
from storage.destinations import revive
from storage.instances import list_signatures, note_alive, read_standing, save_signature

log = logging.getLogger("dazzle.hosts")

STANDING_SECONDS = 2.0  # a new block is felt after this; workers look again before they act
ALIVE_SECONDS = 3600.0
REVIVED_SECONDS = 5.0  # a server that was away and speaks again waits no longer for its deliveries
SIGNATURES_SECONDS = 60.0  # what another process has learnt is known here after this
MAX_HOSTS = 20_000
TROUBLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Hosts:
    """Policy, signs of life and the kind of signature that is wanted, by host."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._standing: dict[str, tuple[float, bool]] = {}
        self._alive: dict[str, float] = {}
        self._revived: dict[str, float] = {}
        self._forms: dict[str, Form] = {}
        self._forms_end = 0.0
        self._heard: set[str] = set()
        self._noting: asyncio.Task[None] | None = None

    async def require(self, host: str) -> None:
        """Raises NotAllowed for a server with which nothing is exchanged."""
        known = self._standing.get(host)
        if known is None or known[0] < monotonic():
            async with self._database.read() as conn:
                standing = await read_standing(conn, host)
            known = (monotonic() + STANDING_SECONDS, may_federate(standing))
            _trim(self._standing)
            self._standing[host] = known
        if not known[1]:
            raise NotAllowed("host_refused")

    async def signature_form(self, host: str) -> Form | None:
        """How requests to this server are signed, if it has shown that. Never fails."""
        if self._forms_end <= monotonic():
            self._forms_end = monotonic() + SIGNATURES_SECONDS  # one asks, the others go on
            with contextlib.suppress(*TROUBLE):
                async with self._database.read() as conn:
                    stored = await list_signatures(conn, limit=MAX_HOSTS)
                self._forms = {
                    host: "rfc9421" if form == "rfc9421" else "cavage"
                    for host, form in stored.items()
                }
        return self._forms.get(host)

    async def remember_signature(self, host: str, form: Form) -> None:
        """Never fails: whatever was sent has arrived."""
        self._forms[host] = form
        with contextlib.suppress(*TROUBLE):
            async with self._database.read() as conn:
                await save_signature(conn, host, form)

    def heard(self, host: str) -> None:
        """It spoke to us. Noted soon: its request does not wait for it."""
        if self._revived.get(host, 0.0) > monotonic():
            return
        self._heard.add(host)
        if self._noting is None or self._noting.done():
            self._noting = asyncio.get_running_loop().create_task(self._note_heard())

    async def close(self) -> None:
        if self._noting is not None:
            await asyncio.wait([self._noting])

    async def _note_heard(self) -> None:
        while self._heard:
            try:
                await self.note_alive(self._heard.pop())
            except TROUBLE:
                log.warning("a sign of life could not be noted", exc_info=True)

    async def note_alive(self, host: str) -> None:
        """It spoke to us: deliveries to it may start again."""
        now = monotonic()
        if self._revived.get(host, 0.0) > now:
            return
        _trim(self._revived)
        self._revived[host] = now + REVIVED_SECONDS
        is_news = self._alive.get(host, 0.0) <= now
        async with self._database.read() as conn:
            await revive(conn, host, self._clock.now())
            if is_news:
                _trim(self._alive)
                self._alive[host] = now + ALIVE_SECONDS
                await note_alive(conn, host, self._clock.now())


def _trim(entries: dict[str, object] | dict[str, float] | dict[str, tuple[float, bool]]) -> None:
    if len(entries) >= MAX_HOSTS:
        entries.clear()
