"""Safety: reports, blocks, and what moderators do, each act with its reason in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from forum import access
from forum.errors import Invalid, NotAllowed, NotFound
from forum.membership import (
    Moderator,
    id_of,
    log_about_person,
    require_moderator,
    require_stoppable,
)
from forum.mutes import check_until
from forum.standing import is_by
from forum.threads import take_down
from storage import accounts, aliases, blocks, communities, memberships, modlog, reports
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act
from storage.reports import ReportedMessage
from storage.sessions import Member
from storage.threads import Post

REASON_LENGTH = 1000


async def remove_post(
    conn: Connection, moderator: Moderator, post: Post, reason: str, now: datetime
) -> None:
    """Take a post down; its moderators can still read it. Its reports are closed with it.

    A post of a public community elsewhere goes from this server only.
    """
    community = await _community_of(conn, post)
    membership = await memberships.read_membership(conn, community.id, id_of(moderator))
    account = await accounts.read_account(conn, id_of(moderator))
    access.require_may_take_down(community, membership, account)
    reason = check_reason(reason)
    if await take_down(conn, post, id_of(moderator), reason, now):
        await reports.close_of_post(conn, post.id, id_of(moderator))


async def stop_member(
    conn: Connection,
    moderator: Moderator,
    community: Community,
    actor: Actor,
    until: datetime,
    reason: str,
    now: datetime,
) -> None:
    """Until a date somebody reads and cannot post. It outlives leaving and coming back.

    Who writes under a name for one thread is stopped under every name, and the log has that one.
    """
    await _require_may_stop(conn, moderator, community, actor)
    if until <= now:
        raise Invalid("in_the_past", field="until")
    reason = check_reason(reason)
    await _set_stop(conn, community, actor, until, reason)
    await log_about_person(conn, moderator, "stop_member", community.id, actor.id, reason, now)


async def let_member(
    conn: Connection,
    moderator: Moderator,
    community: Community,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Somebody who was stopped may post again."""
    await _require_may_stop(conn, moderator, community, actor)
    standing = await memberships.read_membership(conn, community.id, actor.id)
    if standing is None or standing.stopped_until is None:
        return
    await _set_stop(conn, community, actor, None, "")
    reason = reason.strip()[:REASON_LENGTH]
    await log_about_person(conn, moderator, "let_member", community.id, actor.id, reason, now)


@dataclass(frozen=True, slots=True)
class Stop:
    """What a moderator finds beside a post: whether, and until when, its author cannot post."""

    until: datetime | None


async def read_stop(conn: Connection, community: Community, actor: Actor) -> Stop | None:
    """None for who has no standing there. A name for one thread has its own, not its person's."""
    standing = await memberships.read_membership(conn, community.id, actor.id)
    if standing is not None:
        return Stop(standing.stopped_until)
    return Stop(None) if await _is_name(conn, actor) else None


async def let_come_again(
    conn: Connection, community: Community, moderator: Moderator, actor: Actor, now: datetime
) -> None:
    """Who was not accepted, or taken out, may join or ask again, if they want to."""
    await require_moderator(conn, community, moderator)
    changed = await memberships.change_state(
        conn, community.id, actor.id, "left", now, when=("refused",)
    )
    if changed is not None:
        await log_about_person(conn, moderator, "let_come_again", community.id, actor.id, "", now)


async def report(conn: Connection, reporter: Actor, post: Post, reason: str, now: datetime) -> None:
    """Tell the moderators of a post that the reporter can see; once per person and post."""
    access.require_may_act(reporter, await accounts.read_account(conn, reporter.id))
    if await is_by(conn, reporter, post):
        raise NotAllowed("yourself")
    if post.community_id is not None:
        access.require_may_report(await communities.read_unfiltered(conn, post.community_id))
    await reports.insert(
        conn,
        new_id(now),
        reporter_id=reporter.id,
        post_id=post.id,
        community_id=post.community_id,
        reason=check_reason(reason),
        now=now,
    )


async def see_message(
    conn: Connection, admin: Member, report_id: int, now: datetime
) -> ReportedMessage:
    """The one message that was reported, for an administrator; that they looked stays in the log.

    Raises NotFound when it is not reported to them, erased by now, or the report is closed.
    """
    found = await reports.read_message(conn, Viewer(admin.actor_id), report_id)
    if found is None:
        raise NotFound
    act = Act(new_id(now), admin.actor_id, "see_message", now, post_id=found.post_id)
    await modlog.insert(conn, act)
    return found


async def close_report(
    conn: Connection, moderator: Moderator, report_id: int, reason: str, now: datetime
) -> None:
    """The moderator looked and decided. Raises NotFound for a report of others' posts."""
    viewer = Viewer(id_of(moderator))
    found = await reports.read_report(conn, viewer, report_id)
    if found is None:
        raise NotFound
    if found.state == "closed":
        return
    await reports.close(conn, report_id, id_of(moderator))
    act = Act(
        id=new_id(now),
        moderator_id=id_of(moderator),
        action="close_report",
        at=now,
        community_id=found.community_id,
        post_id=found.post_id,
        reason=reason.strip()[:REASON_LENGTH],
    )
    await modlog.insert(conn, act)


async def block_person(
    conn: Connection,
    blocker: Actor,
    blocked: Actor,
    now: datetime,
    until: datetime | None = None,
) -> None:
    """Neither sees the other's posts, and the blocked one cannot answer the blocker.

    It keeps every name of the blocked one from answering, and hides of each only the name that
    blocks or is blocked: the others would tell who is behind them. Nobody is told.
    """
    if blocker.id == blocked.id:
        raise NotAllowed("yourself")
    if blocked.kind != "person":
        raise NotFound
    check_until(until, now)
    await blocks.insert(conn, blocker.id, blocked.id, now, until)


async def unblock_person(conn: Connection, blocker: Actor, blocked: Actor) -> None:
    await blocks.delete(conn, blocker.id, blocked.id)


async def _community_of(conn: Connection, post: Post) -> Community:
    if post.community_id is None:
        raise NotAllowed("not_a_moderator")
    community = await communities.read_unfiltered(conn, post.community_id)
    if community is None:
        raise NotFound
    return community


async def _set_stop(
    conn: Connection, community: Community, actor: Actor, until: datetime | None, reason: str
) -> None:
    """A name is stopped as that name: the list of who cannot post may not say whose it is."""
    stop = memberships.stop_name if await _is_name(conn, actor) else memberships.set_stop
    await stop(conn, community.id, actor.id, until, reason)


async def _is_name(conn: Connection, actor: Actor) -> bool:
    return actor.is_local and await aliases.is_alias(conn, actor.id)


async def _require_may_stop(
    conn: Connection, moderator: Moderator, community: Community, actor: Actor
) -> None:
    """A name for one thread of this community any moderator may stop, whoever is behind it: what
    were refused, or not found, would tell that it is a moderator, or that they have left.
    """
    await require_moderator(conn, community, moderator)
    if await _is_name(conn, actor):
        if not await aliases.is_of_community(conn, actor.id, community.id):
            raise NotFound
        return
    membership = await memberships.read_membership(conn, community.id, actor.id)
    if membership is None:
        raise NotFound
    await require_stoppable(conn, community, moderator, membership)


def check_reason(reason: str) -> str:
    """Why a moderator does it, without which nothing is done. Raises Invalid."""
    reason = reason.strip()
    if not reason:
        raise Invalid("empty", field="reason")
    if len(reason) > REASON_LENGTH:
        raise Invalid("too_long", field="reason")
    return reason
