"""A direct message of somebody elsewhere, for people of this server.

A post is one when it is for people alone: neither Public, nor followers, nor a community is among
its addressees. Others that it names elsewhere are not kept: an answer goes to its author.
"""

from __future__ import annotations

from federation.receive.drafts import message_of, origin_of
from federation.receive.job import Change, Job
from federation.vocabulary.types import PUBLIC, Post
from forum import messages
from storage import actors
from storage.actors import Actor
from storage.db import Connection

MOST_LOOKED_UP = 50


async def people_addressed(job: Job, uris: tuple[str, ...]) -> list[Actor]:
    """The people here to whom alone a post is addressed; nobody when it is for more."""
    if PUBLIC in uris or job.actor.followers in uris:
        return []
    ours = [uri for uri in dict.fromkeys(uris[:MOST_LOOKED_UP]) if job.fed.site.is_local_uri(uri)]
    async with job.fed.database.read() as conn:
        found = await actors.list_by_uris_unfiltered(conn, ours) if ours else []
    is_for_people = len(found) == len(ours) and all(one.kind == "person" for one in found)
    return found if is_for_people else []


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
