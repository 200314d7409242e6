"""How safe an account is: where it is signed in, the second step, codes on paper, quiet hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import segno
from markupsafe import Markup
from starlette.responses import Response

from forum import accounts, second_factor
from forum.errors import NotFound
from storage import second_factor as stored
from storage import sessions
from storage.db import Connection
from storage.sessions import Session
from web import respond
from web.paging import read_id
from web.visit import Visit

CHANGES_PER_HOUR = 30
IDLE = (0, 15, 60, 240, 1440)
LONGEST_CODE = 40


@dataclass(frozen=True, slots=True)
class Security:
    """`codes` are shown once, when they are made."""

    sessions: list[Session]
    this: int
    idle_minutes: int
    has_second_step: bool
    codes_left: int
    codes: list[str]
    idle: tuple[int, ...] = IDLE


@dataclass(frozen=True, slots=True)
class GeneratorView:
    picture: Markup
    secret: str


async def show_security(visit: Visit, conn: Connection) -> Response:
    return await _page(visit, conn, [])


async def end_sessions(visit: Visit) -> Response:
    """Sign out one place, or all but this one."""
    member = visit.require_member()
    named = visit.form.values.get("session", "")
    async with visit.services.database.write() as conn:
        if named == "others":
            await sessions.end_others(conn, member.actor_id, member.session_id)
        else:
            identifier = read_id(named)
            if identifier is None:
                raise NotFound
            await sessions.end_one(conn, member.actor_id, identifier)
    return respond.redirect(visit, "/settings/security", done="signed_out_there")


async def choose_idle(visit: Visit) -> Response:
    """Sign out by itself, for whoever shares a screen."""
    member = visit.require_member()
    minutes = visit.form.whole("minutes", least=0, most=1440)
    with visit.form.checked():
        if minutes not in IDLE:
            visit.form.fail("minutes", "choose_one")
        visit.form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            await sessions.set_idle(conn, member, minutes or None, visit.now)
        return respond.redirect(visit, "/settings/security", done="saved")
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, [])


async def make_codes(visit: Visit) -> Response:
    """New codes on paper, for who knows the password. They are shown once."""
    member = visit.require_member()
    codes: list[str] = []
    with visit.form.checked():
        await _ask_password(visit)
        async with visit.services.database.write() as conn:
            codes = await second_factor.new_codes(conn, member)
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, codes)


async def begin_second_step(visit: Visit) -> Response:
    member = visit.require_member()
    with visit.form.checked():
        await _ask_password(visit)
        async with visit.services.database.write() as conn:
            await second_factor.begin(conn, visit.services.secret, member)
        return respond.redirect(visit, "/settings/security/code")
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, [])


async def show_generator(visit: Visit, conn: Connection) -> Response:
    """The picture and the words for the program that makes codes."""
    member = visit.require_member()
    plain = await second_factor.waiting_secret(conn, visit.services.secret, member)
    if plain is None:
        raise NotFound
    address = second_factor.address_of(plain, member.name, visit.site.host)
    drawn = segno.make(address, micro=False).svg_inline(scale=4, border=3, light="#fff")
    picture = Markup(drawn)  # noqa: S704 - drawn here, from numbers
    spaced = " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "settings_code.html", GeneratorView(picture, spaced), here="you",
        status=status, is_private=True,
    )  # fmt: skip


async def confirm_second_step(visit: Visit) -> Response:
    member = visit.require_member()
    code = visit.form.line("code", most=LONGEST_CODE, least=1)
    with visit.form.checked():
        visit.form.stop_if_wrong()
        await _count(visit)
        async with visit.services.database.write() as conn:
            codes = await second_factor.confirm(
                conn, visit.services.secret, member, code, visit.now
            )
        async with visit.services.database.read() as conn:
            return await _page(visit, conn, codes)
    async with visit.services.database.read() as conn:
        return await show_generator(visit, conn)


async def end_second_step(visit: Visit) -> Response:
    member = visit.require_member()
    with visit.form.checked():
        await _ask_password(visit)
        async with visit.services.database.write() as conn:
            await second_factor.turn_off(conn, member)
        return respond.redirect(visit, "/settings/security", done="second_step_off")
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, [])


async def _ask_password(visit: Visit) -> None:
    """Raises Invalid, TooMany."""
    await _count(visit)
    async with visit.services.database.read() as conn:
        await accounts.require_password(conn, visit.require_member(), visit.form.secret("password"))


async def _count(visit: Visit) -> None:
    await visit.count("security", most=CHANGES_PER_HOUR, per=timedelta(hours=1))


async def _page(visit: Visit, conn: Connection, codes: list[str]) -> Response:
    member = visit.require_member()
    generator = await stored.read(conn, member.actor_id)
    view = Security(
        sessions=await sessions.list_own(conn, visit.viewer, visit.now),
        this=member.session_id,
        idle_minutes=member.idle_minutes or 0,
        has_second_step=generator is not None and generator.since is not None,
        codes_left=await stored.count_codes(conn, member.actor_id),
        codes=codes,
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "settings_security.html", view, here="you", status=status, is_private=True
    )
