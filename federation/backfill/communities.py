"""The history of a public community: the threads in its outbox, each with its conversation."""

from __future__ import annotations

from datetime import timedelta

from federation.address import is_same_origin
from federation.backfill.reading import Reading
from federation.vocabulary.fields import reference
from storage import backfills

READ_AGAIN = timedelta(minutes=10)


async def read_community(reading: Reading, uri: str) -> None:
    """Have every thread of the outbox read, as far as it goes."""
    fed, community = reading.fed, reading.community
    document = await fed.fetcher.document(uri, reading.budget)
    async for items in reading.pages(reference(document.get("outbox"), "outbox")):
        now = fed.clock.now()
        async with fed.database.quiet_write() as conn:
            for item in items:
                context = item.context
                if context is None or not is_same_origin(context, community.uri):
                    context = item.uri
                if fed.site.is_local_uri(context):
                    continue
                await backfills.add(
                    conn,
                    context,
                    "thread",
                    community.id,
                    community.host,
                    now,
                    unless_since=now - READ_AGAIN,
                )
