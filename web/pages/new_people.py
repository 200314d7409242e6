"""What new people are asked, and invitations to this server; for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from forum import accounts, mail, setup, site_invitations
from forum.errors import NotFound
from storage.db import Connection
from storage.site import SiteRow, read_site
from storage.site_invitations import SiteInvitation
from web import respond
from web.paging import read_id
from web.visit import Visit

LINKS_PER_DAY = 100
BATCHES_PER_DAY = 20
LONGEST_REASON = 500
LONGEST_LIST = 20_000


@dataclass(frozen=True, slots=True)
class NewPeople:
    """`link` is shown once, when it is made."""

    site: SiteRow
    link: str
    links: list[SiteInvitation]
    sends_mail: bool


@dataclass(frozen=True, slots=True)
class ReasonView:
    reason: str


async def show_sign_up_settings(visit: Visit, conn: Connection) -> Response:
    return await _page(visit, conn, "")


async def save_sign_up_settings(visit: Visit) -> Response:
    admin, form = visit.require_admin(), visit.form
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
    admin, form, link = visit.require_admin(), visit.form, ""
    uses = form.whole("uses", least=1, most=site_invitations.USES.stop - 1)
    days = form.whole("days", least=1, most=site_invitations.DAYS.stop - 1)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("site_invitation", most=LINKS_PER_DAY, per=timedelta(days=1))
        async with visit.services.database.write() as conn:
            token = await site_invitations.invite(conn, admin, uses=uses, days=days, now=visit.now)
        link = f"{visit.site.origin}/sign-up/{token}"
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, link)


async def invite_by_mail(visit: Visit) -> Response:
    """Write to a list of addresses: each gets a link of its own, in a mail that names nothing."""
    admin, form = visit.require_admin(), visit.form
    addresses = form.text("addresses", most=LONGEST_LIST, least=1)
    days = form.whole("days", least=1, most=site_invitations.DAYS.stop - 1)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("site_invitation_mail", most=BATCHES_PER_DAY, per=timedelta(days=1))
        async with visit.services.database.write() as conn:
            await site_invitations.invite_by_mail(
                conn, admin, visit.site, addresses,
                days=days, locale=visit.words.locale, now=visit.now,
            )  # fmt: skip
        return respond.redirect(visit, "/admin/mail", done="site_invited", anchor="waiting")
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, "")


async def end_invitation(visit: Visit) -> Response:
    """Let one link be used no more, or all of them."""
    admin, named = visit.require_admin(), visit.form.values.get("link", "")
    async with visit.services.database.write() as conn:
        if named == "all":
            await site_invitations.end_all(conn, admin)
        else:
            await site_invitations.end(conn, admin, _hash_of(named))
    return respond.redirect(visit, "/admin/sign-up", done="links_of_site_ended", anchor="links")


async def show_reason(visit: Visit, conn: Connection) -> Response:
    """Why an account was not opened, for who got the link by mail."""
    reason = await accounts.read_reason(conn, visit.name("token"), visit.now)
    if reason is None:
        raise NotFound
    return await respond.page(visit, conn, "turned_away.html", ReasonView(reason), is_private=True)


async def turn_away(visit: Visit) -> Response:
    """Do not open an account that waits."""
    admin = visit.require_admin()
    person = read_id(visit.form.values.get("person", "")) or 0
    reason = visit.form.text("reason", most=LONGEST_REASON)
    async with visit.services.database.write() as conn:
        await accounts.turn_away(
            conn, admin, person, reason[:LONGEST_REASON], visit.now, origin=visit.site.origin
        )
    return respond.redirect(visit, "/admin", done="turned_away", anchor="accounts")


async def _page(visit: Visit, conn: Connection, link: str) -> Response:
    admin = visit.require_admin()
    view = NewPeople(
        site=await read_site(conn),
        link=link,
        links=await site_invitations.list_open(conn, admin, visit.now),
        sends_mail=await mail.can_send(conn),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "admin_sign_up.html", view, here="admin", status=status, is_private=True
    )


def _hash_of(named: str) -> bytes:
    try:
        return bytes.fromhex(named)
    except ValueError as error:
        raise NotFound from error
