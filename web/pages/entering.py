"""Coming in and going out: sign up, sign in, sign out, and the first visit of an empty server."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from forum import accounts, limits, setup
from forum.errors import NotAllowed, NotFound
from forum.keypairs import new_keypair
from forum.passwords import hash_password
from forum.policy import MODES
from forum.second_factor import enter
from storage import site_invitations
from storage.db import Connection
from storage.site import SiteRow
from web import respond
from web.pages.second_step import go_in
from web.viewer import begin_session, end_session, read_cookie, session_cookie
from web.visit import Visit, next_path

LONGEST_NAME = 60
LONGEST_TITLE = 100
LONGEST_INVITATION = 100


@dataclass(frozen=True, slots=True)
class EnterView:
    """`invitation` is the token with which somebody may make an account here, if they have one."""

    site: SiteRow
    next: str
    invitation: str = ""


@dataclass(frozen=True, slots=True)
class SetupView:
    token: str
    host: str
    disease: str | None


async def show_sign_up(visit: Visit, conn: Connection) -> Response:
    if visit.member is not None:
        return respond.redirect(visit, next_path(visit.query("next")))
    return await _sign_up_page(visit, conn, next_path(visit.query("next")))


async def show_invited(visit: Visit, conn: Connection) -> Response:
    """The form for whoever was invited to this server."""
    token = visit.name("token")
    if not await site_invitations.is_valid(conn, token[:LONGEST_INVITATION], visit.now):
        return await respond.page(visit, conn, "invitation_over.html", status=404, is_private=True)
    if visit.member is not None:
        return respond.redirect(visit, "/")
    view = EnterView(await visit.web.facts.read(conn), "/", token)
    return await respond.page(
        visit, conn, "sign_up.html", view, here="sign-up", is_private=True, has_form=True
    )


async def sign_up(visit: Visit) -> Response:
    """Make an account and sign in to it at once, even where a person has to approve it first."""
    form, services, now = visit.form, visit.services, visit.now
    onward = next_path(form.values.get("next", ""))
    name = form.line("name", most=LONGEST_NAME, least=1)
    password = form.secret("password")
    answer = form.text("answer", most=accounts.ANSWER_LENGTH)
    invitation = form.values.get("invitation", "")[:LONGEST_INVITATION]
    if not form.is_ticked("old_enough"):
        form.fail("old_enough", "too_young")
    _check_new_account(visit, name, password)
    with form.checked():
        form.stop_if_wrong()
        async with services.database.write() as conn:
            await limits.count_sign_up(conn, services.secret, address=visit.address, now=now)
        password_hash, keypair = await hash_password(password), await new_keypair()
        async with services.database.write() as conn:
            actor = await accounts.sign_up(
                conn,
                services.site,
                name=name,
                password_hash=password_hash,
                keypair=keypair,
                now=now,
                answer=answer,
                invitation=invitation,
            )
            token = await accounts.begin_first_session(conn, actor, visit.words.locale, now)
            await _end_old_session(visit, conn)
            is_waiting = (await visit.web.facts.read(conn)).signup == "approval" and not invitation
        return _enter(visit, token, onward, done="waiting" if is_waiting else "signed_up")
    async with services.database.read() as conn:
        return await _sign_up_page(visit, conn, onward)


async def show_sign_in(visit: Visit, conn: Connection) -> Response:
    if visit.member is not None:
        return respond.redirect(visit, next_path(visit.query("next")))
    return await _sign_in_page(visit, conn, next_path(visit.query("next")))


async def sign_in(visit: Visit) -> Response:
    """Begin a session with a token of its own; one that the browser had before ends."""
    form, services, now = visit.form, visit.services, visit.now
    onward = next_path(form.values.get("next", ""))
    name = form.line("name", most=LONGEST_NAME, least=1)
    password = form.secret("password")
    with form.checked():
        form.stop_if_wrong()
        async with services.database.write() as conn:
            await limits.count_sign_in(
                conn, services.secret, name=name, address=visit.address, now=now
            )
        try:
            async with services.database.write() as conn:
                account_id = await accounts.prove(conn, name, password)
                entrance = await enter(conn, account_id, now)
                await _end_old_session(visit, conn)
            return await go_in(visit, entrance, onward)
        except NotAllowed as refusal:
            form.fail("name", refusal.code)
    async with services.database.read() as conn:
        return await _sign_in_page(visit, conn, onward)


async def sign_out(visit: Visit) -> Response:
    """End the session here and on the server."""
    async with visit.services.database.write() as conn:
        await _end_old_session(visit, conn)
    response = respond.redirect(visit, "/", done="signed_out")
    end_session(response, visit.site)
    return response


async def show_setup(visit: Visit, conn: Connection) -> Response:
    """The first visit, for whoever holds the one-time link."""
    await _require_setup_token(visit, conn)
    return await _setup_page(visit, conn)


async def set_up(visit: Visit) -> Response:
    """Answer the first questions; the administrator is signed in at once."""
    form, services, now = visit.form, visit.services, visit.now
    async with services.database.read() as conn:
        await _require_setup_token(visit, conn)
    title = form.line("title", most=LONGEST_TITLE, least=1)
    contact = form.line("contact", most=200, least=1)
    signup = form.choice("signup", setup.SIGNUPS)
    mode = form.choice("federation_mode", MODES)
    name = form.line("name", most=LONGEST_NAME, least=1)
    password = form.secret("password")
    _check_new_account(visit, name, password)
    with form.checked():
        form.stop_if_wrong()
        password_hash, keypair = await hash_password(password), await new_keypair()
        async with services.database.write() as conn:
            admin = await setup.complete_setup(
                conn, services.site, token=visit.name("token"), title=title, contact=contact,
                signup=signup, federation_mode=mode, name=name, password_hash=password_hash,
                keypair=keypair, now=now,
            )  # fmt: skip
            token = await accounts.begin_first_session(conn, admin, visit.words.locale, now)
        visit.web.facts.forget()
        return _enter(visit, token, "/communities", done="set_up")
    async with services.database.read() as conn:
        return await _setup_page(visit, conn)


def _check_new_account(visit: Visit, name: str, password: str) -> None:
    """Say at once all that is wrong with a new name and password."""
    with visit.form.checked():
        accounts.check_name(name)
    with visit.form.checked():
        accounts.check_password(password)


def _enter(visit: Visit, token: str, onward: str, *, done: str = "") -> Response:
    response = respond.redirect(visit, onward, done=done)
    begin_session(response, visit.site, token)
    return response


async def _end_old_session(visit: Visit, conn: Connection) -> None:
    old = read_cookie(visit.request, session_cookie(visit.site))
    if old is not None:
        await accounts.sign_out(conn, old)


async def _sign_up_page(visit: Visit, conn: Connection, onward: str) -> Response:
    invitation = visit.form.values.get("invitation", "")[:LONGEST_INVITATION]
    view = EnterView(await visit.web.facts.read(conn), onward, invitation)
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "sign_up.html", view, here="sign-up", status=status, has_form=True
    )


async def _sign_in_page(visit: Visit, conn: Connection, onward: str) -> Response:
    view = EnterView(await visit.web.facts.read(conn), onward)
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "sign_in.html", view, here="sign-in", status=status, has_form=True
    )


async def _require_setup_token(visit: Visit, conn: Connection) -> None:
    site = await visit.web.facts.read(conn)
    if site.set_up_at is not None or not await setup.is_setup_token(conn, visit.name("token")):
        raise NotFound


async def _setup_page(visit: Visit, conn: Connection) -> Response:
    host = visit.site.host
    view = SetupView(visit.name("token"), host, setup.names_a_disease(host))
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "setup.html", view, status=status, is_private=True, has_form=True
    )
