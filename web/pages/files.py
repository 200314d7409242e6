"""What is no page: the stylesheet, the icon, and the word to search engines."""

from __future__ import annotations

from starlette.responses import Response

from forum.errors import NotFound
from storage.db import Connection
from web import respond
from web.visit import Visit

ELSEWHERE = "https://www.wikipedia.org/"

ROBOTS = """\
# Pages say by themselves whether they may be listed. Nothing here may be used to train machines.
User-agent: GPTBot
User-agent: ClaudeBot
User-agent: CCBot
User-agent: Google-Extended
User-agent: Applebot-Extended
User-agent: meta-externalagent
User-agent: Bytespider
User-agent: PerplexityBot
User-agent: Amazonbot
Disallow: /

User-agent: *
Disallow: /away
Disallow: /i/
Disallow: /media/remote/
Disallow: /p/
Disallow: /receipts/
Disallow: /setup/
Disallow: /sign-in
Disallow: /sign-up
"""


async def show_robots(visit: Visit, conn: Connection) -> Response:  # noqa: ARG001 - a door's shape
    return respond.file(visit.site, ROBOTS.encode(), "text/plain; charset=utf-8", respond.FRESH)


async def show_static(visit: Visit, conn: Connection) -> Response:  # noqa: ARG001 - a door's shape
    """A file of web/static under the address that holds its hash."""
    asset = visit.web.assets.find(visit.name("file"))
    if asset is None:
        raise NotFound
    return respond.file(visit.site, asset.body, asset.media_type, respond.FOR_EVER)


async def leave_quickly(visit: Visit, conn: Connection) -> Response:  # noqa: ARG001 - a door's shape
    """An ordinary website in the place of the page, for when somebody comes into the room.

    It is told nothing of where people come from: the referrer policy keeps that here.
    """
    return respond.see_other(visit.site, ELSEWHERE)
