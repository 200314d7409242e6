"""Somebody on another server deleted their account: everything they said here goes too."""

from __future__ import annotations

from datetime import datetime

from forum.errors import Invalid
from forum.threads import erase_post
from storage import memberships
from storage.actors import Actor, mark_gone
from storage.db import Connection
from storage.departures import list_standing_unfiltered


async def receive_departure(conn: Connection, actor: Actor, now: datetime) -> None:
    """The caller checked that the account's own server says so. A second time changes nothing."""
    if actor.is_local or actor.kind != "person":
        raise Invalid("not_elsewhere")
    for post in await list_standing_unfiltered(conn, actor.id):
        await erase_post(conn, actor, post, now=now)
    await memberships.end_all(conn, actor.id, now)
    await mark_gone(conn, actor.id)
