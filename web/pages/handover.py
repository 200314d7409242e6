"""Handing an account over to the person whom it was about."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from forum import accounts, handover, limits
from forum.passwords import hash_password, verify_password
from storage.accounts import read_account
from storage.db import Connection
from web import respond
from web.consent_words import text_of, title_of
from web.pages.joining import own
from web.viewer import begin_session
from web.visit import Visit

AGREED_TO = ("account", "community")


@dataclass(frozen=True, slots=True)
class HandOverPage:
    """What the person agrees to who has the account from now on."""

    texts: list[tuple[str, str]]


async def show_hand_over(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    status = 422 if visit.form.errors else 200
    view = HandOverPage(
        [(title_of(visit.words, one), text_of(visit.words, one)) for one in AGREED_TO]
    )
    return await respond.page(
        visit, conn, "hand_over.html", view, here="you", status=status, is_private=True
    )


async def hand_over(visit: Visit) -> Response:
    """Another password and name; whoever sits here now is signed in, all others are not."""
    member, form, services = visit.require_member(), visit.form, visit.services
    shown_name = form.line("shown_name", most=handover.SHOWN_NAME_LENGTH, least=1)
    if not form.is_ticked("agreed"):
        form.fail("agreed", "missing")
    with form.checked():
        accounts.check_password(form.secret("password"))
        form.stop_if_wrong()
        await _require_old(visit)
        form.stop_if_wrong()
        password_hash = await hash_password(form.secret("password"))
        async with services.database.write() as conn:
            token = await handover.hand_over(
                conn, visit.site, await own(visit, conn), shown_name=shown_name,
                password_hash=password_hash, locale=visit.words.locale, now=visit.now,
            )  # fmt: skip
        response = respond.redirect(visit, f"/u/{member.name}", done="handed_over")
        begin_session(response, visit.site, token)
        return response
    async with services.database.read() as conn:
        return await show_hand_over(visit, conn)


async def _require_old(visit: Visit) -> None:
    """The password until now, counted like signing in; noted in the form when it is wrong."""
    member, services = visit.require_member(), visit.services
    async with services.database.write() as conn:
        await limits.count_sign_in(
            conn, services.secret, name=member.name, address=visit.address, now=visit.now
        )
    async with services.database.read() as conn:
        account = await read_account(conn, member.actor_id)
    if account is None or not await verify_password(
        account.password_hash, visit.form.secret("old")
    ):
        visit.form.fail("old", "wrong_password")
