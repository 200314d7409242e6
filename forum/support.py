"""Support: a like that stays on this server, unless the person chose that it is told."""

from __future__ import annotations

from datetime import datetime

from forum import consents, reactions
from forum.errors import NotAllowed
from forum.standing import community_of, is_by
from storage.actors import Actor
from storage.audience import Viewer
from storage.choices import Choices, read_choices, set_choices
from storage.db import Connection
from storage.sessions import Member
from storage.threads import Post


async def give(conn: Connection, actor: Actor, post: Post, *, now: datetime) -> bool:
    """Support a post of somebody else; False when the person does already.

    It is told to the post's own server only for somebody who chose that, and who did not take
    back that what they do goes to other servers.
    """
    if await is_by(conn, actor, post):
        raise NotAllowed("own_support")
    choices = await read_choices(conn, Viewer(actor.id))
    is_shared = choices.tells_likes
    if is_shared:
        community = await community_of(conn, post)
        is_shared = await consents.why_not_send(conn, actor.id, community) != "withdrawn"
    return await reactions.react(conn, actor, post, "like", now=now, is_shared=is_shared)


async def take_back(conn: Connection, actor: Actor, post: Post, *, now: datetime) -> bool:
    """Undo it, also where it was told; False when there was nothing."""
    return await reactions.take_back(conn, actor, post, "like", now=now)


async def choose(conn: Connection, member: Member, choices: Choices) -> None:
    """What is told of this person from now on; what was told before stays told."""
    await set_choices(conn, member.actor_id, choices)
