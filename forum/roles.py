"""Who is more than a member of a community: owners, moderators, professionals for a time.

A professional writes like everybody else, with the end of the invitation beside the name; the
role ends by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from forum import access
from forum.errors import Invalid, NotAllowed, NotFound
from forum.membership import (
    Moderator,
    id_of,
    log_about_person,
    require_moderator,
    require_stoppable,
)
from storage import accounts, memberships, posts, roles
from storage.communities import Community
from storage.db import Connection
from storage.memberships import Membership

ROLES = ("member", "professional", "moderator", "owner")
LONGEST_ROLE = timedelta(days=366)


async def change(
    conn: Connection,
    community: Community,
    moderator: Moderator,
    actor_id: int,
    role: str,
    until: datetime | None,
    now: datetime,
) -> None:
    """Give a member another role; `until` is for professionals, and only for them.

    Moderators invite professionals; who moderates and who owns is for owners to say.
    """
    await require_moderator(conn, community, moderator)
    if not community.is_local:
        raise NotAllowed("not_here")
    known = await memberships.read_membership(conn, community.id, actor_id)
    if known is None or known.state != "accepted":
        raise NotFound
    until = _check(role, until, now)
    await _require_may_change(conn, community, moderator, known, role)
    await roles.set_role(conn, community.id, actor_id, role, until)
    if "professional" in (role, known.role):
        await posts.touch_of_author(conn, community.id, actor_id)
    await log_about_person(conn, moderator, "set_role", community.id, actor_id, role, now)


async def end_due(conn: Connection, *, now: datetime, limit: int) -> int:
    """End the roles whose time is over; how many."""
    ended = await roles.end_roles(conn, now, limit)
    for one in sorted(ended, key=lambda one: (one.community_id, one.actor_id)):
        await posts.touch_of_author(conn, one.community_id, one.actor_id)
    return len(ended)


def _check(role: str, until: datetime | None, now: datetime) -> datetime | None:
    if role not in ROLES:
        raise Invalid("choose_one", field="role")
    if role != "professional":
        return None
    if until is None:
        raise Invalid("bad_date", field="until")
    if until <= now:
        raise Invalid("in_the_past", field="until")
    if until > now + LONGEST_ROLE:
        raise Invalid("at_most_a_year", field="until")
    return until


async def _require_may_change(
    conn: Connection, community: Community, moderator: Moderator, known: Membership, role: str
) -> None:
    """Nobody makes themselves more; the last owner stays one."""
    own = await memberships.read_membership(conn, community.id, id_of(moderator))
    account = await accounts.read_account(conn, id_of(moderator))
    is_owner = own is not None and own.state == "accepted" and own.role == "owner"
    is_above = is_owner or (
        access.may_moderate_public(community, account) and access.is_site_moderator(account)
    )
    if known.role in access.MODERATING or role in access.MODERATING:
        if not is_above:
            raise NotAllowed("target_moderates")
        if known.actor_id != id_of(moderator):
            if not is_owner:
                await require_stoppable(conn, community, moderator, known)
        elif not is_owner:
            raise NotAllowed("yourself")
    if (
        known.role == "owner"
        and role != "owner"
        and await memberships.count_owners(conn, community.id) == 1
    ):
        raise NotAllowed("last_owner")
