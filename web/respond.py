"""Answers: pages, redirects and files, each with the headers that browsers are owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import Response

from forum.site import Site
from storage.db import Connection
from storage.site import SiteRow
from web.i18n import LOCALES
from web.messages import done_words
from web.viewer import bind_forms, is_secure
from web.visit import CachedPage, Visit

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
CSP = b"content-security-policy"
ALONE = b"sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
PERMISSIONS = "camera=(), microphone=(), geolocation=(), browsing-topics=(), interest-cohort=()"
YEAR = 31536000
PRIVATE = b"private, no-store"
FRESH = b"no-cache"
FOR_EVER = f"public, max-age={YEAR}, immutable".encode()
VARY = b"Accept, Accept-Language, Cookie"
HTML = b"text/html; charset=utf-8"
URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%"

RawHeaders = list[tuple[bytes, bytes]]


class Raw(Response):
    """An answer whose headers are already bytes."""

    def __init__(self, body: bytes, headers: RawHeaders, status: int = 200) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = [*headers, (b"content-length", str(len(body)).encode())]


class Kept(Response):
    """A page from the cache, sent as it was."""

    def __init__(self, page: CachedPage) -> None:
        self.body = page.body
        self.status_code = 200
        self.background = None
        self.raw_headers = page.headers


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame around every page shows."""

    site_title: str
    is_neutral: bool
    has_site_title: bool
    locale: str
    direction: str
    name: str | None
    is_admin: bool
    is_waiting: bool
    may_sign_up: bool
    token: str
    here: str
    is_indexed: bool
    done: str
    locales: dict[str, str]


@lru_cache(maxsize=8)
def security_headers(site: Site) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of every answer of this edge."""
    headers = [
        (CSP, POLICY.encode()),
        (b"referrer-policy", b"same-origin"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", PERMISSIONS.encode()),
    ]
    if is_secure(site):
        headers.append((b"strict-transport-security", f"max-age={YEAR}".encode()))
    return tuple(headers)


def page_headers(site: Site, *, is_private: bool, is_indexed: bool) -> RawHeaders:
    """The headers of an HTML page."""
    headers = [
        (b"content-type", HTML),
        (b"cache-control", PRIVATE if is_private else FRESH),
        (b"vary", VARY),
        *security_headers(site),
    ]
    if not is_indexed:
        headers.append((b"x-robots-tag", b"noindex, noarchive"))
    return headers


async def page(
    visit: Visit,
    conn: Connection,
    template: str,
    view: Any = None,
    *,
    here: str = "",
    status: int = 200,
    is_private: bool = False,
    is_indexed: bool = False,
    has_form: bool = False,
    has_script: bool = False,
) -> Response:
    """A page in its frame. A signed-in page, and one with a form, is never kept by a cache."""
    row = await visit.web.facts.read(conn)
    needs_token = has_form or visit.member is not None
    token = visit.form_token() if needs_token else ""
    body = render(visit, row, template, view, here=here, is_indexed=is_indexed, token=token)
    headers = page_headers(
        visit.site, is_private=is_private or needs_token, is_indexed=is_indexed and status == 200
    )
    if has_script:
        headers = [_with_script(header, "'self'") for header in headers]
    elif visit.member is not None and visit.member.is_neutral:
        source = visit.site.origin + visit.web.assets.url("leave.js")
        headers = [_with_script(header, source) for header in headers]
    response = Raw(body, headers, status)
    if visit.new_form_key is not None:
        bind_forms(response, visit.site, visit.new_form_key)
    return response


def _with_script(header: tuple[bytes, bytes], source: str) -> tuple[bytes, bytes]:
    """The same header; the policy lets one page run scripts of ours, or a single one."""
    name, value = header
    if value != POLICY.encode():
        return header
    return name, value + f"; script-src {source}".encode()


def render(
    visit: Visit,
    row: SiteRow,
    template: str,
    view: Any,
    *,
    here: str = "",
    is_indexed: bool = False,
    token: str = "",
) -> bytes:
    """The bytes of a page."""
    member = visit.member
    is_neutral = member is not None and member.is_neutral
    shell = Shell(
        site_title=visit.words.gettext("Community") if is_neutral else row.title or visit.site.host,
        is_neutral=is_neutral,
        has_site_title=bool(row.title),
        locale=visit.words.locale,
        direction=visit.words.direction,
        name=None if member is None else member.name,
        is_admin=member is not None and member.role == "admin",
        is_waiting=member is not None and member.state == "waiting",
        may_sign_up=row.signup in ("open", "approval"),
        token=token,
        here=here,
        is_indexed=is_indexed,
        done=done_words(visit.words, visit.query("done")),
        locales=LOCALES,
    )
    text = visit.web.templates.render(
        visit.words.locale, template, shell=shell, view=view, form=visit.form
    )
    return text.encode()


def wants_activity(request: Request) -> bool:
    """Whether a program asks for ActivityPub at the address of a page."""
    accept = request.headers.get("accept", "")
    return "application/activity+json" in accept or "application/ld+json" in accept


def redirect(visit: Visit, path: str, *, done: str = "", anchor: str = "") -> Response:
    """See another page of this site, where `done` says what has happened."""
    parts = urlsplit(path)
    query = "&".join(filter(None, (parts.query, urlencode({"done": done}) if done else "")))
    target = urlunsplit(("", "", parts.path, query, anchor))
    return see_other(visit.site, target)


def see_other(site: Site, location: str) -> Response:
    """303 to a path of ours, or to the ActivityPub URI of the same thing."""
    headers: Sequence[tuple[bytes, bytes]] = (
        # Percent-encoded, never left out: "/é/other.example" without its letter is another site.
        (b"location", quote(location, safe=URL_CHARACTERS).encode()),
        (b"cache-control", PRIVATE),
        (b"vary", VARY),
        *security_headers(site),
    )
    return Raw(b"", list(headers), 303)


def picture(site: Site, body: bytes, media_type: str, cache_control: bytes) -> Response:
    """A picture. Whatever is in it, opened by itself it runs nothing and asks nobody."""
    headers = [
        (b"content-type", media_type.encode()),
        (b"cache-control", cache_control),
        (b"vary", b"Accept, Cookie"),
        *((CSP, ALONE) if name == CSP else (name, value) for name, value in security_headers(site)),
    ]
    return Raw(body, headers)


def file(site: Site, body: bytes, media_type: str, cache_control: bytes) -> Response:
    """A file that is the same for everyone."""
    headers = [
        (b"content-type", media_type.encode()),
        (b"cache-control", cache_control),
        *security_headers(site),
    ]
    return Raw(body, headers)
