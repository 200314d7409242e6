"""The second step of signing in, and coming back with a recovery code.

What was proved in the first step stands in a hidden field, never in an address.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from forum import accounts, limits, second_factor
from forum.errors import NotAllowed, NotFound
from forum.passwords import hash_password
from forum.second_factor import Entrance
from storage.db import Connection
from web import respond
from web.viewer import begin_session
from web.visit import Visit, next_path

LONGEST_NAME = 60
LONGEST_CODE = 40


@dataclass(frozen=True, slots=True)
class StepView:
    half: str
    next: str


async def go_in(visit: Visit, entrance: Entrance, onward: str) -> Response:
    """Begin the session in this browser, or ask for the code first."""
    if entrance.session is not None:
        response = respond.redirect(visit, onward)
        begin_session(response, visit.site, entrance.session)
        return response
    async with visit.services.database.read() as conn:
        return await _step_page(visit, conn, StepView(entrance.half or "", onward))


async def second_step(visit: Visit) -> Response:
    """The code of the generator, or one from paper."""
    form, services, now = visit.form, visit.services, visit.now
    view = StepView(form.values.get("half", ""), next_path(form.values.get("next", "")))
    code = form.line("code", most=LONGEST_CODE, least=1)
    with form.checked():
        form.stop_if_wrong()
        async with services.database.write() as conn:
            account_id = await second_factor.account_of_half(conn, view.half, now)
            await limits.count_code(
                conn, services.secret, account_id=account_id, address=visit.address, now=now
            )
        try:
            async with services.database.write() as conn:
                token = await second_factor.finish(conn, services.secret, view.half, code, now)
            return await go_in(visit, Entrance(token, None), view.next)
        except NotFound:
            return respond.redirect(visit, "/sign-in", done="second_step_over")
        except NotAllowed as refusal:
            form.fail("code", refusal.code)
    async with services.database.read() as conn:
        return await _step_page(visit, conn, view)


async def show_recovery(visit: Visit, conn: Connection) -> Response:
    return await _recovery_page(visit, conn)


async def recover(visit: Visit) -> Response:
    """A code from paper and a new password, for whoever forgot the old one."""
    form, services, now = visit.form, visit.services, visit.now
    name = form.line("name", most=LONGEST_NAME, least=1)
    code = form.line("code", most=LONGEST_CODE, least=1)
    password = form.secret("password")
    with form.checked():
        accounts.check_password(password)
    with form.checked():
        form.stop_if_wrong()
        async with services.database.write() as conn:
            await limits.count_sign_in(
                conn, services.secret, name=name, address=visit.address, now=now
            )
        password_hash = await hash_password(password)
        try:
            async with services.database.write() as conn:
                entrance = await second_factor.recover(conn, name, code, password_hash, now)
            return await go_in(visit, entrance, "/settings/security")
        except NotAllowed as refusal:
            form.fail("code", refusal.code)
    async with services.database.read() as conn:
        return await _recovery_page(visit, conn)


async def _step_page(visit: Visit, conn: Connection, view: StepView) -> Response:
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "sign_in_code.html", view, here="sign-in", status=status, is_private=True,
        has_form=True,
    )  # fmt: skip


async def _recovery_page(visit: Visit, conn: Connection) -> Response:
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "sign_in_recovery.html", None, here="sign-in", status=status,
        is_private=True, has_form=True,
    )  # fmt: skip
