"""Closing one's account: what happens, in plain words, and then for good."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from forum import closing, limits
from forum.passwords import verify_password
from storage.accounts import read_account
from storage.db import Connection
from web import respond
from web.pages.joining import own
from web.viewer import end_session
from web.visit import Visit


@dataclass(frozen=True, slots=True)
class ClosePage:
    name: str


async def show_close(visit: Visit, conn: Connection) -> Response:
    """What goes, what stays, and what nobody can promise."""
    member = visit.require_member()
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "close.html", ClosePage(member.name), here="you", status=status,
        is_private=True,
    )  # fmt: skip


async def close(visit: Visit) -> Response:
    """With the password, and knowingly; then the browser is signed out and holds a receipt."""
    member, form, services = visit.require_member(), visit.form, visit.services
    with form.checked():
        password = form.secret("password")
        if not form.is_ticked("sure"):
            form.fail("sure", "tick_sure")
        async with services.database.write() as conn:
            await limits.count_sign_in(
                conn, services.secret, name=member.name, address=visit.address, now=visit.now
            )
        async with services.database.read() as conn:
            account = await read_account(conn, member.actor_id)
        if account is None or not await verify_password(account.password_hash, password):
            form.fail("password", "wrong_password")
        form.stop_if_wrong()
        async with services.database.write() as conn:
            secret = await closing.close_account(conn, await own(visit, conn), visit.now)
        response = respond.redirect(visit, f"/receipts/{secret}", done="account_closed")
        end_session(response, visit.site)
        return response
    async with services.database.read() as conn:
        return await show_close(visit, conn)
