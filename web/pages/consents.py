"""What somebody agreed to: five purposes, each given and taken back with one button."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from forum import consents, membership
from forum.errors import NotFound
from storage.communities import list_my_communities, read_community_by_id
from storage.consents import ConsentLine, list_own
from storage.db import Connection
from web import respond
from web.consent_words import text_of, title_of
from web.pages.front import address_of
from web.pages.joining import own
from web.paging import read_id
from web.visit import Visit

ACTS = ("give", "withdraw")


@dataclass(frozen=True, slots=True)
class Purpose:
    """`since` is when the present consent was given; `can` is what its button does, if any."""

    key: str
    title: str
    text: str
    version: int
    since: datetime | None
    is_offered: bool
    can: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A community that the person is a member of; leaving it takes that consent back."""

    id: int
    title: str
    address: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history."""

    title: str
    about: str
    line: ConsentLine


@dataclass(frozen=True, slots=True)
class ConsentPage:
    purposes: list[Purpose]
    joined: list[Joined]
    history: list[Entry]


async def show_consents(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    lines = await list_own(conn, visit.viewer)
    standing = {line.purpose: line for line in reversed(lines) if line.withdrawn_at is None}
    view = ConsentPage(
        purposes=[_purpose(visit, key, standing.get(key)) for key in consents.PURPOSES],
        joined=await _joined(visit, conn, lines),
        history=[Entry(title_of(visit.words, one.purpose), _about(one), one) for one in lines],
    )
    return await respond.page(
        visit, conn, "settings_consent.html", view, here="you", is_private=True
    )


async def change_consent(visit: Visit) -> Response:
    """Give or take back; taking back the one of a community means leaving it."""
    member, form = visit.require_member(), visit.form
    purpose, act = form.choice("purpose", consents.PURPOSES), form.choice("act", ACTS)
    if form.errors or purpose == "account" or (purpose, act) == ("community", "give"):
        raise NotFound
    async with visit.services.database.write() as conn:
        if purpose == "community":
            await _leave(visit, conn)
        elif act == "give":
            await consents.give(
                conn, member.actor_id, purpose, now=visit.now, locale=visit.words.locale
            )
        else:
            await consents.withdraw(conn, member.actor_id, purpose, now=visit.now)
    return respond.redirect(
        visit, "/settings/consent", done="agreed" if act == "give" else "taken_back"
    )


async def _leave(visit: Visit, conn: Connection) -> None:
    community_id = read_id(visit.form.values.get("community", "")) or 0
    community = await read_community_by_id(conn, visit.viewer, community_id)
    if community is None:
        raise NotFound
    await membership.leave(conn, visit.site, community, await own(visit, conn), visit.now)


async def _joined(visit: Visit, conn: Connection, lines: list[ConsentLine]) -> list[Joined]:
    since = {one.community_id: one.given_at for one in reversed(lines) if not one.withdrawn_at}
    return [
        Joined(one.id, one.title or one.name, address_of(one), since.get(one.id))
        for one in await list_my_communities(conn, visit.viewer)
    ]


def _purpose(visit: Visit, key: str, line: ConsentLine | None) -> Purpose:
    is_present = line is not None and line.version == consents.VERSIONS[key]
    can = ""
    if key == "federation":
        can = "withdraw" if is_present else "give"
    elif line is not None and key not in consents.OFFERED:
        can = "withdraw"
    return Purpose(
        key=key,
        title=title_of(visit.words, key),
        text=text_of(visit.words, key),
        version=consents.VERSIONS[key],
        since=line.given_at if line is not None and is_present else None,
        is_offered=key in consents.OFFERED,
        can=can,
    )


def _about(line: ConsentLine) -> str:
    """Which community, for that purpose."""
    title = line.community_title or line.community_name
    return f"{title} ({line.community_host})" if line.community_host else title
