"""The rules of a community: written by its moderators, accepted by each member, by version."""

from __future__ import annotations

from datetime import datetime

from forum import access
from forum.errors import Invalid, NotAllowed
from forum.membership import Moderator, id_of, require_moderator
from forum.text import Rendered
from storage import communities, memberships, modlog
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.memberships import Membership
from storage.modlog import Act

RULES_LENGTH = 10_000


async def change(
    conn: Connection, community: Community, moderator: Moderator, text: Rendered, now: datetime
) -> int:
    """Put other rules in place; the number of their version.

    Members agree to them before they write again. The same words again change nothing.
    """
    await require_moderator(conn, community, moderator)
    if not community.is_local:
        raise NotAllowed("not_here")
    if len(text.source) > RULES_LENGTH:
        raise Invalid("too_long", field="rules")
    known = await communities.read_rules_unfiltered(conn, community.id)
    if known is not None and known.source == text.source:
        return known.version
    version = await communities.set_rules(conn, community.id, text.source, text.html)
    act = Act(new_id(now), id_of(moderator), "set_rules", now, community_id=community.id)
    await modlog.insert(conn, act)
    await memberships.accept_rules(conn, community.id, id_of(moderator), version)
    return version


async def accept(conn: Connection, community: Community, actor: Actor, version: int) -> None:
    """A member agrees to the rules; only to those that stand. Raises Invalid for older ones."""
    known = await memberships.read_membership(conn, community.id, actor.id)
    if known is None or known.state != "accepted":
        raise NotAllowed("not_a_member")
    if version < community.rules_version:
        raise Invalid("accept_rules", field="rules")
    await memberships.accept_rules(conn, community.id, actor.id, community.rules_version)


def are_accepted(community: Community, membership: Membership) -> bool:
    """Whether a member agreed to the rules as they stand."""
    return access.accepted_rules(community, membership)
