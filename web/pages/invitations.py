"""Invitation links: made one by one, sent to many, printed, opened, and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response

from forum import invitations, membership
from forum.errors import NotFound
from forum.mail import can_send
from storage.audience import moderates
from storage.communities import Community, read_rules_unfiltered
from storage.db import Connection
from storage.invitations import count_open, read_invited_community
from web import qr, respond
from web.answers import Fact, facts_of
from web.pages.communities import find_community
from web.pages.front import address_of, hosts_of
from web.pages.joining import enter
from web.visit import SignInFirst, Visit

LINKS_PER_DAY = 100
BATCHES_PER_DAY = 20
LONGEST_TOKEN = 100
LONGEST_LIST = 20_000
DAYS = (1, 7, 30, 90)


@dataclass(frozen=True, slots=True)
class InviteView:
    community: Community
    address: str
    days: tuple[int, ...]
    link: str
    open_links: int
    sends_mail: bool
    most_cards: int


@dataclass(frozen=True, slots=True)
class Card:
    """One invitation to be cut out."""

    link: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class CardsView:
    address: str
    cards: list[Card]
    until: datetime


@dataclass(frozen=True, slots=True)
class InvitationView:
    token: str
    here: str
    community: Community
    about: str
    facts: list[Fact]
    rules: Markup
    rules_version: int


async def show_invite(visit: Visit, conn: Connection) -> Response:
    community = await _moderated(visit, conn)
    return await _invite_page(visit, conn, community, "")


async def make_link(visit: Visit) -> Response:
    """Make an invitation link; it is shown once and kept nowhere in readable form."""
    community = await _read_moderated(visit)
    form, link = visit.form, ""
    uses = form.whole("uses", least=1, most=membership.INVITATION_USES.stop - 1)
    days = _days(visit)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("invitation", most=LINKS_PER_DAY, per=timedelta(days=1))
        async with visit.services.database.write() as conn:
            token = await membership.make_invitation(
                conn, visit.viewer, community, uses=uses, days=days, now=visit.now
            )
        link = _link(visit, token)
    async with visit.services.database.read() as conn:
        return await _invite_page(visit, conn, community, link)


async def send_links(visit: Visit) -> Response:
    """Write to a list of addresses: each gets a link of its own, in a mail that names nothing."""
    community = await _read_moderated(visit)
    form = visit.form
    addresses = form.text("addresses", most=LONGEST_LIST, least=1)
    days = _days(visit)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("invitation_mail", most=BATCHES_PER_DAY, per=timedelta(days=1))
        async with visit.services.database.write() as conn:
            await invitations.count_addresses(
                conn, visit.services.secret, visit.require_member().actor_id, addresses, visit.now
            )
        async with visit.services.database.write() as conn:
            await invitations.send(
                conn, visit.site, visit.viewer, community, addresses,
                days=days, locale=visit.words.locale, now=visit.now,
            )  # fmt: skip
        return respond.redirect(visit, f"{address_of(community)}/invite", done="invited")
    async with visit.services.database.read() as conn:
        return await _invite_page(visit, conn, community, "")


async def print_links(visit: Visit) -> Response:
    """A page of cards, each with a link of its own; like every link, shown only now."""
    community = await _read_moderated(visit)
    form = visit.form
    number = form.whole("cards", least=1, most=invitations.MOST_CARDS)
    days = _days(visit)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("invitation_cards", most=BATCHES_PER_DAY, per=timedelta(days=1))
        async with visit.services.database.write() as conn:
            tokens = await invitations.make_many(
                conn, visit.viewer, community, number, days=days, now=visit.now
            )
        links = [_link(visit, token) for token in tokens]
        view = CardsView(
            address=address_of(community),
            cards=[Card(link, qr.picture(link)) for link in links],
            until=visit.now + timedelta(days=days),
        )
        async with visit.services.database.read() as conn:
            return await respond.page(visit, conn, "invite_cards.html", view, is_private=True)
    async with visit.services.database.read() as conn:
        return await _invite_page(visit, conn, community, "")


async def end_links(visit: Visit) -> Response:
    """Let no open link of this community be used any more."""
    community = await _read_moderated(visit)
    async with visit.services.database.write() as conn:
        await invitations.end_all(conn, visit.require_member(), community)
    return respond.redirect(visit, f"{address_of(community)}/invite", done="links_ended")


async def show_invitation(visit: Visit, conn: Connection) -> Response:
    """The card that an invitation opens, also of a community that is found in no other way."""
    community = await _invited(visit, conn)
    if community is None:
        return await respond.page(visit, conn, "invitation_over.html", status=404, is_private=True)
    rules = await read_rules_unfiltered(conn, community.id)
    view = InvitationView(
        token=visit.name("token"),
        here=f"/i/{quote(visit.name('token'))}",
        community=community,
        about=community.description_html,
        facts=facts_of(visit.words, community, await hosts_of(conn, community)),
        rules=Markup("" if rules is None else rules.html),  # noqa: S704 - cleaned when stored
        rules_version=community.rules_version,
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "invitation.html", view, status=status, is_private=True)


async def accept_invitation(visit: Visit) -> Response:
    if visit.member is None:
        raise SignInFirst
    async with visit.services.database.read() as conn:
        community = await _invited(visit, conn)
        if community is None:
            return await respond.page(
                visit, conn, "invitation_over.html", status=404, is_private=True
            )
    with visit.form.checked():
        await enter(visit, community, invitation=visit.name("token"))
        return respond.redirect(visit, address_of(community), done="joined")
    async with visit.services.database.read() as conn:
        return await show_invitation(visit, conn)


def _link(visit: Visit, token: str) -> str:
    return f"{visit.site.origin}/i/{token}"


def _days(visit: Visit) -> int:
    return visit.form.whole("days", least=1, most=membership.INVITATION_DAYS.stop - 1)


async def _read_moderated(visit: Visit) -> Community:
    visit.require_member()
    async with visit.services.database.read() as conn:
        return await _moderated(visit, conn)


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
    view = InviteView(
        community=community,
        address=address_of(community),
        days=DAYS,
        link=link,
        open_links=await count_open(conn, visit.viewer, community.id, visit.now),
        sends_mail=await can_send(conn),
        most_cards=invitations.MOST_CARDS,
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "invite.html", view, status=status, is_private=True)
