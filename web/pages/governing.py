"""What the moderators of a community decide about it: its questions, its rules, its roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from starlette.responses import Response

from forum import membership, roles, rules
from forum.errors import NotFound
from forum.text import compose_text
from storage.communities import Community, read_rules
from storage.db import Connection
from storage.memberships import MemberLine
from storage.roles import find_member, list_roles
from web import respond
from web.pages.communities import LONGEST_QUESTIONS, lines_of
from web.pages.front import address_of
from web.pages.moderation import moderated
from web.visit import Visit

CHANGES_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class GoverningPage:
    community: Community
    address: str
    questions: str
    rules: str
    people: list[MemberLine]
    tomorrow: str
    in_a_year: str


async def show_governing(visit: Visit, conn: Connection) -> Response:
    community = await _governed(visit, conn)
    found = await read_rules(conn, visit.viewer, community.id)
    form = visit.form.values
    view = GoverningPage(
        community=community,
        address=address_of(community),
        questions=form.get("questions", "\n".join(community.questions)),
        rules=form.get("rules", "" if found is None else found.source),
        people=await list_roles(conn, visit.viewer, community.id),
        tomorrow=(visit.now + timedelta(days=1)).date().isoformat(),
        in_a_year=(visit.now + timedelta(days=365)).date().isoformat(),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "governing.html", view, status=status, is_private=True)


async def save_questions(visit: Visit) -> Response:
    community = await _begin(visit)
    with visit.form.checked():
        questions = lines_of(visit.form.text("questions", most=LONGEST_QUESTIONS))
        visit.form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            await membership.change_questions(conn, community, visit.require_member(), questions)
        return _back(visit, community, "saved")
    return await _again(visit)


async def save_rules(visit: Visit) -> Response:
    """Put other rules in place; members agree to them before they write again."""
    community = await _begin(visit)
    with visit.form.checked():
        source = visit.form.text("rules", most=rules.RULES_LENGTH)
        visit.form.stop_if_wrong()
        text = await compose_text(visit.services.renderer, source, field="rules")
        async with visit.services.database.write() as conn:
            await rules.change(conn, community, visit.require_member(), text, visit.now)
        return _back(visit, community, "rules_changed")
    return await _again(visit)


async def set_role(visit: Visit) -> Response:
    """Another role for the member of that name."""
    community = await _begin(visit)
    form = visit.form
    name = form.line("name", most=60, least=1)
    role = form.choice("role", roles.ROLES)
    until = _read_day(form.values.get("until", ""))
    with form.checked():
        form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            found = await find_member(conn, visit.viewer, community.id, name)
            if found is None:
                form.fail("name", "no_such_member")
                form.stop_if_wrong()
            else:
                await roles.change(
                    conn, community, visit.require_member(), found.actor_id, role, until, visit.now
                )
        return _back(visit, community, "role_changed")
    return await _again(visit)


async def _governed(visit: Visit, conn: Connection) -> Community:
    """A community of this server that the visitor moderates; to others it has no such page."""
    community = await moderated(visit, conn)
    if not community.is_local:
        raise NotFound
    return community


async def _begin(visit: Visit) -> Community:
    visit.require_member()
    async with visit.services.database.read() as conn:
        community = await _governed(visit, conn)
    await visit.count("govern", most=CHANGES_PER_HOUR, per=timedelta(hours=1))
    return community


async def _again(visit: Visit) -> Response:
    async with visit.services.database.read() as conn:
        return await show_governing(visit, conn)


def _back(visit: Visit, community: Community, done: str) -> Response:
    return respond.redirect(visit, f"{address_of(community)}/moderation/joining", done=done)


def _read_day(value: str) -> datetime | None:
    """The end of a day that was picked."""
    try:
        return datetime.combine(date.fromisoformat(value), time(23, 59), UTC)
    except ValueError:
        return None
