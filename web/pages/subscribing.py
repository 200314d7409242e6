"""Reading along in a public community of another server, through this server's own reader."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from forum import subscriptions
from forum.errors import NotAllowed
from forum.keypairs import new_keypair
from storage.subscriptions import read_reader_unfiltered
from web import respond
from web.pages.communities import find_community
from web.pages.front import address_of
from web.pages.joining import own
from web.visit import Visit

SUBSCRIPTIONS_PER_DAY = 100


async def subscribe(visit: Visit) -> Response:
    visit.require_member()
    services = visit.services
    async with services.database.read() as conn:
        community = await find_community(visit, conn)
        reader = await read_reader_unfiltered(conn)
    if not subscriptions.may_subscribe(community):
        raise NotAllowed("join_to_read")
    await visit.count("subscribe", most=SUBSCRIPTIONS_PER_DAY, per=timedelta(days=1))
    keypair = None if reader is not None else await new_keypair()
    async with services.database.write() as conn:
        if keypair is not None:
            reader = await subscriptions.make_reader(conn, visit.site, keypair, visit.now)
        if reader is not None:
            await subscriptions.subscribe(
                conn, visit.site, community, await own(visit, conn), reader, visit.now
            )
    return respond.redirect(visit, address_of(community), done="subscribed")


async def unsubscribe(visit: Visit) -> Response:
    visit.require_member()
    async with visit.services.database.write() as conn:
        community = await find_community(visit, conn)
        await subscriptions.unsubscribe(conn, community.id, await own(visit, conn), visit.now)
    return respond.redirect(visit, address_of(community), done="unsubscribed")
