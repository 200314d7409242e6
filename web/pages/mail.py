"""Mail: one's own address, and signing in by a link in it.

Opening a link shows a page with a button; only the button uses it up. Programs that look at mail
before its reader does open every link.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from forum import access, accounts, limits, links, mail
from forum.errors import NotAllowed, NotFound
from forum.passwords import hash_password
from storage import addresses, tokens
from storage.accounts import Steward, list_stewards
from storage.db import Connection
from storage.sessions import Member
from web import respond
from web.pages.second_step import go_in
from web.visit import Visit, next_path

Show = Callable[[Visit, Connection], Awaitable[Response]]

HANDED_PER_DAY = 50
CHANGES_PER_HOUR = 30
ADDRESSES_PER_DAY = 5
LONGEST = 254


@dataclass(frozen=True, slots=True)
class OwnMail:
    address: str
    can_send: bool


@dataclass(frozen=True, slots=True)
class LinkView:
    token: str
    next: str = "/"


@dataclass(frozen=True, slots=True)
class HandedView:
    """`stewards` is for administrators."""

    name: str
    link: str
    stewards: list[Steward]


@dataclass(frozen=True, slots=True)
class AskView:
    can_send: bool
    is_sent: bool


async def show_own_mail(visit: Visit, conn: Connection) -> Response:
    member = visit.require_member()
    found = await addresses.read_of_account(conn, member.actor_id)
    view = OwnMail(found.address if found else "", await mail.can_send(conn))
    return await _page(visit, conn, "settings_mail.html", view, here="you")


async def change_own_mail(visit: Visit) -> Response:
    """Give an address, or take it away. Either needs the password: mail signs in."""
    member, form, services = visit.require_member(), visit.form, visit.services
    act = form.choice("act", ("give", "remove"))
    address = form.line("address", most=LONGEST, least=3) if act == "give" else ""
    password = form.secret("password")
    with form.checked():
        form.stop_if_wrong()
        await visit.count("own_mail", most=ADDRESSES_PER_DAY, per=timedelta(days=1))
        async with services.database.write() as conn:
            await accounts.require_password(conn, member, password)
            if act == "remove":
                await mail.remove_address(conn, member)
            else:
                await mail.ask_to_confirm(conn, visit.site.origin, member, address, visit.now)
        alike = act == "give" and mail.looks_alike(member.name, address)
        asked = "mail_asked_alike" if alike else "mail_asked"
        done = "mail_removed" if act == "remove" else asked
        return respond.redirect(visit, "/settings/mail", done=done)
    return await _again(visit, show_own_mail)


async def show_confirm(visit: Visit, conn: Connection) -> Response:
    member = visit.require_member()
    found = await tokens.read(conn, mail.CONFIRM_ADDRESS, visit.name("token"), visit.now)
    if found is None or found.account_id != member.actor_id:
        raise NotFound
    return await _page(visit, conn, "settings_mail_confirm.html", LinkView(visit.name("token")))


async def confirm(visit: Visit) -> Response:
    member = visit.require_member()
    async with visit.services.database.write() as conn:
        await mail.confirm_address(conn, member, visit.name("token"), visit.now)
    return respond.redirect(visit, "/settings/mail", done="mail_confirmed")


async def show_ask(visit: Visit, conn: Connection) -> Response:
    """Where somebody who has no password at hand asks for a link."""
    view = AskView(await mail.can_send(conn), visit.query("sent") == "yes")
    return await _page(visit, conn, "sign_in_mail.html", view, here="sign-in")


async def ask(visit: Visit) -> Response:
    """The same answer, whether an account has this address or not."""
    form, services = visit.form, visit.services
    address = form.line("address", most=LONGEST, least=3)
    with form.checked():
        form.stop_if_wrong()
        address = mail.check_address(address)
        async with services.database.write() as conn:
            await limits.count_link(
                conn, services.secret, mail=address, address=visit.address, now=visit.now
            )
        async with services.database.write() as conn:
            await mail.send_sign_in_link(conn, visit.site.origin, address, visit.now)
        return respond.redirect(visit, "/sign-in/mail?sent=yes")
    return await _again(visit, show_ask)


async def show_link(visit: Visit, conn: Connection) -> Response:
    """A link to sign in, from a mail or from a moderator. It is used by the button on the page."""
    if await links.read_link(conn, visit.name("token"), visit.now) is None:
        return await respond.page(visit, conn, "sign_in_link_over.html", status=404,
                                  is_private=True)  # fmt: skip
    view = LinkView(visit.name("token"), next_path(visit.query("next")))
    return await _page(visit, conn, "sign_in_link.html", view)


async def use_link(visit: Visit) -> Response:
    """Sign in, once; with a new password, if one is given."""
    password, password_hash = visit.form.secret("password"), None
    if password:
        with visit.form.checked():
            accounts.check_password(password)
        if visit.form.errors:
            return await _again(visit, show_link)
        password_hash = await hash_password(password)
    try:
        async with visit.services.database.write() as conn:
            entrance = await links.sign_in_by_link(
                conn, visit.name("token"), visit.now, password_hash
            )
    except NotFound:
        async with visit.services.database.read() as conn:
            return await show_link(visit, conn)
    except NotAllowed as refusal:
        visit.form.fail("", refusal.code)
        async with visit.services.database.read() as conn:
            return await show_ask(visit, conn)
    return await go_in(visit, entrance, "/")


async def show_people(visit: Visit, conn: Connection) -> Response:
    """Where a moderator of the server helps somebody in who lost everything else."""
    _require_helper(visit)
    return await _people_page(visit, conn, "", "")


async def hand_over(visit: Visit) -> Response:
    """Make a link for one person, shown once."""
    helper, form = _require_helper(visit), visit.form
    name, link = form.line("name", most=60, least=1), ""
    with form.checked():
        form.stop_if_wrong()
        await visit.count("handed_link", most=HANDED_PER_DAY, per=timedelta(days=1))
        try:
            async with visit.services.database.write() as conn:
                link = await links.hand_over(conn, helper, name, visit.site.origin, visit.now)
        except NotFound:
            form.fail("name", "nobody_has_this_name")
        except NotAllowed as refusal:
            form.fail("name", refusal.code)
    async with visit.services.database.read() as conn:
        return await _people_page(visit, conn, name, link)


async def change_role(visit: Visit) -> Response:
    """Say who runs this server and who moderates it, for who knows their own password."""
    admin, form = _require_helper(visit), visit.form
    if not access.may_administer(admin):
        raise NotFound
    name = form.line("whom", most=60, least=1)
    role = form.choice("role", accounts.ROLES)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("security", most=CHANGES_PER_HOUR, per=timedelta(hours=1))
        try:
            async with visit.services.database.write() as conn:
                await accounts.require_password(conn, admin, form.secret("password"))
                await accounts.change_role_of(conn, admin, name, role, visit.now)
            return respond.redirect(visit, "/admin/people", done="role_changed", anchor="stewards")
        except NotFound:
            form.fail("whom", "nobody_has_this_name")
        except NotAllowed as refusal:
            form.fail("whom", refusal.code)
    async with visit.services.database.read() as conn:
        return await _people_page(visit, conn, "", "")


async def _people_page(visit: Visit, conn: Connection, name: str, link: str) -> Response:
    is_admin = access.may_administer(_require_helper(visit))
    view = HandedView(name, link, await list_stewards(conn) if is_admin else [])
    return await _page(visit, conn, "admin_people.html", view, here="admin")


async def _page(
    visit: Visit, conn: Connection, template: str, view: object, *, here: str = ""
) -> Response:
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, template, view, here=here, status=status, is_private=True, has_form=True
    )


async def _again(visit: Visit, show: Show) -> Response:
    async with visit.services.database.read() as conn:
        return await show(visit, conn)


def _require_helper(visit: Visit) -> Member:
    """A moderator of the server; to everybody else there is no such page."""
    if visit.member is None or not access.may_help_in(visit.member, "member"):
        raise NotFound
    return visit.member
