"""What to do where an inbox says that it is gone or somewhere else: look at whose it is.

The actor's own document tells where its inbox is; a redirect is not followed. One look for one
answer, so there is at most one hop (FEP-fe34: a thing is believed from its own origin).
"""

from __future__ import annotations

import asyncio
from enum import Enum

from federation.context import Federation
from federation.errors import FederationError, Gone
from federation.fetch import Budget
from forum.departures import receive_departure
from forum.errors import ForumError
from storage import actors, destinations
from storage.actors import Actor

LOOK_SECONDS = 8.0


class Lost(Enum):
    """What is no more: only this inbox, its actor, or the whole server."""

    INBOX = "inbox"
    ACTOR = "actor"
    HOST = "host"


async def look_where_gone(fed: Federation, host: str, inbox: str) -> Lost | str:
    """What is no more, or the inbox that the actor has instead.

    A shared inbox speaks for its server; an actor's own one only if the actor is gone as well.
    """
    owners = await _owners(fed, host, inbox)
    if _is_shared(inbox, owners):
        return Lost.HOST
    if not owners:
        return Lost.INBOX
    try:
        return await _move(fed, host, inbox, await _look(fed, owners[0])) or Lost.INBOX
    except Gone as error:
        if not error.is_final:
            return Lost.INBOX
        await _depart(fed, owners[0])
        return Lost.ACTOR
    except (FederationError, ForumError, TimeoutError):
        return Lost.INBOX


async def look_where_moved(fed: Federation, host: str, inbox: str) -> str | None:
    """Where what goes to `inbox` is taken now; None when its actor names no other."""
    owners = await _owners(fed, host, inbox)
    if not owners:
        return None
    try:
        return await _move(fed, host, inbox, await _look(fed, owners[0]))
    except (FederationError, ForumError, TimeoutError):
        return None


async def _move(fed: Federation, host: str, inbox: str, actor: Actor) -> str | None:
    """Send all that waits for the inbox to the one that the actor names, if that is another."""
    if actor.host != host or inbox in (actor.inbox, actor.shared_inbox):
        return None
    new_inbox = actor.shared_inbox or actor.inbox
    async with fed.database.read() as conn:
        await destinations.move_inbox(conn, host, inbox, new_inbox)
    return new_inbox


async def _owners(fed: Federation, host: str, inbox: str) -> list[Actor]:
    """One actor that has this inbox; two, if several have."""
    async with fed.database.read() as conn:
        return await actors.list_by_inbox_unfiltered(conn, host, inbox)


def _is_shared(inbox: str, owners: list[Actor]) -> bool:
    return len(owners) > 1 or any(owner.shared_inbox == inbox for owner in owners)


async def _look(fed: Federation, actor: Actor) -> Actor:
    async with asyncio.timeout(LOOK_SECONDS):
        return await fed.fetcher.actor(actor.uri, Budget(2))


async def _depart(fed: Federation, actor: Actor) -> None:
    async with fed.database.write() as conn:
        if actor.kind == "person":
            await receive_departure(conn, actor, fed.clock.now())
        else:
            await actors.mark_gone(conn, actor.id)
