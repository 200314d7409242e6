"""Mail, for the administrator: how it leaves, whether it arrives, and what was not sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from forum import mail
from forum.errors import Invalid, NotFound
from forum.ports import MailFailed
from storage import mails, smtp, tokens
from storage.db import Connection
from storage.mails import WaitingMail
from storage.smtp import Smtp
from web import respond
from web.mail_words import compose, kind_words
from web.pages.mail import LONGEST, LinkView
from web.paging import read_id
from web.visit import Visit

SHOWN = 200
TESTS_PER_HOUR = 10
LINKS_PER_HOUR = 100


@dataclass(frozen=True, slots=True)
class ShownMail:
    """`kind` in words; `link` is shown once, to hand an invitation over in another way."""

    mail: WaitingMail
    kind: str
    has_link: bool
    signs_in: bool
    link: str


@dataclass(frozen=True, slots=True)
class MailAdmin:
    smtp: Smtp
    waiting: list[ShownMail]


async def show_mail_settings(visit: Visit, conn: Connection) -> Response:
    return await _settings_page(visit, conn)


async def save_mail_settings(visit: Visit) -> Response:
    """Keep them; they are used once a test has arrived."""
    admin, form = visit.require_admin(), visit.form
    settings = Smtp(
        host=form.line("host", most=253, least=1),
        port=form.whole("port", least=1, most=65535),
        security=form.choice("security", mail.SECURITIES),
        username=form.line("username", most=200),
        password_sealed=None,
        sender=form.line("sender", most=LONGEST, least=3),
        tested_at=None,
    )
    with form.checked():
        form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            try:
                await mail.change_settings(
                    conn, admin, visit.services.secret, settings, form.secret("password"), visit.now
                )
            except Invalid as wrong:
                field = "sender" if wrong.field == "address" else wrong.field
                raise Invalid(wrong.code, field=field) from wrong
        return respond.redirect(visit, "/admin/mail", done="mail_saved", anchor="test")
    async with visit.services.database.read() as conn:
        return await _settings_page(visit, conn)


async def send_test(visit: Visit) -> Response:
    """Send a mail now, and tell what came of it."""
    admin, form = visit.require_admin(), visit.form
    address = form.line("address", most=LONGEST, least=3)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("mail_test", most=TESTS_PER_HOUR, per=timedelta(hours=1))
        address = mail.check_address(address)
        async with visit.services.database.write() as conn:
            settings = await smtp.read(conn)
            link = await mail.begin_test(conn, admin, visit.site.origin, visit.now)
        subject, text = compose(visit.words.locale, "test", link)
        try:
            await visit.services.mailer.send(settings, address, subject, text)
        except MailFailed as failure:
            raise Invalid(f"mail_{failure.code}", field="address") from failure
        return respond.redirect(visit, "/admin/mail", done="mail_test_sent", anchor="test")
    async with visit.services.database.read() as conn:
        return await _settings_page(visit, conn)


async def show_arrived(visit: Visit, conn: Connection) -> Response:
    visit.require_admin()
    if await tokens.read(conn, "mail_test", visit.name("token"), visit.now) is None:
        raise NotFound
    return await _page(visit, conn, "admin_mail_arrived.html", LinkView(visit.name("token")))


async def confirm_arrived(visit: Visit) -> Response:
    admin = visit.require_admin()
    async with visit.services.database.write() as conn:
        await mail.end_test(conn, admin, visit.name("token"), visit.now)
    return respond.redirect(visit, "/admin/mail", done="mail_works")


async def throw_away(visit: Visit) -> Response:
    admin, identifier = visit.require_admin(), _named(visit)
    async with visit.services.database.write() as conn:
        await mail.throw_away(conn, admin, identifier)
    return respond.redirect(visit, "/admin/mail", anchor="waiting")


async def try_again(visit: Visit) -> Response:
    """Begin anew with one that was given up."""
    admin, identifier = visit.require_admin(), _named(visit)
    async with visit.services.database.write() as conn:
        await mail.try_again(conn, admin, identifier, visit.now)
    return respond.redirect(visit, "/admin/mail", done="mail_again", anchor="waiting")


async def see_link(visit: Visit) -> Response:
    """Show the invitation that stands in one, to hand it over in another way; this is noted."""
    admin, identifier = visit.require_admin(), _named(visit)
    await visit.count("mail_link", most=LINKS_PER_HOUR, per=timedelta(hours=1))
    async with visit.services.database.write() as conn:
        link = await mail.see_link(conn, admin, identifier, visit.now)
    async with visit.services.database.read() as conn:
        return await _settings_page(visit, conn, {identifier: link})


async def _settings_page(
    visit: Visit, conn: Connection, links: Mapping[int, str] | None = None
) -> Response:
    visit.require_admin()
    waiting = [
        ShownMail(
            mail=one,
            kind=kind_words(visit.words, one.kind),
            has_link=one.kind in mail.HANDED_BY_HAND,
            signs_in=one.kind == mail.SIGN_IN_LINK,
            link=(links or {}).get(one.id, ""),
        )
        for one in await mails.list_unsent(conn, SHOWN)
    ]
    view = MailAdmin(await smtp.read(conn), waiting)
    return await _page(visit, conn, "admin_mail.html", view)


async def _page(visit: Visit, conn: Connection, template: str, view: object) -> Response:
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, template, view, here="admin", status=status, is_private=True, has_form=True
    )


def _named(visit: Visit) -> int:
    """The mail that a form is about."""
    identifier = read_id(visit.form.values.get("mail", ""))
    if identifier is None:
        raise NotFound
    return identifier
