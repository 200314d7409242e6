"""What a Delete says again of what it takes back, which goes with it."""

from __future__ import annotations

from federation.receive.job import Job
from federation.vocabulary.envelope import object_of
from storage import inbox
from storage.db import Connection

TOMBSTONE_FIELDS = frozenset(
    {"@context", "id", "type", "formerType", "deleted", "published", "updated", "atomUri", "url"}
)


async def forget_repeated(conn: Connection, job: Job) -> None:
    """Keep no body of a Delete, or of an Announce of one, that repeats the whole post.

    Some servers do. It is told again in our own words then.
    """
    if job.source_uri is not None and not _is_wordless(job.fields):
        await inbox.drop_body(conn, job.source_uri)


def _is_wordless(activity: object) -> bool:
    told = object_of(activity) if isinstance(activity, dict) else None
    if isinstance(told, dict) and "object" in told:
        told = object_of(told)  # it is the Delete that an Announce passes on
    return not isinstance(told, dict) or set(told) <= TOMBSTONE_FIELDS
