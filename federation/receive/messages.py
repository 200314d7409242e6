"""A direct message of somebody elsewhere, for people of this server.

A post is one when it is for people alone: neither Public, nor followers, nor a community is among
its addressees. Others that it names elsewhere are not kept: an answer goes to its author.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from federation.receive.drafts import message_of, origin_of
from federation.receive.job import Change, Job
from federation.vocabulary.types import PUBLIC, Create, Post
from forum import messages
from storage import actors
from storage.actors import Actor
from storage.db import Connection

MOST_LOOKED_UP = 50
FOLLOWERS = "/followers"  # how servers name what is not a person's to be asked for


async def people_addressed(job: Job, create: Create, post: Post) -> list[Actor]:
    """The people here to whom alone a post is addressed; nobody when it is for more.

    What names a group as its `audience` (FEP-1b12), or any community that is known here, is said
    there, also if its author's server knows the community and we do not.
    """
    uris = tuple(dict.fromkeys((*post.addressed, *create.addressed)))
    has_audience = post.has_audience or create.has_audience
    if has_audience or len(uris) > MOST_LOOKED_UP or _names_many(job, uris):
        return []
    ours = {uri for uri in uris if job.fed.site.is_local_uri(uri)}
    async with job.fed.database.read() as conn:
        known = await actors.list_by_uris_unfiltered(conn, list(uris)) if ours else []
    found = [one for one in known if one.uri in ours]
    is_for_people = len(found) == len(ours) and all(one.kind == "person" for one in known)
    return found if is_for_people else []


def _names_many(job: Job, uris: tuple[str, ...]) -> bool:
    """Whether it is for everybody, or for the followers of anybody."""
    return any(
        uri in (PUBLIC, job.actor.followers) or urlsplit(uri).path.endswith(FOLLOWERS)
        for uri in uris
    )


def take_message(job: Job, post: Post, people: list[Actor]) -> Change:
    """Keep it in the conversation of its author with these people."""
    draft = message_of(post)
    origin = origin_of(post, job.source_uri, job.now)

    async def change(conn: Connection) -> int:
        stored = await messages.send(
            conn,
            job.fed.site,
            job.actor,
            people,
            draft,
            now=job.now,
            origin=origin,
            answers=post.in_reply_to,
        )
        return stored.id

    return change
