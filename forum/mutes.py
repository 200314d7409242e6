"""What people do not want to come across: muted for themselves, or a whole server kept away.

Neither is told to anybody. A mute is a wish, kept by every list; a block is a rule, kept by seeing
and doing alike.
"""

from __future__ import annotations

import re
from datetime import datetime

from forum.errors import Invalid, NotAllowed
from forum.text import one_line
from storage import blocks, mutes
from storage.actors import Actor
from storage.audience import Viewer
from storage.db import Connection

MOST = 500
WORD_LENGTH = range(2, 61)
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+(:[0-9]{1,5})?")


async def mute_person(
    conn: Connection, owner: Actor, muted: Actor, *, now: datetime, until: datetime | None = None
) -> None:
    """What this person writes no longer stands in lists, and is folded in threads."""
    if muted.id == owner.id:
        raise NotAllowed("yourself")
    await _require_room(conn, owner, until, now)
    await mutes.insert(conn, owner.id, "person", actor_id=muted.id, now=now, until=until)


async def mute_server(
    conn: Connection, owner: Actor, host: str, *, now: datetime, until: datetime | None = None
) -> None:
    host = check_host(owner, host)
    await _require_room(conn, owner, until, now)
    await mutes.insert(conn, owner.id, "server", host=host, now=now, until=until)


async def mute_word(
    conn: Connection, owner: Actor, word: str, *, now: datetime, until: datetime | None = None
) -> None:
    """A word or a few, in any spelling of small and large; with # before it, a topic."""
    word = one_line(word, WORD_LENGTH.stop)
    kind = "topic" if word.startswith("#") else "word"
    word = word.removeprefix("#").strip()
    if not word:
        raise Invalid("empty", field="word")
    if len(word) < WORD_LENGTH.start and word.isascii():
        raise Invalid("too_short", field="word")
    if len(word) >= WORD_LENGTH.stop:
        raise Invalid("too_long", field="word")
    await _require_room(conn, owner, until, now)
    await mutes.insert(conn, owner.id, kind, word=word, now=now, until=until)


async def unmute(conn: Connection, owner: Actor, mute_id: int) -> None:
    """Undo one of one's own mutes; what is somebody else's stays."""
    await mutes.delete(conn, owner.id, mute_id)


async def block_server(
    conn: Connection, owner: Actor, host: str, *, now: datetime, until: datetime | None = None
) -> None:
    """Nobody of that server is seen by this person, or can answer them."""
    host = check_host(owner, host)
    check_until(until, now)
    if len(await blocks.list_blocked_hosts(conn, Viewer(owner.id), limit=MOST)) >= MOST:
        raise Invalid("too_many_wishes", field="host")
    await blocks.insert_host(conn, owner.id, host, now, until)


async def unblock_server(conn: Connection, owner: Actor, host: str) -> None:
    await blocks.delete_host(conn, owner.id, host.strip().lower())


def check_host(owner: Actor, host: str) -> str:
    """The name of another server. Raises Invalid."""
    host = host.strip().lower().removeprefix("https://").rstrip("/")
    if HOST.fullmatch(host) is None:
        raise Invalid("bad_host", field="host")
    if host == owner.host:
        raise Invalid("own_server", field="host")
    return host


def check_until(until: datetime | None, now: datetime) -> None:
    if until is not None and until <= now:
        raise Invalid("in_the_past", field="until")


async def _require_room(
    conn: Connection, owner: Actor, until: datetime | None, now: datetime
) -> None:
    check_until(until, now)
    if await mutes.count(conn, owner.id) >= MOST:
        raise Invalid("too_many_wishes", field="word")
