"""Somebody of this server is an account on another one from now on (FEP-7628).

The account here stays, to read and to erase with, and says where its person is. Nothing of it is
lost, so that the move can be taken back. Nobody follows people here, so there are no followers to
bring along; communities that understand it let the new account in.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from forum.errors import Invalid, NotAllowed, NotFound
from forum.events import AccountMoved, MoveTakenBack
from forum.moves import carry_all
from forum.outbox import record_event
from forum.standing import require_active
from storage import accounts, actors, memberships, moves
from storage import site as sites
from storage.actors import Actor
from storage.db import Connection

COOL_DOWN = timedelta(days=30)  # between two moves from here, as with Mastodon
MOST_NAMES = 5
OUR_SOFTWARE = "dazzle"


async def move_away(
    conn: Connection, old: Actor, new: Actor, *, software: str | None, now: datetime
) -> None:
    """Be the new account from now on.

    The caller asked for the password, and read the new account at its own server just now: it must
    name the old one. `software` is what that server runs: closed communities go to a Dazzle only.
    Whoever looks after this server or a community hands that on first. A stop under a name for one
    thread is waited for: taken along, it would tell whose name it is, and left here, it would end.
    """
    if new.is_local or new.kind != "person":
        raise Invalid("not_elsewhere", field="address")
    moved_to = await moves.hold(conn, [old.id, new.id])
    current = await actors.read_unfiltered(conn, old.id)
    account = await accounts.read_account(conn, old.id)
    if current is None or account is None:
        raise NotFound
    await require_active(conn, current)
    if account.role != "member" or await moves.looks_after_any(conn, old.id):
        raise NotAllowed("hand_on_roles_first")
    if await memberships.is_any_name_stopped(conn, old.id, now):
        raise NotAllowed("name_is_stopped")
    if old.uri not in new.also_known_as:
        raise Invalid("not_known_as", field="address")
    before = await moves.read_moved_unfiltered(conn, old.id)
    if before is not None and before.moved_at is not None and before.moved_at > now - COOL_DOWN:
        raise NotAllowed("moved_lately")
    if moved_to.get(new.id) not in (None, old.id):
        raise Invalid("moved_on", field="address")
    await require_active(conn, new)
    may_enter_closed = software == OUR_SOFTWARE
    await carry_all(conn, current, new, now, may_enter_closed=may_enter_closed, leaves=False)
    await moves.note_hosts(conn, old.id, [new.host])  # it may look before it is told
    await record_event(conn, AccountMoved(old.id, new.id))
    await sites.bump_epoch(conn)


async def come_back(conn: Connection, actor: Actor) -> None:
    """Take one's move back. The next one waits as long as if there had been no return."""
    moved_to = (await moves.hold(conn, [actor.id])).get(actor.id)
    if moved_to is None:
        return
    await moves.stay(conn, actor.id)
    await record_event(conn, MoveTakenBack(actor.id, moved_to))
    await sites.bump_epoch(conn)


async def add_name(conn: Connection, owner: Actor, other: Actor) -> None:
    """Say that one is this account elsewhere too, so that it can move here. Everybody can read it.

    Raises Invalid.
    """
    if other.is_local or other.kind != "person":
        raise Invalid("not_elsewhere", field="other")
    await moves.hold(conn, [owner.id])
    current = await actors.read_unfiltered(conn, owner.id)
    names = [] if current is None else list(current.also_known_as)
    if other.uri in names:
        return
    if len(names) >= MOST_NAMES:
        raise Invalid("too_many_names", field="other")
    await moves.set_names(conn, owner.id, [*names, other.uri])


async def drop_name(conn: Connection, owner: Actor, uri: str) -> None:
    """Say so no longer."""
    await moves.hold(conn, [owner.id])
    current = await actors.read_unfiltered(conn, owner.id)
    if current is not None:
        kept = [name for name in current.also_known_as if name != uri]
        await moves.set_names(conn, owner.id, kept)
