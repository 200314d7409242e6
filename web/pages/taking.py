"""Taking one's own things along: asking for a copy, seeing how far it is, fetching it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import FileResponse, Response

from forum import exporting
from forum.errors import NotFound
from storage.db import Connection
from storage.exports import Export, read_latest
from web import respond
from web.visit import Visit

COPIES_PER_DAY = 5


@dataclass(frozen=True, slots=True)
class ExportView:
    """`share` is how much is done, in percent."""

    export: Export | None
    share: int


async def show_export(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    export = await read_latest(conn, visit.viewer, visit.now)
    share = 0
    if export is not None and export.total:
        share = min(99, export.done * 100 // export.total)
    view = ExportView(export, share)
    return await respond.page(
        visit, conn, "settings_export.html", view, here="you", is_private=True, has_form=True
    )


async def make_export(visit: Visit) -> Response:
    """Ask for a copy; asking twice makes one."""
    member = visit.require_member()
    await visit.count("export", most=COPIES_PER_DAY, per=timedelta(days=1))
    async with visit.services.database.write() as conn:
        await exporting.ask_for_copy(conn, member, visit.now)
    return respond.redirect(visit, "/settings/export", done="export_asked")


async def fetch_export(visit: Visit, conn: Connection) -> Response:
    """The finished file, for the person whose it is."""
    visit.require_member()
    export = await read_latest(conn, visit.viewer, visit.now)
    if export is None or export.state != "ready" or export.file is None:
        raise NotFound
    path = visit.services.data_dir / exporting.DIRECTORY / export.file
    if not path.is_file():
        raise NotFound
    response = FileResponse(path, media_type="application/zip", filename="dazzle-copy.zip")
    response.headers["cache-control"] = "private, no-store"
    for name, value in respond.security_headers(visit.site):
        response.headers[name.decode()] = value.decode()
    return response
