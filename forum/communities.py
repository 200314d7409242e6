"""Communities: made here by answering the plain questions, or learnt from other servers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from forum import access, subscriptions
from forum.accounts import check_name
from forum.errors import Conflict, Invalid
from forum.keypairs import Keypair, store_keypair
from forum.policy import check_host
from forum.site import Site
from forum.text import Rendered
from storage import accounts, actors, communities, memberships, posts
from storage.actors import Actor
from storage.communities import Community, RemoteCommunity
from storage.db import Connection
from storage.ids import new_id
from storage.memberships import Membership

READERS = ("members", "anyone")
TRAVELS = ("nowhere", "named", "anywhere")
JOINING = ("open", "apply", "invite")
CONDITION = re.compile(r"ORPHA:[0-9]{1,7}")
TITLE_LENGTH = 100
QUESTIONS = 5
QUESTION_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to the plain questions; `hosts` are the named servers."""

    readers: str
    travels: str
    listed: bool
    indexed: bool
    joining: str
    hosts: tuple[str, ...] = ()


async def create_community(
    conn: Connection,
    site: Site,
    owner: Actor | None,
    *,
    name: str,
    title: str,
    description: Rendered,
    questions: Sequence[str] = (),
    answers: Answers,
    condition: str | None = None,
    keypair: Keypair,
    now: datetime,
) -> Community:
    """Make a community of this server; `owner` becomes its first member and owner.

    Raises Invalid beside the field that is wrong, and Conflict when the name was ever used here.
    """
    if owner is not None:
        access.require_may_act(owner, await accounts.read_account(conn, owner.id))
    check_answers(answers)
    _check_card(title, condition)
    asked = check_questions(questions)
    actor = _group(site, check_name(name), title.strip(), description, now)
    if not await actors.insert(conn, actor):
        raise Conflict("name_taken")
    await store_keypair(conn, site, actor.id, keypair)
    community = _community(actor, answers, description, asked, condition)
    await communities.insert(conn, community, now)
    if answers.travels == "named":
        await communities.set_hosts(conn, actor.id, [check_host(host) for host in answers.hosts])
    if owner is not None:
        await _enter_owner(conn, community, owner, now)
    return community


def check_answers(answers: Answers) -> None:
    """Raises Invalid with the field of the first answer that is none, or contradicts another."""
    for field, value, allowed in (
        ("readers", answers.readers, READERS),
        ("travels", answers.travels, TRAVELS),
        ("joining", answers.joining, JOINING),
    ):
        if value not in allowed:
            raise Invalid("choose", field=field)
    if answers.travels == "anywhere" and answers.readers != "anyone":
        raise Invalid("anywhere_is_public", field="travels")
    if answers.indexed and answers.readers == "members" and not answers.listed:
        raise Invalid("unlisted_is_not_indexed", field="indexed")
    if answers.travels == "named" and not answers.hosts:
        raise Invalid("name_a_server", field="hosts")
    if answers.travels != "named" and answers.hosts:
        raise Invalid("no_server_named", field="hosts")
    for host in answers.hosts:
        check_host(host, field="hosts")


def check_questions(questions: Sequence[str]) -> list[str]:
    """What is asked of people who ask to join, without empty ones. Raises Invalid."""
    asked = [one for one in (" ".join(question.split()) for question in questions) if one]
    if len(asked) > QUESTIONS:
        raise Invalid("too_many_questions", field="questions")
    if any(len(question) > QUESTION_LENGTH for question in asked):
        raise Invalid("too_long", field="questions")
    return asked


async def store_remote_community(
    conn: Connection,
    actor: Actor,
    *,
    readers: str,
    listed: bool,
    joining: str,
    description_html: str,
    condition: str | None,
    now: datetime,
) -> Community:
    """Keep what another server says of its community, and return it as it stands here then.

    A closed one travels to its own server and no further. When a public one becomes closed, what
    is stored of it is for its members from then on, and nobody reads along there any more; the
    other way nothing stored is widened.
    """
    if actor.is_local or actor.kind != "community":
        raise Invalid("no_remote_community")
    known = await communities.read_unfiltered(conn, actor.id)
    is_public = readers == "anyone"
    remote = RemoteCommunity(
        id=actor.id,
        readers="anyone" if is_public else "members",
        travels="anywhere" if is_public else "named",
        listed=listed or is_public,
        joining=joining if joining in JOINING else "apply",
        description_html=description_html,
        condition=condition if condition and CONDITION.fullmatch(condition) else None,
    )
    await communities.upsert_remote(conn, remote, now)
    await communities.set_hosts(conn, actor.id, [] if is_public else [actor.host])
    if known is not None and known.readers == "anyone" and not is_public:
        await posts.narrow(conn, actor.id)
        await subscriptions.end_all_in(conn, actor.id, now)
    stored = await communities.read_unfiltered(conn, actor.id)
    if stored is None:
        raise Conflict
    return stored


def _check_card(title: str, condition: str | None) -> None:
    if not 1 <= len(title.strip()) <= TITLE_LENGTH:
        raise Invalid("bad_title", field="title")
    if condition is not None and not CONDITION.fullmatch(condition):
        raise Invalid("bad_condition", field="condition")


def _group(site: Site, name: str, title: str, description: Rendered, now: datetime) -> Actor:
    actor_id = new_id(now)
    return Actor(
        id=actor_id,
        uri=site.actor_uri(actor_id),
        kind="community",
        type="Group",
        host=site.host,
        is_local=True,
        name=name,
        display_name=title,
        summary_html=description.html,
        url=site.community_url(name),
        inbox=site.inbox_uri(actor_id),
        shared_inbox=site.shared_inbox,
        followers=site.followers_uri(actor_id),
        state="live",
    )


def _community(
    actor: Actor,
    answers: Answers,
    description: Rendered,
    questions: list[str],
    condition: str | None,
) -> Community:
    return Community(
        id=actor.id,
        uri=actor.uri,
        host=actor.host,
        is_local=True,
        name=actor.name,
        title=actor.display_name,
        url=actor.url,
        readers=answers.readers,
        travels=answers.travels,
        listed=answers.listed or answers.readers == "anyone",
        indexed=answers.indexed,
        joining=answers.joining,
        description_source=description.source,
        description_html=description.html,
        questions=questions,
        rules_version=0,
        condition=condition,
        inbox=actor.inbox,
        shared_inbox=actor.shared_inbox,
        followers=actor.followers,
    )


async def _enter_owner(conn: Connection, community: Community, owner: Actor, now: datetime) -> None:
    membership = Membership(
        community_id=community.id,
        actor_id=owner.id,
        state="accepted",
        role="owner",
        answers=[],
        follow_uri=None,
        follow_body=None,
        stopped_until=None,
        stopped_reason="",
    )
    await memberships.enter(conn, membership, now, unless=())
