"""Who is visiting: from the cookie to a member, or nobody.

A cookie holds a random token; the server keeps only its hash. On https its name begins with
`__Host-`, so that no neighbouring domain can set it.
"""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from forum.site import Site
from storage.audience import NOBODY, Viewer
from storage.db import Connection
from storage.sessions import Member, read_member

LONGEST_TOKEN = 200
SESSION_AGE = 60 * 60 * 24 * 30  # seconds; the row in `sessions` decides, this only tidies


def is_secure(site: Site) -> bool:
    return site.origin.startswith("https://")


def session_cookie(site: Site) -> str:
    return "__Host-dazzle" if is_secure(site) else "dazzle"


def form_cookie(site: Site) -> str:
    """The cookie that forms of people who are not signed in are bound to."""
    return "__Host-dazzle-form" if is_secure(site) else "dazzle-form"


def read_cookie(request: Request, name: str) -> str | None:
    """A cookie's value, or None when it is absent or too long to be ours."""
    if "cookie" not in request.headers:
        return None
    value = request.cookies.get(name, "")
    return value if 0 < len(value) <= LONGEST_TOKEN and value.isascii() else None


async def member_of(conn: Connection, session: str | None, now: datetime) -> Member | None:
    """The member whose session this is; None when it has ended or there is none."""
    return None if session is None else await read_member(conn, session, now)


def viewer_of(member: Member | None) -> Viewer:
    return NOBODY if member is None else Viewer(actor_id=member.actor_id)


def begin_session(response: Response, site: Site, token: str) -> None:
    """Hand the browser its session."""
    _set(response, site, session_cookie(site), token, SESSION_AGE)


def end_session(response: Response, site: Site) -> None:
    _set(response, site, session_cookie(site), "", 0)


def bind_forms(response: Response, site: Site, key: str) -> None:
    """Hand the browser the key of its anonymous forms, until it closes."""
    _set(response, site, form_cookie(site), key, None)


def _set(response: Response, site: Site, name: str, value: str, age: int | None) -> None:
    response.set_cookie(
        name, value, max_age=age, path="/", secure=is_secure(site), httponly=True, samesite="lax"
    )
