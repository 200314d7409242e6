"""Places of posts that were gone before we heard of them, so that what answers them can stand."""

from __future__ import annotations

from datetime import datetime

from forum.errors import Conflict, Invalid
from forum.threads import AUDIENCE, DEPTH
from storage import posts, threads
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.threads import Post


async def keep_place(
    conn: Connection,
    community: Community,
    uri: str,
    *,
    above: Post | None,
    is_erased: bool,
    now: datetime,
) -> Post:
    """The place of a post that nobody can read any more, in a community elsewhere.

    Nothing is known of it but its URI, so it counts as the community's. It stands below `above`,
    or else at the top of a conversation of its own.
    """
    if community.is_local or (above is not None and above.community_id != community.id):
        raise Invalid("not_elsewhere")
    known = await threads.read_by_uri_unfiltered(conn, uri)
    if known is not None:
        return known
    post_id = new_id(now)
    place = Post(
        id=post_id,
        uri=uri,
        url=None,
        kind="thread" if above is None else "reply",
        author_id=community.id,
        community_id=community.id,
        thread_id=post_id if above is None else above.thread_id,
        parent_id=None if above is None else above.id,
        path=[post_id] if above is None else [*above.path[:DEPTH], post_id],
        audience=AUDIENCE[community.readers],
        state="erased" if is_erased else "removed",
        title="",
        source="",
        html="",
        content_note="",
        sensitive=False,
        language="",
        is_local=False,
        published_at=now,
        edited_at=None,
        version=1,
        type="Note",
        parts=None,
    )
    kept = await posts.insert(conn, place) or await threads.read_by_uri_unfiltered(conn, uri)
    if kept is None:
        raise Conflict("uri_taken")
    return kept
