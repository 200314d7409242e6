"""A name for one thread: an actor of its own, openly labelled, whose person the home moderators
can learn with a reason that stays in their log. To everybody else, and to every other server,
nothing leads from one name of a person to another.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from forum.errors import Invalid, NotAllowed, NotFound
from forum.keypairs import Keypair, store_keypair
from forum.membership import Moderator, id_of, require_moderator
from forum.moderation import check_reason
from forum.site import Site
from forum.standing import require_writer
from forum.text import Draft
from forum.threads import reply, start_thread
from storage import actors, aliases, communities, modlog, posts
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act
from storage.threads import Post

PREFIX = "member-"  # a sign that no name chosen by a person can have
OLD_ENOUGH = timedelta(days=3)
MOST = 3
TRIES = 8


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a new name needs; its keys take time, so they are made before the transaction."""

    site: Site
    keypair: Keypair


def is_alias_name(name: str) -> bool:
    return name.startswith(PREFIX)


async def start_unnamed_thread(
    conn: Connection,
    fresh: Fresh,
    owner: Actor,
    community: Community,
    draft: Draft,
    *,
    now: datetime,
    submission: str | None = None,
) -> Post:
    """Start a thread under a new name. The same form a second time returns the first post."""
    made = await _made(conn, owner, submission)
    if made is not None:
        return made
    name = await _new_name(conn, fresh, owner, community, None, now)
    post = await start_thread(conn, fresh.site, name, community, draft, now=now)
    await aliases.link(conn, name.id, post.id)
    await _keep(conn, owner, submission, post, now)
    return post


async def reply_unnamed(
    conn: Connection,
    fresh: Fresh,
    owner: Actor,
    parent: Post,
    draft: Draft,
    *,
    now: datetime,
    submission: str | None = None,
) -> Post:
    """Answer under one's name of this thread, which is made when there is none yet."""
    made = await _made(conn, owner, submission)
    if made is not None:
        return made
    community = await communities.read_unfiltered(conn, parent.community_id or 0)
    if community is None:
        raise NotFound
    name = await _name_in(conn, owner, parent.thread_id)
    if name is None:
        name = await _new_name(conn, fresh, owner, community, parent.thread_id, now)
    post = await reply(conn, fresh.site, name, parent, draft, now=now)
    await _keep(conn, owner, submission, post, now)
    return post


async def own_name(conn: Connection, person: Actor, actor_id: int) -> Actor:
    """The name under which a person wrote something: themselves, or one of their names."""
    if actor_id != person.id and await aliases.owner_unfiltered(conn, actor_id) == person.id:
        return await actors.read_unfiltered(conn, actor_id) or person
    return person


async def end_name(conn: Connection, owner: Actor, actor_id: int, now: datetime) -> None:
    """Write no more under a name. What it wrote stays, and stays the person's to delete."""
    await aliases.end(conn, owner.id, actor_id, now)


async def see_name(
    conn: Connection, moderator: Moderator, post: Post, reason: str, now: datetime
) -> Actor:
    """Who is behind a post, told to a moderator of a community here; noted in its log."""
    community = await communities.read_unfiltered(conn, post.community_id or 0)
    if community is None or not community.is_local:
        raise NotFound
    await require_moderator(conn, community, moderator)
    owner = await actors.read_unfiltered(
        conn, await aliases.owner_unfiltered(conn, post.author_id) or 0
    )
    if owner is None:
        raise NotFound
    act = Act(
        id=new_id(now),
        moderator_id=id_of(moderator),
        action="see_alias",
        at=now,
        community_id=community.id,
        post_id=post.id,
        actor_id=post.author_id,
        reason=check_reason(reason),
    )
    await modlog.insert(conn, act)
    return owner


async def allow(
    conn: Connection, moderator: Moderator, community: Community, *, allowed: bool
) -> None:
    """Whether people may post without their name in a community of this server."""
    await require_moderator(conn, community, moderator)
    await aliases.set_allowed(conn, community.id, allowed=allowed)


async def _new_name(
    conn: Connection,
    fresh: Fresh,
    owner: Actor,
    community: Community,
    thread_id: int | None,
    now: datetime,
) -> Actor:
    """Make a name, if the person may have one more. What they may write is asked before."""
    await require_writer(conn, owner, community, now)
    if not community.is_local or not await aliases.is_allowed(conn, community.id):
        raise NotAllowed("no_aliases")
    since = await aliases.hold_owner(conn, owner.id)
    if since is None or now - since < OLD_ENOUGH:
        raise Invalid("too_new_for_alias", field="unnamed")
    if await aliases.count_live(conn, owner.id) >= MOST:
        raise Invalid("too_many_aliases", field="unnamed")
    for _ in range(TRIES):
        name = _actor(fresh.site, now)
        if await actors.insert(conn, name):
            await store_keypair(conn, fresh.site, name.id, fresh.keypair)
            await aliases.insert(conn, name.id, owner.id, community.id, thread_id, now)
            return name
    raise Invalid("conflict", field="unnamed")


async def _name_in(conn: Connection, owner: Actor, thread_id: int) -> Actor | None:
    found = await aliases.find_own(conn, Viewer(owner.id), thread_id)
    return None if found is None else await actors.read_unfiltered(conn, found)


async def _made(conn: Connection, owner: Actor, submission: str | None) -> Post | None:
    return None if submission is None else await posts.claim_submission(conn, owner.id, submission)


async def _keep(
    conn: Connection, owner: Actor, submission: str | None, post: Post, now: datetime
) -> None:
    if submission is not None:
        await posts.keep_submission(conn, owner.id, submission, post.id, now)


def _actor(site: Site, now: datetime) -> Actor:
    actor_id, mark = new_id(now), secrets.token_hex(3)
    name = f"{PREFIX}{mark}"
    return Actor(
        id=actor_id,
        uri=site.actor_uri(actor_id),
        kind="person",
        type="Person",
        host=site.host,
        is_local=True,
        name=name,
        display_name=f"A member {mark}",
        summary_html="",
        url=site.person_url(name),
        inbox=site.inbox_uri(actor_id),
        shared_inbox=site.shared_inbox,
        followers=site.followers_uri(actor_id),
        state="live",
    )
