"""Reads what the write rule asks for: the account, the standing in a community, who blocks whom."""

from __future__ import annotations

from datetime import datetime

from forum import access, policy
from forum.errors import NotAllowed, NotFound
from storage import accounts, actors, aliases, blocks, communities, memberships
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.memberships import Membership
from storage.threads import Post


async def person_behind(conn: Connection, actor: Actor) -> Actor:
    """Whose standing counts: of a name for one thread, the person's who has it."""
    owner_id = await aliases.owner_unfiltered(conn, actor.id) if actor.is_local else None
    if owner_id is None:
        return actor
    return await actors.read_unfiltered(conn, owner_id) or actor


async def is_by(conn: Connection, actor: Actor, post: Post) -> bool:
    """Whether this person wrote the post, under whatever name."""
    return await aliases.is_name_of(conn, Viewer(actor.id), post.author_id)


async def require_active(conn: Connection, actor: Actor) -> None:
    """Somebody who may do anything at all, from a server with which we exchange anything."""
    account = await accounts.read_account(conn, actor.id) if actor.is_local else None
    access.require_may_act(actor, account)
    if not actor.is_local:
        await policy.require_host(conn, actor.host)


async def require_writer(
    conn: Connection, actor: Actor, community: Community, now: datetime
) -> Membership | None:
    """The rule for writing in a community, the same for people here and elsewhere.

    Of a community elsewhere and somebody elsewhere we cannot know the standing: the caller has
    checked that the community's own server passed it on.
    """
    if actor.is_local and await aliases.is_ended(conn, actor.id):
        raise NotAllowed("alias_ended")
    person = await person_behind(conn, actor)
    await require_active(conn, person)
    if actor.is_local or community.is_local:
        membership = await memberships.read_membership(conn, community.id, person.id)
        access.require_may_post(community, membership, now)
        if person.is_local and await memberships.is_stopped_under_a_name(
            conn, community.id, person.id, now
        ):
            raise NotAllowed("stopped")
        return membership
    if not await memberships.has_local(conn, community.id):
        raise NotAllowed("nobody_here_reads")
    return None


async def require_participant(
    conn: Connection, actor: Actor, post: Post, now: datetime
) -> Community:
    """Whoever may answer a post may also vote in it and react to it; the community it is in."""
    community = await community_of(conn, post)
    await require_writer(conn, actor, community, now)
    blocked = await is_blocked(conn, actor, post.thread_id, post.id)
    access.require_may_react(community, post, blocked=blocked)
    return community


async def is_blocked(conn: Connection, actor: Actor, *post_ids: int) -> bool:
    """Whether the author of one of these posts does not want to meet this person."""
    return await blocks.is_blocked_by_authors(conn, list(post_ids), actor.id)


async def community_of(conn: Connection, post: Post) -> Community:
    """Raises NotAllowed for a post outside any community."""
    if post.community_id is None:
        raise NotAllowed("other_community")
    community = await communities.read_unfiltered(conn, post.community_id)
    if community is None:
        raise NotFound
    return community
