"""The administrator's page: the server's own facts, other servers, new accounts, reports."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from forum import accounts, policy, setup
from forum.text import compose_text
from storage.accounts import WaitingAccount, list_waiting
from storage.db import Connection
from storage.instances import Instance, list_decided
from storage.reports import MessageReport, list_of_messages, list_open
from storage.site import SiteRow, read_site
from web import respond
from web.pages.moderation import REPORTS, ShownReport, shown
from web.pages.server_health import ShownServer, list_shown
from web.paging import read_id
from web.visit import Visit

WAITING = 100
SERVERS = 500
LONGEST_REASON = 1000
DECISIONS = {
    "block": (policy.block_server, "server_blocked"),
    "unblock": (policy.unblock_server, "server_unblocked"),
    "allow": (policy.allow_server, "server_allowed"),
}


@dataclass(frozen=True, slots=True)
class AdminPage:
    site: SiteRow
    waiting: list[WaitingAccount]
    servers: list[Instance]
    ill_servers: list[ShownServer]
    reports: list[ShownReport]
    messages: list[MessageReport]


async def show_admin(visit: Visit, conn: Connection) -> Response:
    visit.require_admin()
    view = AdminPage(
        site=await read_site(conn),
        waiting=await list_waiting(conn, limit=WAITING),
        servers=await list_decided(conn, limit=SERVERS),
        ill_servers=await list_shown(conn, visit.now),
        reports=[shown(report) for report in await list_open(conn, visit.viewer, limit=REPORTS)],
        messages=await list_of_messages(conn, visit.viewer, limit=REPORTS),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "admin.html", view, here="admin", status=status, is_private=True
    )


async def save_facts(visit: Visit) -> Response:
    """Name, contact, the text about the server, and who can make an account."""
    admin, form, services = visit.require_admin(), visit.form, visit.services
    title = form.line("title", most=100, least=1)
    contact = form.line("contact", most=200, least=1)
    signup = form.choice("signup", setup.SIGNUPS)
    with form.checked():
        form.stop_if_wrong()
        about = await compose_text(
            services.renderer, form.text("about", most=20_000), field="about", most=20_000
        )
        async with services.database.write() as conn:
            await setup.change_facts(
                conn, admin, title=title, contact=contact, signup=signup, about=about
            )
        visit.web.facts.forget()
        return respond.redirect(visit, "/admin", done="saved")
    async with services.database.read() as conn:
        return await show_admin(visit, conn)


async def choose_mode(visit: Visit) -> Response:
    """With which other servers posts are exchanged, and whether they must say who they are."""
    admin, form = visit.require_admin(), visit.form
    mode = form.choice("federation_mode", policy.MODES)
    with form.checked():
        form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            await policy.set_mode(conn, admin, mode, visit.now)
            await policy.set_signed_fetch(conn, admin, form.is_ticked("signed_fetch"), visit.now)
        visit.web.facts.forget()
        return respond.redirect(visit, "/admin", done="saved", anchor="servers")
    async with visit.services.database.read() as conn:
        return await show_admin(visit, conn)


async def decide_server(visit: Visit) -> Response:
    """Block, unblock or allow one server."""
    admin, form = visit.require_admin(), visit.form
    host = form.line("host", most=260, least=1)
    decision = form.choice("decision", DECISIONS)
    reason = form.text("reason", most=LONGEST_REASON)
    if decision == "block" and not reason:
        form.fail("reason", "missing")
    with form.checked():
        form.stop_if_wrong()
        act, done = DECISIONS[decision]
        async with visit.services.database.write() as conn:
            await act(conn, admin, host, reason, visit.now)
        visit.web.facts.forget()
        return respond.redirect(visit, "/admin", done=done, anchor="servers")
    async with visit.services.database.read() as conn:
        return await show_admin(visit, conn)


async def approve(visit: Visit) -> Response:
    """Let a new account in."""
    admin = visit.require_admin()
    person = read_id(visit.form.values.get("person", "")) or 0
    async with visit.services.database.write() as conn:
        link = f"{visit.site.origin}/sign-in"
        await accounts.let_in(conn, admin, person, visit.now, link=link)
    return respond.redirect(visit, "/admin", done="approved", anchor="accounts")
