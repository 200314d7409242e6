"""Somebody on another server deleted their account: everything they said here goes too.

They are seen no more at once. What they wrote, voted and liked is taken out in parts, each in a
transaction of its own: whoever wrote for years would hold up everybody else in one.
"""

from __future__ import annotations

from datetime import datetime

from forum.erasing import confirm
from forum.errors import Invalid
from forum.threads import erase_post
from storage import departures, memberships, polls, posts, reactions, site
from storage.actors import Actor, mark_gone, mark_gone_by_uri, read_unfiltered
from storage.db import Connection

BATCH = 100


async def receive_departure(
    conn: Connection, actor: Actor, now: datetime, *, source_uri: str | None = None
) -> None:
    """The caller checked that the account's own server says so. A second time changes nothing.

    `source_uri` is the activity that said it: its server hears when nothing is left here.
    """
    if actor.is_local or actor.kind != "person":
        raise Invalid("not_elsewhere")
    await memberships.end_all(conn, actor.id, now)
    await mark_gone(conn, actor.id)
    await departures.begin(conn, actor.id, now, source_uri)
    await _take_out(conn, actor, now, BATCH)


async def note_absence(conn: Connection, uri: str) -> None:
    """An account's own server says that it is no more, and nobody said goodbye.

    They are seen no more, and nothing is erased: their server may have made a mistake, and the
    account comes back with its document.
    """
    if await mark_gone_by_uri(conn, uri):
        await site.bump_epoch(conn)


async def go_on(conn: Connection, *, now: datetime, limit: int = BATCH) -> int:
    """Take out the next part of what somebody left behind: `limit`, or less when that was all.

    Called by a worker again and again; two at once take different people.
    """
    actor_id = await departures.claim(conn)
    actor = None if actor_id is None else await read_unfiltered(conn, actor_id)
    return 0 if actor is None else await _take_out(conn, actor, now, limit)


async def _take_out(conn: Connection, actor: Actor, now: datetime, limit: int) -> int:
    standing = await departures.list_standing_unfiltered(conn, actor.id, limit)
    for post in standing:
        await erase_post(conn, actor, post, now=now)
    left = limit - len(standing)
    if left:
        left -= await _take_votes(conn, actor, now, left)
    if left:
        left -= await _take_reactions(conn, actor, left)
    if left:
        source_uri = await departures.finish(conn, actor.id)
        await confirm(conn, actor, source_uri, author_id=actor.id)
    return limit - left


async def _take_votes(conn: Connection, actor: Actor, now: datetime, limit: int) -> int:
    voted_in = await polls.list_voted_in_unfiltered(conn, actor.id, limit)
    for poll in voted_in:
        await posts.hold(conn, poll.post_id, poll.thread_id)
        await polls.drop_votes(conn, poll.post_id, actor.id)
        if poll.is_local:
            await polls.recount(conn, poll.post_id, now)
            await posts.touch(conn, poll.post_id, poll.thread_id)
    return len(voted_in)


async def _take_reactions(conn: Connection, actor: Actor, limit: int) -> int:
    reacted_to = await reactions.list_reacted_to_unfiltered(conn, actor.id, limit)
    for post in reacted_to:
        await posts.hold(conn, post.post_id, post.thread_id)
        await reactions.drop_of_person(conn, post.post_id, actor.id)
        await posts.touch(conn, post.post_id, post.thread_id)
    return len(reacted_to)
