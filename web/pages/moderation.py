"""What the moderators of a community look at: requests, reports, stopped members, the log."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from forum import membership, moderation
from forum.errors import NotFound
from storage.actors import Actor, read_unfiltered
from storage.audience import moderates
from storage.communities import Community
from storage.db import Connection
from storage.memberships import MemberLine, list_asked, list_refused, list_stopped
from storage.modlog import ActLine, list_acts
from storage.reports import ReportLine, list_open
from web import respond
from web.pages.communities import find_community
from web.pages.front import address_of
from web.paging import read_id
from web.visit import Visit

ACTS = 50
REPORTS = 200


@dataclass(frozen=True, slots=True)
class ShownReport:
    report: ReportLine
    html: Markup


@dataclass(frozen=True, slots=True)
class ModerationPage:
    community: Community
    address: str
    asked: list[MemberLine]
    reports: list[ShownReport]
    stopped: list[MemberLine]
    kept_out: list[MemberLine]
    acts: list[ActLine]


async def show_moderation(visit: Visit, conn: Connection) -> Response:
    community = await moderated(visit, conn)
    reports = await list_open(conn, visit.viewer, limit=REPORTS)
    view = ModerationPage(
        community=community,
        address=address_of(community),
        asked=await list_asked(conn, visit.viewer, community.id),
        reports=[shown(report) for report in reports if report.community_id == community.id],
        stopped=await list_stopped(conn, visit.viewer, community.id, visit.now),
        kept_out=await list_refused(conn, visit.viewer, community.id),
        acts=await list_acts(conn, visit.viewer, community.id, limit=ACTS),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "moderation.html", view, status=status, is_private=True)


async def accept(visit: Visit) -> Response:
    community, person = await _request(visit)
    async with visit.services.database.write() as conn:
        await membership.accept_member(conn, community, visit.require_member(), person, visit.now)
    return _back(visit, community, "accepted")


async def refuse(visit: Visit) -> Response:
    """Not this time; the reason is for the log and the other moderators."""
    community, person = await _request(visit)
    reason = visit.form.text("reason", most=moderation.REASON_LENGTH)
    if visit.form.errors:
        async with visit.services.database.read() as conn:
            return await show_moderation(visit, conn)
    async with visit.services.database.write() as conn:
        await membership.refuse_member(
            conn, community, visit.require_member(), person, reason, visit.now
        )
    return _back(visit, community, "refused")


async def let_come_again(visit: Visit) -> Response:
    """Who is kept out may ask or join again; nobody is made a member by that."""
    community, person = await _request(visit)
    async with visit.services.database.write() as conn:
        await moderation.let_come_again(conn, community, visit.require_member(), person, visit.now)
    return _back(visit, community, "may_come_again")


async def let(visit: Visit) -> Response:
    community, person = await _request(visit)
    async with visit.services.database.write() as conn:
        await moderation.let_member(conn, visit.require_member(), community, person, "", visit.now)
    return _back(visit, community, "let")


async def close_report(visit: Visit) -> Response:
    """Looked at and done. Comes from a community's page or from the administrator's."""
    member = visit.require_member()
    report_id = read_id(visit.form.values.get("report", "")) or 0
    note = visit.form.text("note", most=moderation.REASON_LENGTH)[: moderation.REASON_LENGTH]
    async with visit.services.database.write() as conn:
        await moderation.close_report(conn, member, report_id, note, visit.now)
    if "name" not in visit.request.path_params:
        return respond.redirect(visit, "/admin", done="closed")
    async with visit.services.database.read() as conn:
        return _back(visit, await moderated(visit, conn), "closed")


async def moderated(visit: Visit, conn: Connection) -> Community:
    """The community of this path, for its moderators; to others it has no such page."""
    community = await find_community(visit, conn)
    visit.require_member()
    if not await moderates(conn, visit.viewer, community.id):
        raise NotFound
    return community


def shown(report: ReportLine) -> ShownReport:
    return ShownReport(report, Markup(report.post_html))  # noqa: S704 - cleaned when it was stored


async def _request(visit: Visit) -> tuple[Community, Actor]:
    """The community of this path and the person that the form is about."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        community = await moderated(visit, conn)
        person = await read_unfiltered(conn, read_id(visit.form.values.get("person", "")) or 0)
    if person is None:
        raise NotFound
    return community, person


def _back(visit: Visit, community: Community, done: str) -> Response:
    return respond.redirect(visit, f"{address_of(community)}/moderation", done=done)
