"""What somebody says of themselves in one community, shown where they want it."""

from __future__ import annotations

from forum.errors import Invalid, NotAllowed
from storage import labels, memberships, posts
from storage import site as sites
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection

LABELS = ("lives_with", "may_have", "cares_for", "lost_someone", "works_in_field")


async def choose(
    conn: Connection, community: Community, actor: Actor, label: str, *, is_shown: bool
) -> None:
    """Keep what a member says of themselves; '' for nothing. It is told to no other server."""
    if label and label not in LABELS:
        raise Invalid("choose_one", field="label")
    known = await memberships.read_membership(conn, community.id, actor.id)
    if known is None or known.state != "accepted":
        raise NotAllowed("not_a_member")
    is_shown = is_shown and bool(label)
    await labels.set_label(conn, community.id, actor.id, label or None, is_shown=is_shown)
    if is_shown or known.shows_label:
        await posts.touch_of_author(conn, community.id, actor.id)


async def forget_all(conn: Connection, actor: Actor) -> None:
    """Say nothing any more, anywhere: somebody else has the account now."""
    for community_id in await labels.list_labelled(conn, actor.id):
        await labels.set_label(conn, community_id, actor.id, None, is_shown=False)
        await posts.touch_of_author(conn, community_id, actor.id)
    await sites.bump_epoch(conn)
