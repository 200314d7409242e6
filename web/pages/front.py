"""The pages that say what this place is: front page, communities, about, privacy, urgent help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from forum.text import plain_text
from storage.communities import (
    Community,
    list_communities,
    list_hosts,
    list_my_communities,
    read_communities,
)
from storage.db import Connection
from storage.home import list_home
from storage.site import SiteRow
from storage.subscriptions import list_own
from storage.threads import ThreadLine, list_latest
from web import respond
from web.answers import Fact, strip_of
from web.paging import cursor_of, read_cursor
from web.visit import Visit

LINES = 30
CARDS_ON_FRONT = 6
CARDS = 60
ABOUT = 180  # characters of a description on a card


@dataclass(frozen=True, slots=True)
class Card:
    """A community's name card."""

    community: Community
    address: str
    about: str
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Line:
    """A thread in a list, with the community it stands in."""

    thread: ThreadLine
    community: Community | None


@dataclass(frozen=True, slots=True)
class FrontView:
    site: SiteRow
    cards: list[Card]
    has_more_cards: bool
    lines: list[Line]
    older: str


@dataclass(frozen=True, slots=True)
class CommunitiesView:
    mine: list[Card]
    along: list[Card]
    cards: list[Card]
    after: str
    may_make: bool


@dataclass(frozen=True, slots=True)
class AboutView:
    site: SiteRow
    host: str


async def show_front(visit: Visit, conn: Connection) -> Response:
    """The door of the house; for members, their own communities."""
    site = await visit.web.facts.read(conn)
    before = read_cursor(visit.query("before"))
    if visit.member is None:
        found = await list_communities(conn, visit.viewer, limit=CARDS_ON_FRONT + 1)
        threads = await list_latest(conn, visit.viewer, before=before, limit=LINES + 1)
        template = "front.html"
    else:
        found = await list_my_communities(conn, visit.viewer)
        known = {one.id for one in found}
        along = await list_own(conn, visit.viewer)
        found += [one for one in along if one.id not in known]
        threads = await list_home(conn, visit.viewer, before=before, limit=LINES + 1)
        template = "home.html"
    shown = found[:CARDS_ON_FRONT] if visit.member is None else found
    view = FrontView(
        site=site,
        cards=[await card_of(visit, conn, community) for community in shown],
        has_more_cards=len(found) > len(shown),
        lines=await lines_of(visit, conn, threads[:LINES]),
        older=older_link("/", threads),
    )
    return await respond.page(visit, conn, template, view, here="home")


async def show_communities(visit: Visit, conn: Connection) -> Response:
    """Every community of this server that the visitor may know of."""
    mine = [] if visit.member is None else await list_my_communities(conn, visit.viewer)
    along = [] if visit.member is None else await list_own(conn, visit.viewer)
    after = visit.query("after")[:100]
    found = await list_communities(conn, visit.viewer, after=after, limit=CARDS + 1)
    known = {community.id for community in mine}
    view = CommunitiesView(
        mine=[await card_of(visit, conn, community) for community in mine],
        along=[await card_of(visit, conn, community) for community in along],
        cards=[await card_of(visit, conn, c) for c in found[:CARDS] if c.id not in known],
        after="?" + urlencode({"after": found[CARDS - 1].name}) if len(found) > CARDS else "",
        may_make=visit.member is not None,
    )
    return await respond.page(visit, conn, "communities.html", view, here="communities")


async def show_about(visit: Visit, conn: Connection) -> Response:
    """Who runs this place, in their own words."""
    view = AboutView(await visit.web.facts.read(conn), visit.site.host)
    return await respond.page(visit, conn, "about.html", view, is_indexed=True)


async def show_privacy(visit: Visit, conn: Connection) -> Response:
    """What is kept, in plain words."""
    view = AboutView(await visit.web.facts.read(conn), visit.site.host)
    return await respond.page(visit, conn, "privacy.html", view, is_indexed=True)


async def show_help(visit: Visit, conn: Connection) -> Response:
    """Where to turn when a forum is not enough."""
    view = AboutView(await visit.web.facts.read(conn), visit.site.host)
    return await respond.page(visit, conn, "help.html", view, is_indexed=True)


async def card_of(visit: Visit, conn: Connection, community: Community) -> Card:
    hosts = await hosts_of(conn, community)
    return Card(
        community=community,
        address=address_of(community),
        about=shortened(plain_text(community.description_html)),
        facts=strip_of(visit.words, community, hosts)[:2],
    )


def shortened(text: str) -> str:
    """A text on one line, or its beginning in whole words."""
    line = " ".join(text.split())
    if len(line) <= ABOUT:
        return line
    return line[:ABOUT].rsplit(" ", 1)[0] + " …"


async def hosts_of(conn: Connection, community: Community) -> list[str]:
    """The servers that the community names; asked only where that answer matters."""
    if community.is_local and community.travels == "named":
        return await list_hosts(conn, community.id)
    return []


def address_of(community: Community) -> str:
    """The path of a community's page."""
    if community.is_local:
        return f"/c/{community.name}"
    return f"/c/{community.name}@{community.host}"


async def lines_of(visit: Visit, conn: Connection, threads: list[ThreadLine]) -> list[Line]:
    """Threads with their communities, each community read once."""
    ids = {thread.community_id for thread in threads if thread.community_id is not None}
    found = await read_communities(conn, visit.viewer, sorted(ids)) if ids else []
    by_id: Mapping[int | None, Community] = {community.id: community for community in found}
    return [Line(thread, by_id.get(thread.community_id)) for thread in threads]


def older_link(path: str, threads: list[ThreadLine]) -> str:
    """Where the list goes on, or nothing when it has ended."""
    if len(threads) <= LINES:
        return ""
    last = threads[LINES - 1]
    return f"{path}?{urlencode({'before': cursor_of((last.active_at, last.id))})}"
