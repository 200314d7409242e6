"""The box above every send button: who will read it, where it goes, can it be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from forum.reach import Reach
from storage.communities import CommunityView
from web.answers import CLOSED, OPEN, Fact
from web.consent_words import text_of
from web.i18n import Words

MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class ReachBox:
    """`shown` goes back with the form, so that nobody sends to more readers than it says.

    `consent` is what must be agreed to first, once.
    """

    is_wide: bool
    headline: str
    facts: list[Fact]
    shown: str
    consent: str


def box_of(
    words: Words, community: CommunityView, reach: Reach, *, needs_consent: bool
) -> ReachBox:
    is_wide = reach.readers == "anyone"
    return ReachBox(
        is_wide=is_wide,
        headline=_headline(words, community, is_wide=is_wide),
        facts=[
            _members(words, community, is_wide=is_wide),
            *_servers(words, reach),
            _finding(words, reach),
            Fact("bin", _taking_back(words, reach)),
        ],
        shown=reach.shown,
        consent=text_of(words, "federation") if needs_consent else "",
    )


def names(words: Words, hosts: tuple[str, ...]) -> str:
    """The first servers by name, then how many more."""
    listed, more = ", ".join(hosts[:MOST_NAMES]), len(hosts) - MOST_NAMES
    if more <= 0:
        return listed
    return words.ngettext(
        "%(names)s and %(number)s more", "%(names)s and %(number)s more", more
    ) % {"names": listed, "number": more}


def _headline(words: Words, community: CommunityView, *, is_wide: bool) -> str:
    if is_wide:
        return words.gettext("Anyone on the web will be able to read this.")
    title = {"title": community.title or community.name}
    return words.gettext("Only members of “%(title)s” will read this.") % title


def _members(words: Words, community: CommunityView, *, is_wide: bool) -> Fact:
    """How many people are members, as a band; of a community elsewhere we know only our own."""
    _ = words.gettext
    icon = OPEN if is_wide else CLOSED
    if not community.is_local:
        return Fact(icon, _("Its members here and on other servers"))
    if community.member_band == 0:
        return Fact(icon, _("Fewer than 10 members"))
    return Fact(icon, _("%(number)s members or more") % {"number": community.member_band})


def _servers(words: Words, reach: Reach) -> list[Fact]:
    """Which servers are sent it."""
    _ = words.gettext
    if reach.travels == "nowhere":
        return [Fact("home", _("Posts stay on this server"))]
    if reach.travels == "elsewhere":
        return [
            Fact("some", _("Sent to %(host)s, where this community lives") % {"host": reach.home}),
            Fact("travel", _("That server passes it on to the servers of its members")),
        ]
    facts = _sent_now(words, reach)
    if reach.travels == "named":
        return [*facts, *_sent_later(words, reach)]
    return [*facts, Fact("travel", _("Posts travel to other servers, and any may fetch a copy"))]


def _sent_now(words: Words, reach: Reach) -> list[Fact]:
    if not reach.receiving:
        return [Fact("home", words.gettext("At the moment no other server is sent it"))]
    told = words.gettext("Sent now to %(hosts)s") % {"hosts": names(words, reach.receiving)}
    return [Fact("some", told)]


def _sent_later(words: Words, reach: Reach) -> list[Fact]:
    """Organisations that the community names, and that have no member in it yet."""
    later = tuple(host for host in reach.named if host not in reach.receiving)
    if not later:
        return []
    told = words.gettext("May be read on %(hosts)s as soon as somebody there joins")
    return [Fact("some", told % {"hosts": names(words, later)})]


def _finding(words: Words, reach: Reach) -> Fact:
    _ = words.gettext
    if reach.readers == "members":
        return Fact("hidden", _("Not on the web and not in search engines"))
    if reach.is_indexed:
        return Fact("found", _("Search engines may list it"))
    if reach.travels == "elsewhere":
        return Fact("unfound", _("Whether search engines list it is decided there"))
    return Fact("unfound", _("Search engines are asked to stay out"))


def _taking_back(words: Words, reach: Reach) -> str:
    if reach.can_take_back:
        return words.gettext("You can delete it at any time.")
    return words.gettext(
        "You can delete it. We then ask the other servers to delete it too, but cannot make them."
    )
