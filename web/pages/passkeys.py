"""Keys of devices: added and dropped in the settings, used at the door.

The two pages where a device is asked are the only ones that run a script, since no browser can ask
it otherwise. Everything else works without, and so do all other ways to sign in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from forum import accounts, limits, passkeys
from forum.errors import NotAllowed, NotFound
from storage import passkeys as stored
from storage.db import Connection
from storage.passkeys import Passkey
from web import respond
from web.viewer import begin_session
from web.visit import Visit, next_path

CHANGES_PER_HOUR = 30
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class KeysView:
    keys: list[Passkey]


@dataclass(frozen=True, slots=True)
class AskView:
    """`options` is what the browser asks the device; `proof` comes back with the answer."""

    options: str
    proof: str
    next: str = "/"


async def show_keys(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    view = KeysView(await stored.list_own(conn, visit.viewer))
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "settings_passkeys.html", view, here="you", status=status, is_private=True
    )


async def begin_adding(visit: Visit) -> Response:
    """Ask the device for a new key, for who knows the password."""
    member, services = visit.require_member(), visit.services
    with visit.form.checked():
        await visit.count("security", most=CHANGES_PER_HOUR, per=timedelta(hours=1))
        async with services.database.write() as conn:
            await accounts.require_password(conn, member, visit.form.secret("password"))
            options, proof = await passkeys.begin_adding(
                conn, visit.site, services.secret, member, visit.now
            )
        async with services.database.read() as conn:
            return await _device_page(
                visit, conn, "settings_passkey_add.html", AskView(options, proof)
            )
    return await _keys_again(visit)


async def add(visit: Visit) -> Response:
    member, form = visit.require_member(), visit.form
    name = form.line("name", most=LONGEST_NAME, least=1)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("security", most=CHANGES_PER_HOUR, per=timedelta(hours=1))
        async with visit.services.database.write() as conn:
            await passkeys.add(
                conn,
                visit.site,
                member,
                proof=form.values.get("proof", ""),
                answer=form.values.get("answer", ""),
                name=name,
                now=visit.now,
            )
        return respond.redirect(visit, "/settings/passkeys", done="saved")
    return await _keys_again(visit)


async def drop(visit: Visit) -> Response:
    member = visit.require_member()
    try:
        passkey_id = bytes.fromhex(visit.form.values.get("key", ""))
    except ValueError as error:
        raise NotFound from error
    async with visit.services.database.write() as conn:
        await passkeys.drop(conn, member, passkey_id)
    return respond.redirect(visit, "/settings/passkeys", done="saved")


async def begin_entering(visit: Visit) -> Response:
    """Ask whatever key the device has. Nobody is asked for a name."""
    services, now = visit.services, visit.now
    async with services.database.write() as conn:
        await limits.count_address(conn, services.secret, address=visit.address, now=now)
    return await _ask_again(visit, next_path(visit.form.values.get("next", "")))


async def enter(visit: Visit) -> Response:
    """Begin a session for the account of the key; one that the browser had before ends."""
    form, services, now = visit.form, visit.services, visit.now
    onward = next_path(form.values.get("next", ""))
    proof = form.values.get("proof", "")
    async with services.database.write() as conn:
        await limits.count_address(conn, services.secret, address=visit.address, now=now)
        is_open = await passkeys.use_proof(conn, proof, now)
    try:
        if not is_open:
            raise NotAllowed("passkey_failed")
        async with services.database.write() as conn:
            token = await passkeys.enter(
                conn, visit.site, proof=proof, answer=form.values.get("answer", ""), now=now
            )
            if visit.session is not None:
                await accounts.sign_out(conn, visit.session)
    except NotAllowed as refusal:
        form.fail("", refusal.code)
        return await _ask_again(visit, onward)
    response = respond.redirect(visit, onward)
    begin_session(response, visit.site, token)
    return response


async def _ask_again(visit: Visit, onward: str) -> Response:
    async with visit.services.database.write() as conn:
        options, proof = await passkeys.begin_entering(conn, visit.site, visit.now)
        view = AskView(options, proof, onward)
        return await _device_page(visit, conn, "sign_in_passkey.html", view)


async def _keys_again(visit: Visit) -> Response:
    async with visit.services.database.read() as conn:
        return await show_keys(visit, conn)


async def _device_page(visit: Visit, conn: Connection, template: str, view: AskView) -> Response:
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, template, view, status=status, is_private=True, has_form=True, has_script=True
    )
