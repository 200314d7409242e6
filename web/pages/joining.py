"""Joining and leaving a community: its questions, its rules, and how one appears there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup
from starlette.responses import Response

from forum import labels, membership, rules
from forum.errors import NotFound
from storage.actors import Actor, read_own
from storage.communities import Community, CommunityView, read_rules, read_view
from storage.db import Connection
from storage.memberships import Membership, read_membership
from web import respond
from web.answers import Fact, facts_of
from web.pages.communities import find_community
from web.pages.front import address_of, hosts_of
from web.visit import SignInFirst, Visit, next_path

JOINS_PER_DAY = 60
DONE = {"accepted": "joined", "asked": "asked"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the name of the field for its answer."""

    field: str
    question: str


@dataclass(frozen=True, slots=True)
class JoinView:
    community: CommunityView
    address: str
    facts: list[Fact]
    questions: list[Asked]
    rules: Markup
    rules_version: int
    reason: str


@dataclass(frozen=True, slots=True)
class RulesView:
    community: CommunityView
    address: str
    rules: Markup
    rules_version: int
    must_accept: bool
    onward: str


@dataclass(frozen=True, slots=True)
class YouView:
    community: CommunityView
    address: str
    label: str
    is_shown: bool


async def show_join(visit: Visit, conn: Connection) -> Response:
    """The questions and the rules, for whoever is not in yet."""
    community = await _view(visit, conn)
    visit.require_member()
    if community.my_state in ("accepted", "asked"):
        return respond.redirect(visit, address_of(community))
    return await _join_page(visit, conn, community)


async def join(visit: Visit) -> Response:
    """Become a member, or ask to."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        community = await _view(visit, conn)
    form, joined = visit.form, None
    answers = [
        form.text(asked.field, most=membership.ANSWER_LENGTH, least=1 if community.is_local else 0)
        for asked in questions_of(visit, community)
    ]
    with form.checked():
        form.stop_if_wrong()
        joined = await enter(visit, community, answers=answers)
    if joined is None:
        async with visit.services.database.read() as conn:
            return await _join_page(visit, conn, community)
    return respond.redirect(visit, address_of(community), done=DONE.get(joined.state, "asked"))


async def leave(visit: Visit) -> Response:
    visit.require_member()
    services = visit.services
    async with services.database.write() as conn:
        community = await find_community(visit, conn)
        await membership.leave(conn, services.site, community, await own(visit, conn), visit.now)
    return respond.redirect(visit, "/communities", done="left")


async def show_rules(visit: Visit, conn: Connection) -> Response:
    """The rules, for whoever may know of the community; members accept them here."""
    community = await _view(visit, conn)
    found = await read_rules(conn, visit.viewer, community.id)
    if found is None:
        raise NotFound
    view = RulesView(
        community=community,
        address=address_of(community),
        rules=Markup(found.html),  # noqa: S704 - cleaned when it was stored
        rules_version=found.version,
        must_accept=await must_accept_rules(visit, conn, community),
        onward=next_path(visit.query("next") or visit.form.values.get("next", "")),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "rules.html", view, status=status, is_private=True)


async def accept_rules(visit: Visit) -> Response:
    """A member agrees to the rules as they stand now."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        community = await find_community(visit, conn)
    with visit.form.checked():
        async with visit.services.database.write() as conn:
            await rules.accept(conn, community, await own(visit, conn), rules_agreed(visit))
        onward = next_path(visit.form.values.get("next", ""))
        onward = onward if onward != "/" else address_of(community)
        return respond.redirect(visit, onward, done="rules_accepted")
    async with visit.services.database.read() as conn:
        return await show_rules(visit, conn)


async def show_you(visit: Visit, conn: Connection) -> Response:
    """How the visitor appears in a community."""
    community = await _own_community(visit, conn)
    known = await read_membership(conn, community.id, visit.require_member().actor_id)
    view = YouView(
        community=community,
        address=address_of(community),
        label="" if known is None else known.label or "none",
        is_shown=known is not None and known.shows_label,
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "community_you.html", view, status=status, is_private=True
    )


async def choose_label(visit: Visit) -> Response:
    """Say, or no longer say, how one is connected with the condition."""
    form = visit.form
    async with visit.services.database.read() as conn:
        community = await _own_community(visit, conn)
    label = form.choice("label", (*labels.LABELS, "none"))
    with form.checked():
        form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            await labels.choose(
                conn, community, await own(visit, conn), "" if label == "none" else label,
                is_shown=form.is_ticked("shown"),
            )  # fmt: skip
        return respond.redirect(visit, address_of(community), done="saved")
    async with visit.services.database.read() as conn:
        return await show_you(visit, conn)


async def own(visit: Visit, conn: Connection) -> Actor:
    """The signed-in person's actor."""
    visit.require_member()
    actor = await read_own(conn, visit.viewer)
    if actor is None:
        raise SignInFirst
    return actor


async def enter(
    visit: Visit,
    community: Community,
    *,
    answers: list[str] | None = None,
    invitation: str | None = None,
) -> Membership:
    """Join with what the form says."""
    await visit.count("join", most=JOINS_PER_DAY, per=timedelta(days=1))
    async with visit.services.database.write() as conn:
        return await membership.ask_to_join(
            conn, visit.site, community, await own(visit, conn), answers=answers or [],
            rules=rules_agreed(visit), invitation=invitation, now=visit.now,
        )  # fmt: skip


def rules_agreed(visit: Visit) -> int:
    """The version of the rules that the form was shown with, if its box is ticked."""
    version = visit.form.values.get("rules_version", "")
    if not visit.form.is_ticked("rules") or not version.isascii() or not version.isdigit():
        return 0
    return int(version[:9])


async def must_accept_rules(visit: Visit, conn: Connection, community: CommunityView) -> bool:
    """Whether there are rules here that this member has not agreed to yet."""
    if visit.member is None or community.my_state != "accepted" or community.rules_version == 0:
        return False
    known = await read_membership(conn, community.id, visit.member.actor_id)
    return known is not None and not rules.are_accepted(community, known)


def questions_of(visit: Visit, community: Community) -> list[Asked]:
    """What is asked of whoever asks to join. What a community elsewhere asks is not known here."""
    if community.joining != "apply":
        return []
    asked = community.questions or [visit.words.gettext("What brings you here?")]
    return [Asked(f"answer{number}", question) for number, question in enumerate(asked, 1)]


async def _view(visit: Visit, conn: Connection) -> CommunityView:
    found = await find_community(visit, conn)
    community = await read_view(conn, visit.viewer, found.id)
    if community is None:
        raise NotFound
    return community


async def _own_community(visit: Visit, conn: Connection) -> CommunityView:
    """A community that the visitor is a member of; to others it has no such page."""
    community = await _view(visit, conn)
    visit.require_member()
    if community.my_state != "accepted":
        raise NotFound
    return community


async def _join_page(visit: Visit, conn: Connection, community: CommunityView) -> Response:
    known = await read_membership(conn, community.id, visit.require_member().actor_id)
    found = await read_rules(conn, visit.viewer, community.id)
    view = JoinView(
        community=community,
        address=address_of(community),
        facts=facts_of(visit.words, community, await hosts_of(conn, community)),
        questions=questions_of(visit, community),
        rules=Markup("" if found is None else found.html),  # noqa: S704 - cleaned when stored
        rules_version=community.rules_version,
        reason="" if known is None or known.state != "refused" else known.reason,
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "join.html", view, status=status, is_private=True)
