"""A direct message as a document, with the rows that it takes."""

from __future__ import annotations

from federation.render import messages as render
from federation.render.document import Document
from forum.site import Site
from storage import conversations
from storage.actors import Actor
from storage.db import Connection
from storage.threads import Post, read_unfiltered


async def document_of(conn: Connection, site: Site, post: Post, author: Actor) -> Document:
    """The message of somebody here; what it answers is named by its id alone."""
    parent = None
    if post.parent_id is not None:
        parent = await read_unfiltered(conn, post.parent_id)
    first = await read_unfiltered(conn, post.thread_id)
    return render.note(
        site,
        post,
        author,
        await others_in(conn, post),
        post.uri if first is None else first.uri,
        None if parent is None else parent.uri,
    )


async def others_in(conn: Connection, post: Post) -> list[Actor]:
    """All to whom a message is said."""
    people = await conversations.list_actors_unfiltered(conn, post.thread_id)
    return [one for one in people if one.id != post.author_id]
