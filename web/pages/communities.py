"""A community: its page, its making, and finding one that lives on another server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup
from starlette.responses import Response

from forum import communities
from forum.accounts import check_name
from forum.communities import Answers
from forum.errors import NotFound
from forum.keypairs import new_keypair
from forum.subscriptions import may_subscribe
from forum.text import clean_characters, compose_text
from storage.actors import read_own
from storage.audience import UNKNOWN_SERVER, moderates
from storage.communities import (
    Community,
    CommunityView,
    read_community,
    read_community_by_id,
    read_view,
)
from storage.db import Connection
from storage.subscriptions import is_subscribed
from storage.threads import list_threads
from web import respond
from web.answers import Fact, facts_of
from web.pages.front import LINES, Line, address_of, hosts_of, older_link
from web.paging import read_cursor
from web.visit import Visit

LONGEST_HANDLE = 320
LONGEST_DESCRIPTION = 5000
FINDS_PER_HOUR = 30
LONGEST_QUESTIONS = 5000
MAKES_PER_DAY = 10


@dataclass(frozen=True, slots=True)
class CommunityPage:
    community: CommunityView
    address: str
    about: Markup
    facts: list[Fact]
    lines: list[Line]
    older: str
    may_moderate: bool
    is_stopped: bool
    may_subscribe: bool
    is_subscribed: bool


async def show_community(visit: Visit, conn: Connection) -> Response:
    """Its threads for those who may read them; its name card for those who may know of it."""
    found = await find_community(visit, conn)
    away = await _activity_address(visit, conn, found)
    if away is not None:
        return away
    community = await read_view(conn, visit.viewer, found.id)
    if community is None:
        raise NotFound
    address = address_of(community)
    threads = []
    if community.can_read:
        before = read_cursor(visit.query("before"))
        threads = await list_threads(
            conn, visit.viewer, community.id, before=before, limit=LINES + 1
        )
    view = CommunityPage(
        community=community,
        address=address,
        about=Markup(community.description_html),  # noqa: S704 - cleaned when it was stored
        facts=facts_of(visit.words, community, await hosts_of(conn, community)),
        lines=[Line(thread, None) for thread in threads[:LINES]],
        older=older_link(address, threads),
        may_moderate=await moderates(conn, visit.viewer, community.id),
        is_stopped=(community.my_stopped_until or visit.now) > visit.now,
        may_subscribe=visit.member is not None and may_subscribe(community),
        is_subscribed=not community.is_local
        and await is_subscribed(conn, visit.viewer, community.id),
    )
    return await respond.page(
        visit, conn, "community.html", view,
        here="communities", is_private=community.readers == "members",
        is_indexed=community.indexed and not visit.request.url.query,
    )  # fmt: skip


async def show_new_community(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    return await respond.page(visit, conn, "community_new.html", here="communities")


async def make_community(visit: Visit) -> Response:
    """Make a community from the answers; each must be given, none is assumed."""
    visit.require_member()
    form, services, now = visit.form, visit.services, visit.now
    name = form.line("name", most=60, least=1).removeprefix("c/")
    title = form.line("title", most=communities.TITLE_LENGTH, least=1)
    description = form.text("description", most=LONGEST_DESCRIPTION)
    questions = lines_of(form.text("questions", most=LONGEST_QUESTIONS))
    condition = form.line("condition", most=20).upper() or None
    answers = _read_answers(visit)
    with form.checked():
        check_name(name)
    with form.checked():
        communities.check_answers(answers)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("make_community", most=MAKES_PER_DAY, per=timedelta(days=1))
        about = await compose_text(services.renderer, description, field="description")
        keypair = await new_keypair()
        async with services.database.write() as conn:
            owner = await read_own(conn, visit.viewer)
            community = await communities.create_community(
                conn, services.site, owner, name=name, title=title,
                description=about, questions=questions, answers=answers,
                condition=condition, keypair=keypair, now=now,
            )  # fmt: skip
        return respond.redirect(visit, address_of(community), done="made")
    async with services.database.read() as conn:
        return await respond.page(visit, conn, "community_new.html", here="communities", status=422)


async def show_find(visit: Visit, conn: Connection) -> Response:
    visit.require_member()
    return await respond.page(visit, conn, "community_find.html", here="communities")


async def find_elsewhere(visit: Visit) -> Response:
    """Look a community up on its own server, with no transaction open, then show its card."""
    visit.require_member()
    form = visit.form
    address = form.line("address", most=LONGEST_HANDLE, least=3)
    with form.checked():
        form.stop_if_wrong()
        await visit.count("find_community", most=FINDS_PER_HOUR, per=timedelta(hours=1))
        community_id = await visit.services.resolver.find_community(address)
        async with visit.services.database.read() as conn:
            found = None
            if community_id is not None:
                found = await read_community_by_id(conn, visit.viewer, community_id)
        if found is not None:
            return respond.redirect(visit, address_of(found))
        form.fail("address", "community_not_found")
    async with visit.services.database.read() as conn:
        return await respond.page(
            visit, conn, "community_find.html", here="communities", status=422
        )


async def find_community(visit: Visit, conn: Connection) -> Community:
    """The community of this path. Raises NotFound, also for one that must not be known of."""
    handle = visit.name("name")
    name, _, host = handle.partition("@")
    if len(handle) > LONGEST_HANDLE or clean_characters(handle) != handle:
        raise NotFound
    where = None if host in ("", visit.site.host) else host
    found = await read_community(conn, visit.viewer, name, where)
    if found is None:
        raise NotFound
    return found


def lines_of(text: str) -> list[str]:
    """One question on each line; empty lines are nothing."""
    return [line for line in map(str.strip, text.splitlines()) if line]


async def _activity_address(
    visit: Visit, conn: Connection, community: Community
) -> Response | None:
    """Programs that ask for ActivityPub are sent there, if anyone may know of it there."""
    if not community.is_local or not respond.wants_activity(visit.request):
        return None
    if await read_community_by_id(conn, UNKNOWN_SERVER, community.id) is None:
        return None
    return respond.see_other(visit.site, community.uri)


def _read_answers(visit: Visit) -> Answers:
    form = visit.form
    readers = form.choice("readers", communities.READERS)
    travels = form.choice("travels", communities.TRAVELS)
    hosts = form.text("hosts", most=4000).replace(",", " ").split()
    listed = readers == "anyone" or form.choice("listed", ("yes", "no")) == "yes"
    return Answers(
        readers=readers,
        travels=travels,
        listed=listed,
        indexed=form.choice("indexed", ("yes", "no")) == "yes",
        joining=form.choice("joining", communities.JOINING),
        hosts=tuple(hosts) if travels == "named" else (),
    )
