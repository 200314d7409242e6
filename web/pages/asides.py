"""What a form for writing asks beside the words: whom they are about, and new rules."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from forum import rules
from forum.drafts import ABOUT
from storage.aliases import NameOffer
from storage.communities import CommunityView, read_rules
from storage.db import Connection
from storage.memberships import read_membership
from web.pages.joining import must_accept_rules, own, rules_agreed
from web.pages.threads import read_name_offer
from web.visit import Visit


@dataclass(frozen=True, slots=True)
class Asides:
    """`rules_version` is 0 when there is nothing to agree to. Who cares for somebody is asked
    whom a thread is about; others may say it."""

    rules: Markup
    rules_version: int
    must_say_about: bool
    name: NameOffer | None


async def asides_of(
    visit: Visit,
    conn: Connection,
    community: CommunityView,
    *,
    is_thread: bool,
    thread_id: int | None = None,
) -> Asides:
    known = await read_membership(conn, community.id, visit.require_member().actor_id)
    cares = known is not None and known.label == "cares_for"
    found = None
    if await must_accept_rules(visit, conn, community):
        found = await read_rules(conn, visit.viewer, community.id)
    return Asides(
        rules=Markup("" if found is None else found.html),  # noqa: S704 - cleaned when stored
        rules_version=0 if found is None else found.version,
        must_say_about=cares and is_thread,
        name=await read_name_offer(visit, conn, community, thread_id),
    )


def read_about(visit: Visit, asides: Asides) -> str:
    """Whom the post is about, as far as its author says so."""
    if asides.must_say_about or visit.form.values.get("about"):
        return visit.form.choice("about", ABOUT)
    return ""


async def agree(visit: Visit, conn: Connection, community: CommunityView) -> None:
    """Agree to the rules that the form showed, if its box is ticked."""
    version = rules_agreed(visit)
    if version:
        await rules.accept(conn, community, await own(visit, conn), version)
