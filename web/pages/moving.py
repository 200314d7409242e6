"""Being another account: moving to one elsewhere, taking it back, naming one's other accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from forum import accounts, moves, moving
from forum.errors import Invalid, NotAllowed
from storage.actors import Actor, list_by_uris_unfiltered, read_unfiltered
from storage.db import Connection
from storage.moves import read_moved_unfiltered
from web import respond
from web.pages.joining import own
from web.visit import Visit

LOOKED_UP_PER_HOUR = 20
LONGEST = 300
LONGEST_URI = 2048


@dataclass(frozen=True, slots=True)
class OtherName:
    """Another account of the same person; `address` as people write it."""

    uri: str
    address: str


@dataclass(frozen=True, slots=True)
class MovePage:
    """`to` is who the person is now; `next_at` when they may move again, if not yet."""

    name: str
    host: str
    to: OtherName | None
    next_at: datetime | None
    others: list[OtherName]
    most: int


async def show_move(visit: Visit, conn: Connection) -> Response:
    """Where one is, and the two forms."""
    visit.require_member()
    me = await own(visit, conn)
    moved = await read_moved_unfiltered(conn, me.id)
    to = None if moved is None or moved.moved_to is None else moved.moved_to
    target = None if to is None else await read_unfiltered(conn, to)
    next_at = None if moved is None or moved.moved_at is None else moved.moved_at + moving.COOL_DOWN
    known = {one.uri: one for one in await list_by_uris_unfiltered(conn, me.also_known_as)}
    view = MovePage(
        name=me.name,
        host=visit.site.host,
        to=None if target is None else name_of(target),
        next_at=next_at if next_at is not None and next_at > visit.now else None,
        others=[
            name_of(known[uri]) if uri in known else OtherName(uri, uri) for uri in me.also_known_as
        ],
        most=moving.MOST_NAMES,
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "settings_move.html", view, here="you", status=status, is_private=True
    )


async def move(visit: Visit) -> Response:
    """With the password, and after looking at the new account at its own server."""
    member, form = visit.require_member(), visit.form
    address = form.line("address", most=LONGEST, least=3)
    if not form.is_ticked("sure"):
        form.fail("sure", "tick_sure")
    with form.checked():
        form.stop_if_wrong()
        await visit.count("move", most=LOOKED_UP_PER_HOUR, per=timedelta(hours=1))
        async with visit.services.database.read() as conn:
            await accounts.require_password(conn, member, form.secret("password"))
        new = await _look_up(visit, address, "address")
        software = await visit.services.resolver.software_of(new.host)
        async with visit.services.database.write() as conn:
            me = await own(visit, conn)
            await moving.move_away(conn, me, new, software=software, now=visit.now)
        return respond.redirect(visit, "/settings/move", done="moved")
    return await _again(visit)


async def come_back(visit: Visit) -> Response:
    visit.require_member()
    async with visit.services.database.write() as conn:
        await moving.come_back(conn, await own(visit, conn))
    return respond.redirect(visit, "/settings/move", done="came_back")


async def add_name(visit: Visit) -> Response:
    """Say that an account elsewhere is one's own too, and bring it here if it has moved already.

    Mastodon and GoToSocial tell of a move to followers only, and people have none here.
    """
    visit.require_member()
    other = visit.form.line("other", most=LONGEST_URI, least=3)
    with visit.form.checked():
        visit.form.stop_if_wrong()
        await visit.count("move", most=LOOKED_UP_PER_HOUR, per=timedelta(hours=1))
        found, looks = await _look_up(visit, other, "other"), visit.form.is_ticked("look")
        if looks and found.uri != other:
            raise Invalid("account_not_found", field="other")
        async with visit.services.database.write() as conn:
            me = await own(visit, conn)
            await moving.add_name(conn, me, found)
        has_moved = await visit.services.resolver.has_moved_to(found, me.uri)
        if has_moved:
            await _bring(visit, found)
        elif looks:
            raise Invalid("not_moved_yet", field="other")
        return respond.redirect(visit, "/settings/move", done="arrived" if has_moved else "saved")
    return await _again(visit)


async def _bring(visit: Visit, old: Actor) -> None:
    """In a transaction of its own: the name stands, whether or not this one may come now."""
    try:
        async with visit.services.database.write() as conn:
            me = await own(visit, conn)
            await moves.receive_move(conn, visit.site, old, me, now=visit.now)
    except NotAllowed as refusal:
        code = "moved_this_week" if refusal.code == "moved_lately" else refusal.code
        raise Invalid(code, field="other") from refusal


async def drop_name(visit: Visit) -> Response:
    visit.require_member()
    async with visit.services.database.write() as conn:
        uri = visit.form.values.get("name", "")[:2048]
        await moving.drop_name(conn, await own(visit, conn), uri)
    return respond.redirect(visit, "/settings/move", done="saved")


def name_of(actor: Actor) -> OtherName:
    return OtherName(actor.uri, f"{actor.name}@{actor.host}")


async def _look_up(visit: Visit, address: str, field: str) -> Actor:
    """An account as its own server shows it now. Raises Invalid."""
    found = await visit.services.resolver.find_actor(address)
    async with visit.services.database.read() as conn:
        actor = None if found is None else await read_unfiltered(conn, found)
    if actor is None or actor.kind != "person":
        raise Invalid("account_not_found", field=field)
    return actor


async def _again(visit: Visit) -> Response:
    async with visit.services.database.read() as conn:
        return await show_move(visit, conn)
