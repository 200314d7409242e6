"""Reading along in a public community elsewhere without telling its server who reads.

This server has one actor of type Service that follows for everybody: the other server sees that
somebody here reads, and nothing more. Who wants to write becomes a member under their own name.
"""

from __future__ import annotations

from datetime import datetime

from forum import access
from forum.errors import Conflict, NotAllowed
from forum.events import MembershipAsked, MembershipLeft
from forum.keypairs import Keypair, store_keypair
from forum.outbox import record_event
from forum.site import Site
from storage import accounts, actors, memberships, subscriptions
from storage import site as sites
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.memberships import Membership

NAMES = ("reader", *(f"reader_{number}" for number in range(2, 100)))


def may_subscribe(community: Community) -> bool:
    """Where people are let in one by one, each asks under their own name."""
    return not community.is_local and community.readers == "anyone" and community.joining == "open"


async def make_reader(conn: Connection, site: Site, keypair: Keypair, now: datetime) -> Actor:
    """The actor that follows for everybody here; made once."""
    await sites.lock_site(conn)
    known = await subscriptions.read_reader_unfiltered(conn)
    if known is not None:
        return known
    for name in NAMES:
        reader = _reader(site, name, now)
        if await actors.insert(conn, reader):
            await store_keypair(conn, site, reader.id, keypair)
            return reader
    raise Conflict("name_taken")


async def subscribe(
    conn: Connection,
    site: Site,
    community: Community,
    actor: Actor,
    reader: Actor,
    now: datetime,
) -> None:
    """Read along. The reader follows for the first one, and again after it was refused."""
    access.require_may_act(actor, await accounts.read_account(conn, actor.id))
    if not may_subscribe(community):
        raise NotAllowed("join_to_read")
    await subscriptions.hold(conn, community.id)
    await subscriptions.insert(conn, community.id, actor.id, now)
    follow_uri = site.follow_uri(reader.id, community.id)
    asking = Membership(community.id, reader.id, "asked", "member", [], follow_uri, None, None, "")
    if await memberships.enter(conn, asking, now, unless=("asked", "accepted")) is not None:
        await record_event(conn, MembershipAsked(community.id, reader.id, follow_uri))


async def unsubscribe(conn: Connection, community_id: int, actor: Actor, now: datetime) -> None:
    """Read along no more. After the last one, the reader takes its Follow back."""
    await subscriptions.hold(conn, community_id)
    if await subscriptions.delete(conn, community_id, actor.id):
        await _follow_no_more(conn, community_id, now)


async def end_all_in(conn: Connection, community_id: int, now: datetime) -> None:
    """The community closed: from now on only its members read it, each under their own name."""
    await subscriptions.hold(conn, community_id)
    await subscriptions.delete_all(conn, community_id)
    await _follow_no_more(conn, community_id, now)


async def _follow_no_more(conn: Connection, community_id: int, now: datetime) -> None:
    """The reader takes its Follow back, unless somebody still reads along."""
    reader = await subscriptions.read_reader_unfiltered(conn)
    if reader is None or await subscriptions.has_any(conn, community_id):
        return
    left = await memberships.change_state(
        conn, community_id, reader.id, "left", now, when=("asked", "accepted")
    )
    if left is not None and left.follow_uri is not None:
        await record_event(conn, MembershipLeft(community_id, reader.id, left.follow_uri))


async def unsubscribe_all(conn: Connection, actor: Actor, now: datetime) -> None:
    """Somebody leaves this server for good."""
    for community_id in await subscriptions.list_ids_unfiltered(conn, actor.id):
        await unsubscribe(conn, community_id, actor, now)


def _reader(site: Site, name: str, now: datetime) -> Actor:
    actor_id = new_id(now)
    return Actor(
        id=actor_id,
        uri=site.actor_uri(actor_id),
        kind="person",
        type="Service",
        host=site.host,
        is_local=True,
        name=name,
        display_name="",
        summary_html="",
        url=site.person_url(name),
        inbox=site.inbox_uri(actor_id),
        shared_inbox=site.shared_inbox,
        followers=site.followers_uri(actor_id),
        state="live",
    )
