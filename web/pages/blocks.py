"""Whom and what somebody does not want to come across, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from forum import moderation, mutes
from forum.errors import Invalid, NotFound
from storage.actors import read_unfiltered
from storage.blocks import BlockedPerson, BlockedServer, list_blocked, list_blocked_hosts
from storage.db import Connection
from storage.mutes import Mute, list_mutes
from web import respond
from web.i18n import N_
from web.pages.joining import own
from web.paging import read_id
from web.visit import Visit

MOST = 500
PEOPLE = 100
LONGEST = 200
WISHES = ("word", "mute_server", "block_server")
UNDONE = ("person", "server", "mute")

# How long, in days; for good when nothing is chosen.
SPANS: dict[str, str] = {
    "": N_("until I undo it"),
    "1": N_("for a day"),
    "7": N_("for a week"),
    "30": N_("for 30 days"),
    "90": N_("for 90 days"),
    "365": N_("for a year"),
}


@dataclass(frozen=True, slots=True)
class BlocksPage:
    """`next_person` is after whom the list goes on; a list from elsewhere can name thousands."""

    people: list[BlockedPerson]
    next_person: int | None
    servers: list[BlockedServer]
    mutes: list[Mute]
    spans: list[tuple[str, str]]


async def show_blocks(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    after = read_id(visit.query("after")) or 0
    people = await list_blocked(conn, visit.viewer, after=after, limit=PEOPLE)
    view = BlocksPage(
        people=people,
        next_person=people[-1].actor_id if len(people) == PEOPLE else None,
        servers=await list_blocked_hosts(conn, visit.viewer, limit=MOST),
        mutes=await list_mutes(conn, visit.viewer, limit=MOST),
        spans=spans_of(visit),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "settings_blocks.html", view, here="you", status=status, is_private=True
    )


async def add_wish(visit: Visit) -> Response:
    """Mute a word, a topic or a server, or block a server."""
    visit.require_member()
    with visit.form.checked():
        await _add(visit)
        return respond.redirect(visit, "/settings/blocks", done="saved")
    async with visit.services.database.read() as conn:
        return await show_blocks(visit, conn)


async def undo(visit: Visit) -> Response:
    """Take back one of one's own blocks or mutes."""
    visit.require_member()
    kind, which = visit.form.choice("kind", UNDONE), visit.form.values.get("which", "")
    if visit.form.errors:
        raise NotFound
    async with visit.services.database.write() as conn:
        me = await own(visit, conn)
        if kind == "server":
            await mutes.unblock_server(conn, me, which[:LONGEST])
        elif kind == "mute":
            await mutes.unmute(conn, me, read_id(which) or 0)
        else:
            blocked = await read_unfiltered(conn, read_id(which) or 0)
            if blocked is None:
                raise NotFound
            await moderation.unblock_person(conn, me, blocked)
    return respond.redirect(visit, "/settings/blocks", done="unblocked")


def spans_of(visit: Visit) -> list[tuple[str, str]]:
    return [(days, visit.words.gettext(text)) for days, text in SPANS.items()]


def read_until(visit: Visit) -> datetime | None:
    """When it ends, None for never. Raises Invalid for a span that was not offered."""
    days = visit.form.values.get("days", "")
    if days not in SPANS:
        raise Invalid("choose_one", field="days")
    return visit.now + timedelta(days=int(days)) if days else None


async def _add(visit: Visit) -> None:
    form = visit.form
    wish = form.choice("wish", WISHES)
    value = form.line("value", most=LONGEST, least=1)
    form.stop_if_wrong()
    until = read_until(visit)
    acts = {
        "word": mutes.mute_word,
        "mute_server": mutes.mute_server,
        "block_server": mutes.block_server,
    }
    try:
        async with visit.services.database.write() as conn:
            await acts[wish](conn, await own(visit, conn), value, now=visit.now, until=until)
    except Invalid as error:
        raise Invalid(error.code, field="value") from error
