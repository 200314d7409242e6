"""How much people may upload; for administrators."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from forum import media
from storage.db import Connection
from storage.media import bytes_of_all
from storage.site import MediaLimits, read_media_limits
from web import respond
from web.visit import Visit

MOST_MEGABYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Files:
    """`used_mb` is what all files of people here take now."""

    limits: MediaLimits
    used_mb: int


async def show_media_limits(visit: Visit, conn: Connection) -> Response:
    visit.require_admin()
    view = Files(await read_media_limits(conn), await bytes_of_all(conn) // media.MEGABYTE)
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "admin_files.html", view, here="admin", status=status, is_private=True
    )


async def save_media_limits(visit: Visit) -> Response:
    admin, form = visit.require_admin(), visit.form
    limits = MediaLimits(
        person_quota_mb=form.whole("person", least=0, most=MOST_MEGABYTES),
        media_quota_mb=form.whole("all", least=0, most=MOST_MEGABYTES),
    )
    with form.checked():
        form.stop_if_wrong()
        async with visit.services.database.write() as conn:
            await media.set_limits(conn, admin, limits)
        return respond.redirect(visit, "/admin/files", done="saved")
    async with visit.services.database.read() as conn:
        return await show_media_limits(visit, conn)
