"""A community's answers to the plain questions, in words and pictures.

They stand on its card, on every page of it and above every send button. `ICONS` are the pictures
of the whole site: paths on a 24 × 24 field, drawn for this project.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.communities import Community
from web.i18n import Words

ICONS: tuple[tuple[str, str], ...] = (
    ("lock", "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3"),
    (
        "globe",
        "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3.5 9.5h17M3.5 14.5h17M12 3c-5 5.5-5 12.5 0 18"
        "M12 3c5 5.5 5 12.5 0 18",
    ),
    ("home", "M4 11.5 12 4l8 7.5M6.5 9.5V20h11V9.5"),
    ("some", "M4 4h7v7H4zM13 13h7v7h-7zM14 7.5h3.5V13"),
    ("travel", "M4 12h15M13 6l6 6-6 6"),
    ("found", "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20"),
    ("unfound", "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20M4 19 18 3"),
    ("card", "M3 6h18v12H3zM8 10.5a1 1 0 1 0 0 .1M6 15c.7-2 3.3-2 4 0M14 10.500h4M14 14h4"),
    ("hidden", "M3 12c4.5-7 13.5-7 18 0-4.5 7-13.5 7-18 0M4 20 20 4"),
    ("door", "M13 4h6v16h-6M4 12h10M10.5 8.5 14 12l-3.5 3.5"),
    ("ask", "M4 5h16v11h-8l-4 4v-4H4zM9 9.500h6M9 12.500h4"),
    ("letter", "M3 6h18v12H3zM3.5 7l8.5 6 8.5-6"),
    ("back", "M14.5 5.5 8 12l6.5 6.5"),
    ("reply", "M9.5 6 4 11.5 9.5 17M4.5 11.500H14a6 6 0 0 1 6 6v1"),
    ("flag", "M6 21V4M6 5h12l-3 4 3 4H6"),
    ("block", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M6 6l12 12"),
    ("bin", "M5 7h14M9.5 7V4.500h5V7M7 7l1 13h8l1-13"),
    ("pause", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M10 9v6M14 9v6"),
    (
        "help",
        "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 8.500a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 "
        "0-7M5.6 5.6 9.5 9.500M14.5 14.500l3.9 3.900M18.4 5.600l-3.9 3.900M9.5 "
        "14.500l-3.9 3.9",
    ),
    ("note", "M12 4 2.5 20h19zM12 10v5M12 17.200v.1"),
    (
        "link",
        "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0"
        " 0 0 11 18.700l1-1",
    ),
)

CLOSED, OPEN = "lock", "globe"


@dataclass(frozen=True, slots=True)
class Fact:
    """One answer: a picture and a sentence."""

    icon: str
    text: str


def facts_of(words: Words, community: Community, hosts: list[str]) -> list[Fact]:
    """All answers, for the community's own page and its card."""
    found = [readers_fact(words, community), travels_fact(words, community, hosts)]
    found.append(finding_fact(words, community))
    found.append(joining_fact(words, community))
    return found


def strip_of(words: Words, community: Community, hosts: list[str]) -> list[Fact]:
    """The answers that matter while reading."""
    return facts_of(words, community, hosts)[:3]


def readers_fact(words: Words, community: Community) -> Fact:
    if community.readers == "members":
        return Fact(CLOSED, words.gettext("Only members can read"))
    return Fact(OPEN, words.gettext("Anyone on the web can read"))


def travels_fact(words: Words, community: Community, hosts: list[str]) -> Fact:
    _ = words.gettext
    if not community.is_local:
        return Fact(
            "some", _("Lives on %(host)s: posts are kept there too") % {"host": community.host}
        )
    if community.travels == "nowhere":
        return Fact("home", _("Posts stay on this server"))
    if community.travels == "named":
        if not hosts:
            return Fact("home", _("Posts stay here until a server is named"))
        return Fact("some", _("Posts travel only to %(hosts)s") % {"hosts": ", ".join(hosts)})
    return Fact("travel", _("Posts travel to other servers"))


def finding_fact(words: Words, community: Community) -> Fact:
    _ = words.gettext
    if community.readers == "anyone":
        if community.indexed:
            return Fact("found", _("Search engines may list it"))
        return Fact("unfound", _("Search engines are asked to stay out"))
    if not community.listed:
        return Fact("hidden", _("Found only by an invitation link"))
    if community.indexed:
        return Fact("found", _("Search engines may list its name card, never a post"))
    return Fact("card", _("Others see its name card, never a post"))


def joining_fact(words: Words, community: Community) -> Fact:
    _ = words.gettext
    if community.joining == "invite":
        return Fact("letter", _("Join by invitation"))
    if community.joining == "apply":
        return Fact("ask", _("Join by answering questions"))
    if community.readers == "members":
        return Fact("door", _("Anyone who makes an account here can join and read"))
    return Fact("door", _("Anyone can join"))


def post_fact(words: Words, audience: str) -> Fact:
    """The word beside one post."""
    if audience == "public":
        return Fact(OPEN, words.gettext("Public"))
    if audience == "community":
        return Fact(CLOSED, words.gettext("Members only"))
    return Fact(CLOSED, words.gettext("Only people who were addressed"))
