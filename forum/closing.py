"""Closing one's account: what happens at once, and what a worker does after it.

At once the person is seen no more, cannot sign in, and has left everywhere. What they wrote is
erased bit by bit (forum/departures.py); then every server that knew them is told that they are
gone, and when that is said their keys are destroyed. The name stays, so that nobody gets it.
"""

from __future__ import annotations

from datetime import datetime

from forum import subscriptions
from forum.accounts import is_last_admin
from forum.erasing import RECEIPT_KEPT
from forum.errors import NotAllowed, NotFound
from forum.events import AccountClosed, MembershipLeft
from forum.outbox import record_event
from forum.passwords import NOBODYS
from storage import accounts, actors, closings, departures, erased, erasures, media, memberships
from storage import site as sites
from storage.actors import Actor
from storage.db import Connection


async def close_account(conn: Connection, actor: Actor, now: datetime) -> str:
    """Close somebody's own account for good; the secret of the receipt.

    The caller has asked for the password. The last administrator cannot go: nobody could let in,
    help or close the server after that.
    """
    account = await accounts.read_account(conn, actor.id)
    if account is None or not actor.is_local:
        raise NotFound
    if account.role == "admin" and await is_last_admin(conn, actor.id):
        raise NotAllowed("last_admin")
    if not await closings.close(conn, actor.id, NOBODYS):
        raise NotFound
    return await _leave(conn, actor, now)


async def close_again(conn: Connection, actor_id: int, now: datetime) -> None:
    """An account that was closed is here again, out of a backup."""
    actor = await actors.read_unfiltered(conn, actor_id)
    if actor is not None and await closings.close(conn, actor.id, NOBODYS):
        await _leave(conn, actor, now)


async def go_on(conn: Connection, *, now: datetime, limit: int) -> int:  # noqa: ARG001 - as all that is due
    """The next step of one account of which nothing is left: that it is gone is told."""
    closing = await closings.claim_erased(conn)
    if closing is None:
        await closings.drop_keys(conn)
        return 0
    await record_event(conn, AccountClosed(closing.actor_id, closing.erasure_id))
    return 1


async def _leave(conn: Connection, actor: Actor, now: datetime) -> str:
    erasure_id, secret = await erasures.begin(conn, "account", actor.id, now, RECEIPT_KEPT)
    await closings.add_posts(conn, erasure_id, actor.id)
    for left in await closings.list_elsewhere_unfiltered(conn, actor.id):
        await record_event(conn, MembershipLeft(left.community_id, actor.id, left.follow_uri))
    await closings.hand_on_communities(conn, actor.id)
    await memberships.end_all(conn, actor.id, now)
    await subscriptions.unsubscribe_all(conn, actor, now)
    await closings.drop_belongings(conn, actor.id)
    await media.drop_waiting_of(conn, actor.id)
    for alias in await closings.list_aliases_unfiltered(conn, actor.id):
        await actors.set_state(conn, alias, "gone")
        await departures.begin(conn, alias, now)
    await closings.forget_aliases(conn, actor.id, now)
    await departures.begin(conn, actor.id, now)
    await erased.note(conn, actor.uri)
    await sites.bump_epoch(conn)
    return secret
