"""The write rule: who may do what, over rows that were read through the read rule.

Pure. The web form, the inbox and the client API come through the same use cases and so through
here. `may_x` answers, `require_x` raises NotAllowed with a code that tells the person why; what a
viewer may not even know of never gets this far: it was not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from forum.errors import NotAllowed
from storage.accounts import Account
from storage.actors import Actor
from storage.communities import Community
from storage.memberships import Membership
from storage.polls import Poll
from storage.sessions import Member
from storage.threads import Post

MODERATING = ("moderator", "owner")
SITE_MODERATING = ("moderator", "admin")


def why_not_act(actor: Actor, account: Account | None) -> str | None:
    """What keeps an actor from doing anything here. Remote actors have no account."""
    if actor.state != "live":
        return "suspended"
    if actor.moved_to is not None:
        return "moved"
    if not actor.is_local:
        return None
    if account is None or account.state == "suspended":
        return "suspended"
    return "waiting" if account.state == "waiting" else None


def may_act(actor: Actor, account: Account | None) -> bool:
    return why_not_act(actor, account) is None


def require_may_act(actor: Actor, account: Account | None) -> None:
    _refuse(why_not_act(actor, account))


def why_not_post(community: Community, membership: Membership | None, now: datetime) -> str | None:
    """What keeps an actor from writing in a community: only its accepted members write there."""
    if membership is None or membership.community_id != community.id:
        return "not_a_member"
    if membership.state != "accepted":
        return "not_a_member"
    if membership.stopped_until is not None and membership.stopped_until > now:
        return "stopped"
    return None


def may_post(community: Community, membership: Membership | None, now: datetime) -> bool:
    return why_not_post(community, membership, now) is None


def require_may_post(community: Community, membership: Membership | None, now: datetime) -> None:
    _refuse(why_not_post(community, membership, now))


def accepted_rules(community: Community, membership: Membership) -> bool:
    """Whether a member of this server agreed to the rules that stand in a community here."""
    return not community.is_local or membership.rules_version >= community.rules_version


def why_not_answer(community: Community, parent: Post, *, blocked: bool) -> str | None:
    """What keeps a post from being answered, whoever answers.

    `blocked`: the author of the thread or of the parent does not want to meet this person.
    """
    if parent.community_id != community.id or parent.kind == "boost":
        return "other_community"
    if parent.state != "live":
        return "parent_gone"
    return "blocked" if blocked else None


def may_answer(community: Community, parent: Post, *, blocked: bool) -> bool:
    return why_not_answer(community, parent, blocked=blocked) is None


def require_may_answer(community: Community, parent: Post, *, blocked: bool) -> None:
    _refuse(why_not_answer(community, parent, blocked=blocked))


def may_erase(author: Actor, post: Post) -> bool:
    """Whoever wrote a post may always take it back, also after leaving or being stopped."""
    return author.id == post.author_id


def require_may_erase(author: Actor, post: Post) -> None:
    _refuse(None if may_erase(author, post) else "not_yours")


def why_not_edit(author: Actor, post: Post, *, blocked: bool = False) -> str | None:
    """What keeps somebody from changing a post, beside what keeps them from writing at all.

    `blocked`: as for answering. Changed words are new words.
    """
    if author.id != post.author_id:
        return "not_yours"
    if post.state != "live" or post.kind == "boost":
        return "post_gone"
    return "blocked" if blocked else None


def may_edit(author: Actor, post: Post, *, blocked: bool = False) -> bool:
    return why_not_edit(author, post, blocked=blocked) is None


def require_may_edit(author: Actor, post: Post, *, blocked: bool = False) -> None:
    _refuse(why_not_edit(author, post, blocked=blocked))


def why_not_react(community: Community, post: Post, *, blocked: bool) -> str | None:
    """Whoever may answer a post may react to it, and vote in it."""
    if post.community_id != community.id or post.kind == "boost":
        return "other_community"
    if post.state != "live":
        return "post_gone"
    return "blocked" if blocked else None


def may_react(community: Community, post: Post, *, blocked: bool) -> bool:
    return why_not_react(community, post, blocked=blocked) is None


def require_may_react(community: Community, post: Post, *, blocked: bool) -> None:
    _refuse(why_not_react(community, post, blocked=blocked))


def why_not_vote(
    voter: Actor,
    post: Post,
    poll: Poll,
    *,
    has_voted: bool,
    choices: Sequence[int],
    now: datetime,
) -> str | None:
    """What keeps somebody who may react to a post from voting in its poll."""
    if voter.id == post.author_id:
        return "own_poll"
    if poll.is_over(now):
        return "poll_ended"
    if has_voted:
        return "voted"
    return "one_choice" if len(choices) > 1 and not poll.is_many else None


def may_vote(
    voter: Actor,
    post: Post,
    poll: Poll,
    *,
    has_voted: bool,
    choices: Sequence[int],
    now: datetime,
) -> bool:
    why_not = why_not_vote(voter, post, poll, has_voted=has_voted, choices=choices, now=now)
    return why_not is None


def require_may_vote(
    voter: Actor,
    post: Post,
    poll: Poll,
    *,
    has_voted: bool,
    choices: Sequence[int],
    now: datetime,
) -> None:
    _refuse(why_not_vote(voter, post, poll, has_voted=has_voted, choices=choices, now=now))


def may_moderate(
    community: Community, membership: Membership | None, account: Account | None
) -> bool:
    """Moderators of the community; in a public one of this server, the server's moderators too.

    What is written in a closed community is no business of whoever runs the server.
    """
    if (
        membership is not None
        and membership.community_id == community.id
        and membership.state == "accepted"
        and membership.role in MODERATING
    ):
        return True
    return may_moderate_public(community, account)


def may_moderate_public(community: Community, account: Account | None) -> bool:
    return community.is_local and community.readers == "anyone" and is_site_moderator(account)


def may_take_down(
    community: Community, membership: Membership | None, account: Account | None
) -> bool:
    """Moderators, and for what this server shows of public communities elsewhere its own ones."""
    is_public = community.readers == "anyone"
    return may_moderate(community, membership, account) or (
        is_public and is_site_moderator(account)
    )


def require_may_take_down(
    community: Community, membership: Membership | None, account: Account | None
) -> None:
    _refuse(None if may_take_down(community, membership, account) else "not_a_moderator")


def may_report(community: Community | None) -> bool:
    """Whether anybody here reads a report; of a closed community elsewhere, nobody does."""
    return community is None or community.is_local or community.readers == "anyone"


def require_may_report(community: Community | None) -> None:
    _refuse(None if may_report(community) else "nobody_reads_reports")


def is_site_moderator(account: Account | None) -> bool:
    return account is not None and account.state == "open" and account.role in SITE_MODERATING


def require_may_moderate(
    community: Community, membership: Membership | None, account: Account | None
) -> None:
    _refuse(None if may_moderate(community, membership, account) else "not_a_moderator")


def may_stop(moderator: Membership | None, account: Account | None, target: Membership) -> bool:
    """A moderator does not act against another one: owners do, and the server's moderators.

    Nobody acts against an owner, who would only leave the community without one.
    """
    if target.state != "accepted" or target.role not in MODERATING:
        return True
    if target.role == "owner":
        return False
    is_owner = moderator is not None and moderator.role == "owner"
    return is_owner or is_site_moderator(account)


def require_may_stop(
    moderator: Membership | None, account: Account | None, target: Membership
) -> None:
    _refuse(None if may_stop(moderator, account, target) else "target_moderates")


def why_not_join_from(
    community: Community, hosts: list[str], host: str, *, runs_dazzle: bool
) -> str | None:
    """What keeps people of another server out of a community of this one, whoever they are.

    A closed community travels only to servers that it names and that run Dazzle: other software
    shows what it receives to anonymous visitors.
    """
    if community.travels == "nowhere":
        return "stays_here"
    if community.travels == "named" and host not in hosts:
        return "server_not_named"
    if community.readers == "members" and not (host in hosts and runs_dazzle):
        return "server_not_named"
    return None


def may_join_from(community: Community, hosts: list[str], host: str, *, runs_dazzle: bool) -> bool:
    return why_not_join_from(community, hosts, host, runs_dazzle=runs_dazzle) is None


def may_help_in(member: Member, role: str) -> bool:
    """Make a link for somebody of this role who lost all ways in; for moderators, only admins."""
    if role in SITE_MODERATING:
        return may_administer(member)
    return member.role in SITE_MODERATING and member.state == "open"


def may_administer(member: Member) -> bool:
    return member.role == "admin" and member.state == "open"


def require_may_administer(member: Member) -> None:
    _refuse(None if may_administer(member) else "not_an_admin")


def _refuse(code: str | None) -> None:
    if code is not None:
        raise NotAllowed(code)
