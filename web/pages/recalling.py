"""The administrator asks one server to erase everything that it ever received from here."""

from __future__ import annotations

from starlette.responses import Response

from forum import erasing
from storage.db import Connection
from web import respond
from web.visit import Visit

LONGEST_REASON = 1000


async def show_recall(visit: Visit, conn: Connection) -> Response:
    visit.require_admin()
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "recall.html", here="admin", status=status, is_private=True
    )


async def recall(visit: Visit) -> Response:
    """Here all stays; the receipt says what that server answers."""
    admin, form = visit.require_admin(), visit.form
    host = form.line("host", most=260, least=1)
    reason = form.text("reason", most=LONGEST_REASON, least=1)
    with form.checked():
        form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            secret = await erasing.recall(conn, admin, host, reason, visit.now)
        return respond.redirect(visit, f"/receipts/{secret}", done="recalled")
    async with visit.services.database.read() as conn:
        return await show_recall(visit, conn)
