"""What other servers may do here: the administrator's one answer, and the exceptions."""

from __future__ import annotations

import re
from datetime import datetime

from forum import access
from forum.errors import Invalid, NotAllowed
from storage import destinations, instances, modlog
from storage import site as sites
from storage.db import Connection
from storage.ids import new_id
from storage.instances import Standing
from storage.modlog import Act
from storage.sessions import Member

MODES = ("nobody", "named", "open")
HOST = re.compile(r"(?=.{1,253}(:|$))[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


def may_federate(standing: Standing) -> bool:
    """Whether anything is exchanged with that server. Nothing is until the mode is chosen."""
    if standing.policy == "refused" or standing.mode in (None, "nobody"):
        return False
    return standing.mode == "open" or standing.policy == "allowed"


async def require_host(conn: Connection, host: str) -> None:
    """Raises NotAllowed for a server with which nothing is exchanged."""
    if not may_federate(await instances.read_standing(conn, host)):
        raise NotAllowed("host_refused")


async def set_mode(conn: Connection, admin: Member, mode: str, now: datetime) -> None:
    """Answer the question: federate with nobody, with named servers, or with all but some."""
    access.require_may_administer(admin)
    if mode not in MODES:
        raise Invalid("choose", field="federation_mode")
    await sites.set_federation_mode(conn, mode)
    act = Act(new_id(now), admin.actor_id, "federation_mode", now, reason=mode)
    await modlog.insert(conn, act)


async def set_signed_fetch(
    conn: Connection, admin: Member, is_required: bool, now: datetime
) -> None:
    """Whether other servers must sign what they ask for, public posts too."""
    access.require_may_administer(admin)
    if await sites.set_requires_signed_fetch(conn, is_required):
        switch = "on" if is_required else "off"
        act = Act(new_id(now), admin.actor_id, "signed_fetch", now, reason=switch)
        await modlog.insert(conn, act)


async def block_server(
    conn: Connection, admin: Member, host: str, reason: str, now: datetime
) -> None:
    """Exchange nothing more with a server; its people and posts are no longer seen."""
    await _decide(conn, admin, host, "refused", "block_server", reason, now)
    await destinations.cancel_host(conn, check_host(host), now)


async def unblock_server(
    conn: Connection, admin: Member, host: str, reason: str, now: datetime
) -> None:
    """Back to normal: what was kept from it meanwhile is told, so that deletions reach it too."""
    await _decide(conn, admin, host, "default", "unblock_server", reason, now)
    await destinations.revive(conn, check_host(host), now)


async def allow_server(
    conn: Connection, admin: Member, host: str, reason: str, now: datetime
) -> None:
    """Name a server, for the time when only named ones are federated with."""
    await _decide(conn, admin, host, "allowed", "allow_server", reason, now)


def check_host(host: str, *, field: str = "host") -> str:
    """The host as it is stored. Raises Invalid for that field."""
    host = host.strip().lower().removeprefix("https://").rstrip("/.")
    if not HOST.fullmatch(host):
        raise Invalid("bad_host", field=field)
    return host


async def _decide(
    conn: Connection,
    admin: Member,
    host: str,
    policy: str,
    action: str,
    reason: str,
    now: datetime,
) -> None:
    access.require_may_administer(admin)
    host = check_host(host)
    await instances.set_policy(conn, host, policy)
    act = Act(new_id(now), admin.actor_id, action, now, host=host, reason=reason)
    await modlog.insert(conn, act)
