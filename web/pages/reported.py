"""Direct messages that somebody reported: one by one, and each look is noted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup
from starlette.responses import Response

from forum import access, moderation
from forum.errors import NotFound
from storage.reports import ReportedMessage
from web import respond
from web.paging import read_id
from web.visit import Visit

LOOKS_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class ReportedPage:
    report: ReportedMessage
    html: Markup


async def see_message(visit: Visit) -> Response:
    """The message that was reported, for an administrator; nothing else of the conversation."""
    member = visit.member
    if member is None or not access.may_administer(member):
        raise NotFound
    await visit.count("see_message", most=LOOKS_PER_HOUR, per=timedelta(hours=1))
    report_id = read_id(visit.form.values.get("report", "")) or 0
    async with visit.services.database.write() as conn:
        found = await moderation.see_message(conn, member, report_id, visit.now)
    view = ReportedPage(found, Markup(found.html))  # noqa: S704 - cleaned when it was stored
    async with visit.services.database.read() as conn:
        return await respond.page(visit, conn, "admin_message.html", view, is_private=True)
