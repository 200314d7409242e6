"""Names for one thread: one's own, who is behind one, and whether a community has them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from forum import aliases, moderation
from forum.errors import NotFound
from storage.actors import Actor
from storage.aliases import OwnName, is_allowed, list_own
from storage.communities import Community
from storage.db import Connection
from storage.threads import read_moderated_post
from web import respond
from web.pages.front import address_of
from web.pages.joining import own
from web.pages.moderation import moderated
from web.paging import read_id
from web.visit import Visit


@dataclass(frozen=True, slots=True)
class NamesPage:
    names: list[OwnName]


@dataclass(frozen=True, slots=True)
class SeenPage:
    post_id: int
    person: Actor


@dataclass(frozen=True, slots=True)
class ChoicePage:
    community: Community
    address: str
    is_allowed: bool


async def show_names(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    view = NamesPage(await list_own(conn, visit.viewer))
    return await respond.page(visit, conn, "settings_names.html", view, here="you", is_private=True)


async def end_name(visit: Visit) -> Response:
    """Put a name away."""
    visit.require_member()
    which = read_id(visit.form.values.get("name", "")) or 0
    async with visit.services.database.write() as conn:
        await aliases.end_name(conn, await own(visit, conn), which, visit.now)
    return respond.redirect(visit, "/settings/names", done="saved")


async def see_name(visit: Visit) -> Response:
    """Who wrote a post, for a moderator who says why; it stays in the log."""
    member = visit.require_member()
    reason = visit.form.text("reason", most=moderation.REASON_LENGTH, least=1)
    async with visit.services.database.read() as conn:
        post = await read_moderated_post(conn, visit.viewer, visit.number("id"))
    if post is None or visit.form.errors:
        raise NotFound
    async with visit.services.database.write() as conn:
        person = await aliases.see_name(conn, member, post, reason, visit.now)
    async with visit.services.database.read() as conn:
        view = SeenPage(post.id, person)
        return await respond.page(visit, conn, "post_name.html", view, is_private=True)


async def show_choice(visit: Visit, conn: Connection) -> Response:
    community = await _own_community(visit, conn)
    view = ChoicePage(community, address_of(community), await is_allowed(conn, community.id))
    return await respond.page(visit, conn, "moderation_names.html", view, is_private=True)


async def choose_names(visit: Visit) -> Response:
    """Have names for one thread in a community, or not from now on."""
    visit.require_member()
    allowed = visit.form.is_ticked("allowed")
    async with visit.services.database.read() as conn:
        community = await _own_community(visit, conn)
    async with visit.services.database.write() as conn:
        await aliases.allow(conn, visit.require_member(), community, allowed=allowed)
    return respond.redirect(visit, f"{address_of(community)}/moderation/names", done="saved")


async def _own_community(visit: Visit, conn: Connection) -> Community:
    community = await moderated(visit, conn)
    if not community.is_local:
        raise NotFound
    return community
