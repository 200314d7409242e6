"""What another server is told of its own people who follow our communities (FEP-8fcf).

With what a community announces goes a digest of its followers there, and who finds that it has
others can ask for the list. Nobody learns of anybody but their own: to be a member is health data.
"""

from __future__ import annotations

from time import monotonic

from federation.door import Ask, Shown
from federation.render import collections as lists
from federation.render.document import to_bytes
from forum.errors import NotFound
from forum.site import Site
from storage import communities, followers
from storage.db import Connection

FRESH_SECONDS = 600.0  # a change of the last hour is left alone by those who compare
MAX_DIGESTS = 20_000
MOST_FOLLOWERS = 5000  # more of one server are not listed in one document


class Digests:
    """Headers for deliveries, by community and server, kept for a while."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: dict[tuple[int, str], tuple[float, str | None]] = {}

    async def prepare(self, conn: Connection, wanted: set[tuple[int, str]]) -> None:
        """Read what is not known for these communities and servers, in one statement."""
        now = monotonic()
        missing = sorted(pair for pair in wanted if self._known.get(pair, (0.0,))[0] <= now)
        if not missing:
            return
        if len(self._known) >= MAX_DIGESTS:
            self._known.clear()
        self._known.update(dict.fromkeys(missing, (now + FRESH_SECONDS, None)))
        for found in await followers.read_digests_unfiltered(
            conn, [community_id for community_id, _ in missing], [host for _, host in missing]
        ):
            if found.number <= MOST_FOLLOWERS:
                header = self._header(found.community_id, f"{int(found.bits, 2):064x}")
                self._known[found.community_id, found.host] = (now + FRESH_SECONDS, header)

    def header(self, community_id: int, host: str) -> str | None:
        return self._known.get((community_id, host), (0.0, None))[1]

    def _header(self, community_id: int, digest: str) -> str:
        collection = self._site.followers_uri(community_id)
        url = self._site.followers_there_uri(community_id)
        return f'collectionId="{collection}", digest="{digest}", url="{url}"'


async def show_followers_there(ask: Ask) -> Shown:
    """The followers of a community on the server that asks, and signs its request."""
    if not ask.viewer.host:
        raise NotFound
    community = await communities.read_community_by_id(ask.conn, ask.viewer, ask.number())
    if community is None or not community.is_local:
        raise NotFound
    uris = await followers.list_there(ask.conn, ask.viewer, community.id)
    document = lists.full(ask.site.followers_there_uri(community.id), uris[:MOST_FOLLOWERS])
    return Shown(to_bytes(document), False)
