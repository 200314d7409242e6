"""Who will read what is about to be written, as the page says it above the send button.

The servers named are those that `storage/audience` would hand the post to at this moment. A form
brings back what its page said: whoever would reach more people than that is asked again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from forum.errors import Conflict
from storage import communities
from storage.audience import recipients_of_community
from storage.communities import Community
from storage.db import Connection

SEPARATOR = "."
ANY_SERVER = "any server"
MOST_SHOWN = 100_000  # characters of what a form may bring back

# Software that keeps what is closed. A server whose software is not known yet is believed: its
# Follow was accepted as a Dazzle's.
KEEPS_CLOSED = frozenset({"", "dazzle"})


@dataclass(frozen=True, slots=True)
class Reach:
    """`travels` is the community's answer, or `elsewhere` for one that lives on another server.

    `receiving` are the servers that are sent it now; `named` those that the community names.
    """

    community_id: int
    readers: str
    travels: str
    home: str
    receiving: tuple[str, ...]
    named: tuple[str, ...]
    is_indexed: bool

    @property
    def can_take_back(self) -> bool:
        """Whether deleting it deletes every copy."""
        return self.travels == "nowhere"

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of readers, and every organisation that is named."""
        kinds = {"members"}
        if self.readers == "anyone":
            kinds.add("web")
        if self.is_indexed:
            kinds.add("search engines")
        if self.travels == "anywhere":
            kinds.add(ANY_SERVER)
        if self.travels == "elsewhere":
            kinds.add(f"home {self.home}")
        return frozenset(kinds | {f"host {host}" for host in self.named})

    @property
    def shown(self) -> str:
        """What a page says that shows this, for its form to bring back."""
        return SEPARATOR.join(sorted(_mark(self.community_id, kind) for kind in self.kinds))


def keeps_closed(software: str | None) -> bool:
    """Whether posts of a closed community may be handed to a server that runs this."""
    return (software or "").strip().lower() in KEEPS_CLOSED


async def read_reach(conn: Connection, community: Community) -> Reach:
    """The reach of a post in this community, for a page that a member of it looks at."""
    return reach_of(
        community, named=await _named(conn, community), receiving=await receiving(conn, community)
    )


async def receiving(conn: Connection, community: Community) -> list[str]:
    """The servers that are sent what is written in a community of this one."""
    if not community.is_local or community.travels == "nowhere":
        return []
    takers = await recipients_of_community(conn, community.id)
    if community.readers == "members":
        takers = [taker for taker in takers if keeps_closed(taker.software)]
    return sorted({taker.host for taker in takers})


def reach_of(community: Community, *, named: list[str], receiving: list[str]) -> Reach:
    return Reach(
        community_id=community.id,
        readers=community.readers,
        travels=community.travels if community.is_local else "elsewhere",
        home=community.host,
        receiving=tuple(receiving),
        named=tuple(named),
        is_indexed=community.indexed and community.readers == "anyone",
    )


async def require_shown(conn: Connection, community: Community, shown: str) -> None:
    """Raises Conflict when a new kind of reader, or an organisation, came since the page.

    Fewer readers than the page said are no reason to ask.
    """
    now = await communities.read_unfiltered(conn, community.id) or community
    if not was_shown(reach_of(now, named=await _named(conn, now), receiving=[]), shown):
        raise Conflict("reach_changed")


def was_shown(reach: Reach, shown: str) -> bool:
    """Whether a page that said `shown` named everybody who would read it."""
    known = set(shown[:MOST_SHOWN].split(SEPARATOR))
    named_all = _mark(reach.community_id, ANY_SERVER) in known
    return all(
        _mark(reach.community_id, kind) in known or (named_all and kind.startswith("host "))
        for kind in reach.kinds
    )


async def _named(conn: Connection, community: Community) -> list[str]:
    if community.is_local and community.travels == "named":
        return await communities.list_hosts(conn, community.id)
    return []


def _mark(community_id: int, kind: str) -> str:
    return hashlib.sha256(f"{community_id} {kind}".encode()).hexdigest()[:12]
