"""What people agree to, purpose by purpose, in the words of a version; taken back as easily.

The words themselves stand in web/consent_words.py. Whoever changes them counts VERSIONS up: then
people are asked again before the purpose is used the next time.
"""

from __future__ import annotations

from datetime import datetime

from forum.errors import Invalid, NotAllowed
from storage import consents
from storage.actors import Actor
from storage.communities import Community
from storage.consents import Consent
from storage.db import Connection

PURPOSES = ("account", "community", "federation", "journal", "aggregation")
VERSIONS = {"account": 1, "community": 1, "federation": 2, "journal": 1, "aggregation": 1}

# Nobody is asked to agree to what this server does not do.
OFFERED = ("account", "community", "federation")


async def give(
    conn: Connection,
    account_id: int,
    purpose: str,
    *,
    now: datetime,
    community_id: int | None = None,
    locale: str = "",
) -> None:
    """Agree to the present words. Those of an earlier version are closed with it."""
    _check(purpose, community_id)
    if purpose not in OFFERED:
        raise Invalid("not_offered", field="purpose")
    known = await consents.read_last(conn, account_id, purpose, community_id)
    if _stands(known, purpose):
        return
    await consents.withdraw(conn, account_id, purpose, community_id, now)
    version = VERSIONS[purpose]
    await consents.insert(
        conn, account_id, purpose, community_id, version=version, locale=locale, now=now
    )


async def withdraw(
    conn: Connection,
    account_id: int,
    purpose: str,
    *,
    now: datetime,
    community_id: int | None = None,
) -> bool:
    """Take a consent back; False when none stood."""
    _check(purpose, community_id)
    return await consents.withdraw(conn, account_id, purpose, community_id, now)


async def has(
    conn: Connection, account_id: int, purpose: str, community_id: int | None = None
) -> bool:
    """Whether the person agreed to the present words and did not take it back."""
    return _stands(await consents.read_last(conn, account_id, purpose, community_id), purpose)


def travels(community: Community) -> bool:
    """Whether what is written there leaves this server."""
    return not community.is_local or community.travels != "nowhere"


async def why_not_send(conn: Connection, account_id: int, community: Community) -> str:
    """`withdrawn` or `ask` when something stands between this person and writing there, else ''."""
    return await why_not_send_away(conn, account_id) if travels(community) else ""


async def why_not_send_away(conn: Connection, account_id: int) -> str:
    """The same for what is sent to another server in any case."""
    known = await consents.read_last(conn, account_id, "federation", None)
    if known is not None and known.withdrawn_at is not None:
        return "withdrawn"
    return "" if _stands(known, "federation") else "ask"


async def require_or_give(
    conn: Connection,
    account_id: int,
    community: Community,
    *,
    agreed: bool,
    locale: str,
    now: datetime,
) -> None:
    """Before a post is sent to other servers: the consent that stands, or the one given with it.

    Raises Invalid for somebody who has not agreed, NotAllowed for who took it back.
    """
    if travels(community):
        await require_or_give_away(conn, account_id, agreed=agreed, locale=locale, now=now)


async def require_or_give_away(
    conn: Connection, account_id: int, *, agreed: bool, locale: str, now: datetime
) -> None:
    """The same before what is sent to another server in any case."""
    needed = await why_not_send_away(conn, account_id)
    if needed == "withdrawn":
        raise NotAllowed("federation_withdrawn")
    if needed and not agreed:
        raise Invalid("consent_needed", field="federation")
    if needed:
        await give(conn, account_id, "federation", locale=locale, now=now)


async def require_not_withdrawn(conn: Connection, author: Actor, community: Community) -> None:
    """Nothing that somebody writes is sent on after they took that consent back, whoever asks."""
    if travels(community):
        await require_away_not_withdrawn(conn, author)


async def require_away_not_withdrawn(conn: Connection, author: Actor) -> None:
    """The same for what is sent to another server in any case."""
    if author.is_local and await why_not_send_away(conn, author.id) == "withdrawn":
        raise NotAllowed("federation_withdrawn")


def _stands(known: Consent | None, purpose: str) -> bool:
    return known is not None and known.withdrawn_at is None and known.version == VERSIONS[purpose]


def _check(purpose: str, community_id: int | None) -> None:
    if purpose not in PURPOSES or (purpose == "community") != (community_id is not None):
        raise Invalid("choose", field="purpose")
