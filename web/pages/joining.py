"""Joining and leaving a community, and invitation links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from starlette.responses import Response

from forum import membership
from forum.errors import NotFound
from storage.actors import Actor, read_own
from storage.audience import moderates
from storage.communities import Community
from storage.db import Connection
from storage.invitations import read_invited_community
from storage.memberships import Membership
from web import respond
from web.answers import Fact, facts_of
from web.pages.communities import find_community
from web.pages.front import address_of, hosts_of
from web.visit import SignInFirst, Visit

JOINS_PER_DAY = 60
LINKS_PER_DAY = 100
LONGEST_TOKEN = 100
DAYS = (1, 7, 30, 90)
DONE = {"accepted": "joined", "asked": "asked"}


@dataclass(frozen=True, slots=True)
class InviteView:
    community: Community
    address: str
    days: tuple[int, ...]
    link: str


@dataclass(frozen=True, slots=True)
class InvitationView:
    token: str
    here: str
    community: Community
    about: str
    facts: list[Fact]


async def join(visit: Visit) -> Response:
    """Become a member, or ask to."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        community = await find_community(visit, conn)
    answer = visit.form.text("answer", most=membership.ANSWER_LENGTH)
    if community.is_local and community.joining == "apply" and not answer:
        visit.form.fail("answer", "missing")
    if visit.form.errors:
        return respond.redirect(visit, address_of(community), done="answer_first", anchor="join")
    joined = await _enter(visit, community, answer=answer)
    return respond.redirect(visit, address_of(community), done=DONE.get(joined.state, "asked"))


async def leave(visit: Visit) -> Response:
    visit.require_member()
    services = visit.services
    async with services.database.write() as conn:
        community = await find_community(visit, conn)
        await membership.leave(conn, services.site, community, await own(visit, conn), visit.now)
    return respond.redirect(visit, "/communities", done="left")


async def show_invite(visit: Visit, conn: Connection) -> Response:
    community = await _moderated(visit, conn)
    return await _invite_page(visit, conn, community, "")


async def make_link(visit: Visit) -> Response:
    """Make an invitation link; it is shown once and kept nowhere in readable form."""
    visit.require_member()
    form, services = visit.form, visit.services
    async with services.database.read() as conn:
        community = await _moderated(visit, conn)
    uses = form.whole("uses", least=1, most=membership.INVITATION_USES.stop - 1)
    days = form.whole("days", least=1, most=membership.INVITATION_DAYS.stop - 1)
    link = ""
    with form.checked():
        form.stop_if_wrong()
        await visit.count("invitation", most=LINKS_PER_DAY, per=timedelta(days=1))
        async with services.database.write() as conn:
            token = await membership.make_invitation(
                conn, visit.viewer, community, uses=uses, days=days, now=visit.now
            )
        link = f"{visit.site.origin}/i/{token}"
    async with services.database.read() as conn:
        return await _invite_page(visit, conn, community, link)


async def show_invitation(visit: Visit, conn: Connection) -> Response:
    """The card that an invitation opens, also of a community that is found in no other way."""
    community = await _invited(visit, conn)
    if community is None:
        return await respond.page(visit, conn, "invitation_over.html", status=404, is_private=True)
    view = InvitationView(
        token=visit.name("token"),
        here=f"/i/{quote(visit.name('token'))}",
        community=community,
        about=community.description_html,
        facts=facts_of(visit.words, community, await hosts_of(conn, community)),
    )
    return await respond.page(visit, conn, "invitation.html", view, is_private=True)


async def accept_invitation(visit: Visit) -> Response:
    if visit.member is None:
        raise SignInFirst
    async with visit.services.database.read() as conn:
        community = await _invited(visit, conn)
        if community is None:
            return await respond.page(
                visit, conn, "invitation_over.html", status=404, is_private=True
            )
    await _enter(visit, community, invitation=visit.name("token"))
    return respond.redirect(visit, address_of(community), done="joined")


async def own(visit: Visit, conn: Connection) -> Actor:
    """The signed-in person's actor."""
    visit.require_member()
    actor = await read_own(conn, visit.viewer)
    if actor is None:
        raise SignInFirst
    return actor


async def _enter(
    visit: Visit, community: Community, *, answer: str = "", invitation: str | None = None
) -> Membership:
    await visit.count("join", most=JOINS_PER_DAY, per=timedelta(days=1))
    async with visit.services.database.write() as conn:
        return await membership.ask_to_join(
            conn, visit.site, community, await own(visit, conn),
            answer=answer, invitation=invitation, now=visit.now,
        )  # fmt: skip


async def _moderated(visit: Visit, conn: Connection) -> Community:
    """A community of this server that the visitor moderates; to others it has no such page."""
    community = await find_community(visit, conn)
    visit.require_member()
    if not community.is_local or not await moderates(conn, visit.viewer, community.id):
        raise NotFound
    return community


async def _invited(visit: Visit, conn: Connection) -> Community | None:
    token = visit.name("token")
    if len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    return await read_invited_community(conn, token, visit.now)


async def _invite_page(visit: Visit, conn: Connection, community: Community, link: str) -> Response:
    view = InviteView(community, address_of(community), DAYS, link)
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "invite.html", view, status=status, is_private=True)
