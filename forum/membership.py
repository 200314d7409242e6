"""Joining and leaving communities, here and across servers.

Whoever a moderator did not accept, or took out, stays out of an open community and cannot come
back by an invitation: they may ask where one applies, and a moderator decides again, or lets them
come again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import urlsplit

from forum import access, consents, mail
from forum.communities import QUESTIONS, check_questions
from forum.errors import Conflict, Invalid, NotAllowed, NotFound
from forum.events import FollowAnswered, MembershipAsked, MembershipLeft
from forum.outbox import record_event
from forum.site import Site
from storage import accounts, communities, invitations, memberships, modlog, posts
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.memberships import Membership
from storage.modlog import Act
from storage.sessions import Member

Moderator: TypeAlias = Actor | Member

ANSWER_LENGTH = 2000
REASON_LENGTH = 1000
INVITATION_USES = range(1, 1001)
INVITATION_DAYS = range(1, 366)


async def ask_to_join(
    conn: Connection,
    site: Site,
    community: Community,
    actor: Actor,
    *,
    answers: Sequence[str] = (),
    rules: int = 0,
    invitation: str | None = None,
    now: datetime,
) -> Membership:
    """A person of this server joins, or asks to. A community elsewhere decides by itself.

    `rules` is the version that the person agreed to; for a community here it must be the one
    that stands.
    """
    access.require_may_act(actor, await accounts.read_account(conn, actor.id))
    said = _check_answers(answers)
    if not community.is_local:
        return await _ask_elsewhere(conn, site, community, actor, said, now)
    invited = (
        invitation is not None and await invitations.lock(conn, invitation, now) == community.id
    )
    known = await memberships.read_membership(conn, community.id, actor.id)
    if known is not None and known.state == "accepted":
        return known
    if invitation is not None and not invited:
        raise NotAllowed("invitation_over")
    if community.joining == "invite" and not invited:
        raise NotAllowed("invitation_needed")
    if rules < community.rules_version:
        raise Invalid("accept_rules", field="rules")
    state = "accepted" if invited or community.joining == "open" else "asked"
    asking = _standing(community, actor, state, said if state == "asked" else [])
    asking = replace(asking, rules_version=community.rules_version)
    membership = await _enter(conn, asking, now)
    if membership.state == "refused":
        raise NotAllowed("not_accepted")
    if invited and invitation is not None:
        await invitations.use(conn, invitation)
    await consents.give(conn, actor.id, "community", community_id=community.id, now=now)
    return membership


async def receive_follow(
    conn: Connection,
    site: Site,
    community: Community,
    actor: Actor,
    *,
    follow_uri: str | None,
    follow_body: str,
    may_join: bool,
    now: datetime,
) -> Membership:
    """A person elsewhere follows a community here; each Follow that is decided is answered.

    `may_join`: for a closed community, that the person's server runs Dazzle. Nothing is kept of
    somebody who could not join from there. Raises NotFound, and answers nothing, when that server
    may not even know of the community.
    """
    if actor.is_local or actor.host == site.host or not community.is_local:
        raise Invalid("not_elsewhere")
    viewer = Viewer(actor.id, actor.host)
    if await communities.read_community_by_id(conn, viewer, community.id) is None:
        raise NotFound
    access.require_may_act(actor, None)
    hosts = await communities.list_hosts(conn, community.id)
    can_join = access.may_join_from(community, hosts, actor.host, runs_dazzle=may_join)
    wanted = {"open": "accepted", "apply": "asked", "invite": "refused"}[community.joining]
    follow = _standing(community, actor, wanted, [], follow_uri=follow_uri, follow_body=follow_body)
    known = await memberships.read_membership(conn, community.id, actor.id)
    is_member = known is not None and known.state == "accepted"
    if not can_join or (wanted == "refused" and not is_member):
        await _answer(conn, community.id, actor.id, False, follow_body)
        return _standing(community, actor, "refused", [])
    membership = await _enter(conn, follow, now)
    kept = await memberships.keep_follow(conn, community.id, actor.id, follow_uri, follow_body)
    if membership.state != "asked":
        is_accepted = membership.state == "accepted"
        await _answer(conn, community.id, actor.id, is_accepted, follow_body)
    return kept or membership


async def receive_answer(
    conn: Connection,
    community: Community,
    actor_id: int,
    follow_uri: str | None,
    accepted: bool,
    now: datetime,
) -> None:
    """A community elsewhere answers our Follow; the caller checked that it is the sender.

    An Accept counts only while we ask: one that comes again after leaving or removal opens
    nothing. Raises NotFound when there is no such Follow.
    """
    membership = await memberships.read_membership(conn, community.id, actor_id)
    if community.is_local or membership is None:
        raise NotFound
    if follow_uri is not None and follow_uri != membership.follow_uri:
        raise NotFound
    if accepted:
        await memberships.change_state(
            conn, community.id, actor_id, "accepted", now, when=("asked",)
        )
    else:
        await memberships.change_state(
            conn, community.id, actor_id, "refused", now, when=("asked", "accepted")
        )


async def leave(
    conn: Connection, site: Site, community: Community, actor: Actor, now: datetime
) -> None:
    """Leave a community, or stop asking. The last owner stays until somebody else owns it."""
    known = await memberships.read_membership(conn, community.id, actor.id)
    if known is None:
        return
    if known.role == "owner" and await memberships.count_owners(conn, community.id) == 1:
        raise NotAllowed("last_owner")
    left = await memberships.change_state(
        conn, community.id, actor.id, "left", now, when=("asked", "accepted")
    )
    if left is not None:
        await consents.withdraw(conn, actor.id, "community", community_id=community.id, now=now)
        await refresh_badge(conn, known)
    if left is not None and not community.is_local:
        follow_uri = left.follow_uri or site.follow_uri(actor.id, community.id)
        await record_event(conn, MembershipLeft(community.id, actor.id, follow_uri))


async def receive_leave(
    conn: Connection, community: Community, actor: Actor, now: datetime
) -> None:
    """A person elsewhere takes the Follow back. Harmless when there was none."""
    await memberships.change_state(
        conn, community.id, actor.id, "left", now, when=("asked", "accepted")
    )


async def accept_member(
    conn: Connection, community: Community, moderator: Moderator, actor: Actor, now: datetime
) -> None:
    """Let somebody in who asks; nobody else is made a member."""
    await require_moderator(conn, community, moderator)
    accepted = await memberships.change_state(
        conn, community.id, actor.id, "accepted", now, when=("asked",)
    )
    if accepted is None:
        known = await memberships.read_membership(conn, community.id, actor.id)
        if known is not None and known.state == "accepted":
            return
        raise Conflict("nobody_asks")
    await log_about_person(conn, moderator, "accept_member", community.id, actor.id, "", now)
    await _tell_decision(conn, community, actor, now)
    if not actor.is_local and accepted.follow_body:
        await _answer(conn, community.id, actor.id, True, accepted.follow_body)


async def refuse_member(
    conn: Connection,
    community: Community,
    moderator: Moderator,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Do not accept somebody who asks, or take a member out. The person is told the reason."""
    await require_moderator(conn, community, moderator)
    reason = reason.strip()
    if len(reason) > REASON_LENGTH:
        raise Invalid("too_long", field="reason")
    known = await memberships.read_membership(conn, community.id, actor.id)
    if known is None or known.state not in ("asked", "accepted"):
        return
    await require_stoppable(conn, community, moderator, known)
    await memberships.change_state(
        conn, community.id, actor.id, "refused", now, when=("asked", "accepted"), reason=reason
    )
    await consents.withdraw(conn, actor.id, "community", community_id=community.id, now=now)
    await refresh_badge(conn, known)
    action = "remove_member" if known.state == "accepted" else "refuse_member"
    await log_about_person(conn, moderator, action, community.id, actor.id, reason, now)
    if known.state == "asked":
        await _tell_decision(conn, community, actor, now)
    if not actor.is_local and known.follow_body:
        await _answer(conn, community.id, actor.id, False, known.follow_body)


async def make_invitation(
    conn: Connection, viewer: Viewer, community: Community, *, uses: int, days: int, now: datetime
) -> str:
    """A token for an invitation link, made by a moderator of the community."""
    if viewer.actor_id is None:
        raise NotAllowed("not_a_moderator")
    membership = await memberships.read_membership(conn, community.id, viewer.actor_id)
    account = await accounts.read_account(conn, viewer.actor_id)
    access.require_may_moderate(community, membership, account)
    if not community.is_local:
        raise NotAllowed("not_here")
    if uses not in INVITATION_USES:
        raise Invalid("choose", field="uses")
    if days not in INVITATION_DAYS:
        raise Invalid("choose", field="days")
    return await invitations.insert(
        conn,
        community.id,
        viewer.actor_id,
        uses=uses,
        expires_at=now + timedelta(days=days),
        now=now,
    )


async def change_questions(
    conn: Connection, community: Community, moderator: Moderator, questions: Sequence[str]
) -> None:
    """Ask other questions from now on; who has answered already is not asked again."""
    await require_moderator(conn, community, moderator)
    if not community.is_local:
        raise NotAllowed("not_here")
    await communities.set_questions(conn, community.id, check_questions(questions))


async def refresh_badge(conn: Connection, before: Membership) -> None:
    """Show the posts of somebody anew when what stood beside their name there is gone."""
    if before.shows_label or before.role == "professional":
        await posts.touch_of_author(conn, before.community_id, before.actor_id)


async def refuse_follow(conn: Connection, target: Actor, actor: Actor, follow_body: str) -> None:
    """People here cannot be followed: whom somebody follows tells what they have."""
    await _answer(conn, target.id, actor.id, False, follow_body)


async def require_moderator(conn: Connection, community: Community, moderator: Moderator) -> None:
    """Raises NotAllowed for whoever does not moderate the community."""
    moderator_id = id_of(moderator)
    membership = await memberships.read_membership(conn, community.id, moderator_id)
    account = await accounts.read_account(conn, moderator_id)
    access.require_may_moderate(community, membership, account)


async def require_stoppable(
    conn: Connection, community: Community, moderator: Moderator, target: Membership
) -> None:
    """Raises NotAllowed when the target moderates too and the moderator does not stand above."""
    own = await memberships.read_membership(conn, community.id, id_of(moderator))
    account = await accounts.read_account(conn, id_of(moderator))
    allowed = account if access.may_moderate_public(community, account) else None
    access.require_may_stop(own, allowed, target)


def id_of(who: Moderator) -> int:
    return who.actor_id if isinstance(who, Member) else who.id


async def log_about_person(
    conn: Connection,
    moderator: Moderator,
    action: str,
    community_id: int,
    actor_id: int,
    reason: str,
    now: datetime,
) -> None:
    """Note what a moderator did about somebody's standing in a community."""
    act = Act(
        id=new_id(now),
        moderator_id=id_of(moderator),
        action=action,
        at=now,
        community_id=community_id,
        actor_id=actor_id,
        reason=reason,
    )
    await modlog.insert(conn, act)


async def _tell_decision(
    conn: Connection, community: Community, actor: Actor, now: datetime
) -> None:
    """That something was decided, to people here who gave an address; not where, nor what."""
    if actor.is_local:
        address = urlsplit(community.uri)
        link = f"{address.scheme}://{address.netloc}/communities"
        await mail.tell(conn, actor.id, "membership_decided", link=link, now=now)


def _check_answers(answers: Sequence[str]) -> list[str]:
    """What somebody answered, in the order of the questions. Raises Invalid."""
    said = [answer.strip() for answer in answers]
    if len(said) > QUESTIONS:
        raise Invalid("too_many_questions", field="answers")
    for number, answer in enumerate(said, 1):
        if len(answer) > ANSWER_LENGTH:
            raise Invalid("too_long", field=f"answer{number}")
    return said if any(said) else []


async def _ask_elsewhere(
    conn: Connection,
    site: Site,
    community: Community,
    actor: Actor,
    answers: list[str],
    now: datetime,
) -> Membership:
    follow_uri = site.follow_uri(actor.id, community.id)
    asking = _standing(community, actor, "asked", answers, follow_uri=follow_uri)
    entered = await memberships.enter(conn, asking, now, unless=("accepted",))
    if entered is None:
        return await _read(conn, community.id, actor.id)
    await consents.give(conn, actor.id, "community", community_id=community.id, now=now)
    await record_event(conn, MembershipAsked(community.id, actor.id, follow_uri))
    return entered


async def _enter(conn: Connection, standing: Membership, now: datetime) -> Membership:
    """Write a standing; a member stays one, and who was refused can only ask."""
    unless = ("accepted",) if standing.state == "asked" else ("accepted", "refused")
    entered = await memberships.enter(conn, standing, now, unless=unless)
    return entered or await _read(conn, standing.community_id, standing.actor_id)


async def _read(conn: Connection, community_id: int, actor_id: int) -> Membership:
    membership = await memberships.read_membership(conn, community_id, actor_id)
    if membership is None:
        raise Conflict
    return membership


def _standing(
    community: Community,
    actor: Actor,
    state: str,
    answers: list[str],
    *,
    follow_uri: str | None = None,
    follow_body: str | None = None,
) -> Membership:
    return Membership(
        community_id=community.id,
        actor_id=actor.id,
        state=state,
        role="member",
        answers=answers,
        follow_uri=follow_uri,
        follow_body=follow_body,
        stopped_until=None,
        stopped_reason="",
    )


async def _answer(
    conn: Connection, target_id: int, actor_id: int, accepted: bool, follow_body: str
) -> None:
    await record_event(conn, FollowAnswered(target_id, actor_id, accepted, follow_body))
