"""What new people are asked, and invitations to this server; for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from forum import access, accounts, setup
from forum.errors import NotFound
from storage.db import Connection
from storage.sessions import Member
from storage.site import SiteRow, read_site
from web import respond
from web.paging import read_id
from web.visit import Visit

LINKS_PER_DAY = 100
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class NewPeople:
    """`link` is shown once, when it is made."""

    site: SiteRow
    link: str


async def show_sign_up_settings(visit: Visit, conn: Connection) -> Response:
    return await _page(visit, conn, "")


async def save_sign_up_settings(visit: Visit) -> Response:
    admin, form = _require_admin(visit), visit.form
    question = form.text("question", most=setup.QUESTION_LENGTH)
    minimum_age = form.whole("minimum_age", least=setup.AGES.start, most=setup.AGES.stop - 1)
    with form.checked():
        form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            await setup.change_signup(conn, admin, question=question, minimum_age=minimum_age)
        visit.web.facts.forget()
        return respond.redirect(visit, "/admin/sign-up", done="saved")
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, "")


async def invite(visit: Visit) -> Response:
    """Make a link, shown once and kept nowhere in readable form."""
    admin, form, link = _require_admin(visit), visit.form, ""
    uses = form.whole("uses", least=1, most=accounts.INVITATION_USES.stop - 1)
    days = form.whole("days", least=1, most=accounts.INVITATION_DAYS.stop - 1)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("site_invitation", most=LINKS_PER_DAY, per=timedelta(days=1))
        async with visit.services.database.write() as conn:
            token = await accounts.invite(conn, admin, uses=uses, days=days, now=visit.now)
        link = f"{visit.site.origin}/sign-up/{token}"
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, link)


async def turn_away(visit: Visit) -> Response:
    """Do not open an account that waits."""
    admin = _require_admin(visit)
    person = read_id(visit.form.values.get("person", "")) or 0
    reason = visit.form.text("reason", most=LONGEST_REASON)
    async with visit.services.database.write() as conn:
        await accounts.turn_away(conn, admin, person, reason[:LONGEST_REASON], visit.now)
    return respond.redirect(visit, "/admin", done="turned_away", anchor="accounts")


async def _page(visit: Visit, conn: Connection, link: str) -> Response:
    _require_admin(visit)
    view = NewPeople(await read_site(conn), link)
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "admin_sign_up.html", view, here="admin", status=status, is_private=True
    )


def _require_admin(visit: Visit) -> Member:
    """The administrator; to everybody else there is no such page."""
    if visit.member is None or not access.may_administer(visit.member):
        raise NotFound
    return visit.member
