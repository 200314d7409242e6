"""Somebody on another server is another account from now on (FEP-7628).

Their memberships here go along, and so does what keeps them from posting, and who blocked them.
No role does: an account that somebody took over must not bring a new moderator. Whoever comes to an
account of this server agreed to be a member when they named the old one; they enter open
communities by it, and ask the others.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from forum import access, consents
from forum.errors import Invalid, NotAllowed
from forum.events import FollowAnswered
from forum.outbox import record_event
from forum.site import Site
from forum.standing import require_active
from storage import actors, communities, memberships, modlog, moves
from storage.actors import Actor
from storage.communities import Community
from storage.consents import read_last
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act
from storage.moves import Standing

REST = timedelta(days=7)  # between two moves of one person


async def receive_move(
    conn: Connection,
    site: Site,
    old: Actor,
    new: Actor,
    *,
    now: datetime,
    may_enter_closed: bool = False,
) -> None:
    """The caller checked that each account's own server names the other one.

    A name that somebody here has taken away since then counts no more. `may_enter_closed`: that
    the new account's server runs Dazzle. The same move again changes nothing; another one, or one
    back, is refused for a week.
    """
    if old.is_local or old.host == site.host or (old.kind, new.kind) != ("person", "person"):
        raise Invalid("not_elsewhere")
    if old.id == new.id:
        raise Invalid("yourself")
    moved_to = await moves.hold(conn, [old.id, new.id])
    if moved_to.get(old.id) == new.id:
        return
    if await moves.was_lately(conn, old.id, new.id, now - REST):
        raise NotAllowed("moved_lately")
    gone_to = moved_to.get(new.id)
    if gone_to is not None and (new.is_local or gone_to != old.id):
        raise NotAllowed("moved")  # somebody here takes their move back themselves
    if new.is_local:
        here = await actors.read_unfiltered(conn, new.id)
        if here is None or old.uri not in here.also_known_as:
            raise NotAllowed("not_known_as")
    for actor in (old, new):  # whoever comes back was moved until now
        await require_active(conn, replace(actor, moved_to=None))
    await carry_all(conn, old, new, now, may_enter_closed=may_enter_closed)


async def receive_return(
    conn: Connection, actor: Actor, *, now: datetime, may_enter_closed: bool = False
) -> None:
    """Their own server says that they have not moved after all.

    They may speak again, and are again where the move alone took them out, if the other account is
    there still. That one stays: its own server has not said that it leaves.
    """
    if actor.is_local:
        raise Invalid("not_elsewhere")
    moved_to = (await moves.hold(conn, [actor.id])).get(actor.id)
    if moved_to is None:
        return
    other = await actors.read_unfiltered(conn, moved_to)
    left = await moves.list_left_unfiltered(conn, actor.id)
    await moves.stay(conn, actor.id)
    for standing in await moves.list_standings_unfiltered(conn, moved_to) if other else []:
        if other is not None and standing.community_id in left:
            await _carry(
                conn, other, actor, standing, now, may_enter_closed=may_enter_closed, leaves=False
            )


async def carry_all(
    conn: Connection,
    old: Actor,
    new: Actor,
    now: datetime,
    *,
    may_enter_closed: bool,
    leaves: bool = True,
) -> None:
    """The old account is the new one, with its standings here and with who blocked it.

    `leaves`: that the old one is in those communities no more.
    """
    await moves.move(conn, old.id, new.id, now)
    await moves.carry_blocks(conn, old.id, new.id, now)
    for standing in await moves.list_standings_unfiltered(conn, old.id):
        await _carry(
            conn, old, new, standing, now, may_enter_closed=may_enter_closed, leaves=leaves
        )


async def _carry(
    conn: Connection,
    old: Actor,
    new: Actor,
    standing: Standing,
    now: datetime,
    *,
    may_enter_closed: bool,
    leaves: bool,
) -> None:
    """Give the new account what the old one was to a community of this server."""
    community_id = standing.community_id
    community = await communities.read_unfiltered(conn, community_id)
    if community is None:
        return
    can_enter = await _may_enter(conn, community, new, standing, may_enter_closed=may_enter_closed)
    if standing.state in ("accepted", "asked") and can_enter:
        state = _state_here(community, standing) if new.is_local else standing.state
    elif standing.state == "refused":
        state = "refused"
    elif standing.stopped_until is not None and standing.stopped_until > now:
        state = "left"  # only the stop goes along
    else:
        return
    known = await memberships.read_membership(conn, community_id, new.id)
    await moves.carry(conn, community_id, old.id, new.id, state, now)
    is_new = known is None or known.state == "left"
    is_let_in = state == "accepted" and (is_new or (known is not None and known.state == "asked"))
    if is_let_in and not _is_open(community):
        await _note_who_came(conn, community, new, now)
    if new.is_local and is_new and state in ("accepted", "asked"):
        await consents.give(conn, new.id, "community", community_id=community_id, now=now)
    if state == "accepted" and known is not None and known.state == "asked" and known.follow_body:
        answer = FollowAnswered(community_id, new.id, True, known.follow_body)
        await record_event(conn, answer)
    if leaves and state in ("accepted", "asked") and standing.role != "owner":
        await memberships.change_state(
            conn, community_id, old.id, "left", now, when=("asked", "accepted")
        )


def _state_here(community: Community, standing: Standing) -> str:
    """What somebody becomes with their account of this server.

    Moderators decide wherever they also decide on whoever joins with it.
    """
    return standing.state if _is_open(community) else "asked"


def _is_open(community: Community) -> bool:
    return community.joining == "open" and community.readers == "anyone"


async def _note_who_came(conn: Connection, community: Community, new: Actor, now: datetime) -> None:
    """For moderators, who did not let this account in. Who it was before is not kept."""
    host = None if new.is_local else new.host
    act = Act(new_id(now), new.id, "come_by_move", now, community_id=community.id, host=host)
    await modlog.insert(conn, act)


async def _may_enter(
    conn: Connection,
    community: Community,
    new: Actor,
    standing: Standing,
    *,
    may_enter_closed: bool,
) -> bool:
    """Whether somebody of the new account's server may be in the community at all.

    A closed one is entered by those whom it has accepted only: who asks, asks again. Whoever left
    it with the account here is not brought back.
    """
    if community.readers == "members" and standing.state != "accepted":
        return False
    if new.is_local:
        last = await read_last(conn, new.id, "community", community.id)
        return last is None or last.withdrawn_at is None
    hosts = await communities.list_hosts(conn, community.id)
    return access.may_join_from(community, hosts, new.host, runs_dazzle=may_enter_closed)
