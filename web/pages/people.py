"""A person's page, and a member's own settings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response

from forum import access, accounts, limits
from forum.errors import NotAllowed, NotFound
from forum.passwords import hash_password
from forum.text import clean_characters
from storage.actors import Actor, read_person, read_person_by_id
from storage.audience import UNKNOWN_SERVER
from storage.db import Connection
from storage.threads import list_by_author
from web import respond
from web.i18n import LOCALES
from web.pages.front import LINES, Line, lines_of
from web.paging import read_id
from web.viewer import begin_session
from web.visit import Visit


@dataclass(frozen=True, slots=True)
class PersonPage:
    person: Actor
    about: Markup
    lines: list[Line]
    older: str
    is_self: bool
    moved_to: Actor | None


@dataclass(frozen=True, slots=True)
class SettingsPage:
    name: str
    locales: tuple[tuple[str, str], ...]
    locale: str
    may_help_in: bool


async def show_person(visit: Visit, conn: Connection) -> Response:
    """A name and what it wrote in public; to oneself, everything one started."""
    name = visit.name("name")
    if clean_characters(name) != name:
        raise NotFound
    person = await read_person(conn, visit.viewer, name)
    if person is None:
        raise NotFound
    if visit.member is None and respond.wants_activity(visit.request):
        known = await read_person(conn, UNKNOWN_SERVER, name)
        if known is not None:
            return respond.see_other(visit.site, known.uri)
    is_self = person.id == visit.viewer.actor_id
    threads = await list_by_author(
        conn, visit.viewer, person.id, is_public=not is_self,
        before=read_id(visit.query("before")), limit=LINES + 1,
    )  # fmt: skip
    older = ""
    if len(threads) > LINES:
        older = f"/u/{person.name}?" + urlencode({"before": threads[LINES - 1].id})
    view = PersonPage(
        person=person,
        about=Markup(person.summary_html),  # noqa: S704 - cleaned when it was stored
        lines=await lines_of(visit, conn, threads[:LINES]),
        older=older,
        is_self=is_self,
        moved_to=await _new_account(visit, conn, person),
    )
    return await respond.page(visit, conn, "person.html", view, is_private=is_self)


async def _new_account(visit: Visit, conn: Connection, person: Actor) -> Actor | None:
    """Who they are now, if they moved to where the visitor may look."""
    if person.moved_to is None:
        return None
    return await read_person_by_id(conn, visit.viewer, person.moved_to)


async def show_settings(visit: Visit, conn: Connection) -> Response:
    member = visit.require_member()
    view = SettingsPage(
        name=member.name,
        locales=tuple(LOCALES.items()),
        locale=visit.words.locale,
        may_help_in=access.may_help_in(member, "member"),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "settings.html", view, here="you", status=status)


async def choose_language(visit: Visit) -> Response:
    member = visit.require_member()
    locale = visit.form.choice("locale", LOCALES)
    if visit.form.errors:
        raise NotFound
    async with visit.services.database.write() as conn:
        await accounts.choose_language(conn, member, locale)
    return respond.redirect(visit, "/settings", done="saved")


async def change_password(visit: Visit) -> Response:
    """A new password ends all sessions and begins one here."""
    member, form, services = visit.require_member(), visit.form, visit.services
    with form.checked():
        old, new = form.secret("old"), form.secret("password")
        accounts.check_password(new)
        async with services.database.write() as conn:
            await limits.count_sign_in(
                conn, services.secret, name=member.name, address=visit.address, now=visit.now
            )
        try:
            async with services.database.write() as conn:
                await accounts.sign_in(conn, member.name, old, visit.now)
        except NotAllowed:
            form.fail("old", "wrong_password")
        form.stop_if_wrong()
        password_hash = await hash_password(new)
        async with services.database.write() as conn:
            await accounts.set_password(conn, member.actor_id, password_hash)
            token = await accounts.sign_in(conn, member.name, new, visit.now)
        response = respond.redirect(visit, "/settings", done="saved")
        begin_session(response, visit.site, token)
        return response
    async with services.database.read() as conn:
        return await show_settings(visit, conn)
