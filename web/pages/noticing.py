"""What others can notice: whether support is told, and what this screen shows."""

from __future__ import annotations

from starlette.responses import Response

from forum import support
from storage.choices import Choices, read_choices
from storage.db import Connection
from web import respond
from web.visit import Visit


async def show_choices(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    view = await read_choices(conn, visit.viewer)
    return await respond.page(
        visit, conn, "settings_noticing.html", view, here="you", is_private=True
    )


async def choose(visit: Visit) -> Response:
    member, form = visit.require_member(), visit.form
    choices = Choices(
        tells_likes=form.is_ticked("tells_likes"), is_neutral=form.is_ticked("is_neutral")
    )
    async with visit.services.database.write() as conn:
        await support.choose(conn, member, choices)
    return respond.redirect(visit, "/settings/noticing", done="saved")
