"""What posts said before they were edited: seen by those who may see the post, gone with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.audience import Viewer
from storage.db import Connection, fetch_all
from storage.threads import Post

MOST_KEPT = 100  # the oldest go first: a program elsewhere may edit without end


@dataclass(frozen=True, slots=True)
class Edit:
    """An earlier state. `written_at` is when the post began to say this."""

    id: int
    post_id: int
    title: str
    source: str
    html: str
    content_note: str
    sensitive: bool
    language: str
    parts: Any  # read with storage.parts.parts_of
    written_at: datetime


# Two edits that are taken in within a millisecond keep their order.
KEEP = """
insert into edits (id, post_id, title, source, html, content_note, sensitive, language, parts,
  written_at)
select greatest($1::bigint, max(e.id) + 1), $2::bigint, $3, $4, $5, $6, $7, $8, $9, $10
from edits e
where e.post_id = $2
"""

DROP_OLDEST = """
delete from edits
where id in (
  select e.id from edits e where e.post_id = $1 order by e.id desc offset $2)
"""


async def keep(conn: Connection, edit_id: int, post: Post) -> None:
    """Keep what the post says now, before it says something else."""
    await conn.execute(
        KEEP,
        edit_id,
        post.id,
        post.title,
        post.source,
        post.html,
        post.content_note,
        post.sensitive,
        post.language,
        post.parts,
        post.edited_at or post.published_at,
    )
    await conn.execute(DROP_OLDEST, post.id, MOST_KEPT)


LIST = """
select e.id, e.post_id, e.title, e.source, e.html, e.content_note, e.sensitive, e.language,
  e.parts, e.written_at
from visible_posts($1::bigint, $2::text) p
join edits e on e.post_id = p.id
where p.id = $3
order by e.id desc
limit $4
"""


async def list_edits(conn: Connection, viewer: Viewer, post_id: int, limit: int) -> list[Edit]:
    """What the post said before, the latest first. Empty when the post is hidden."""
    return await fetch_all(conn, Edit, LIST, viewer.actor_id, viewer.host, post_id, limit)


DROP = "delete from edits where post_id = $1"


async def drop_of_post(conn: Connection, post_id: int) -> None:
    await conn.execute(DROP, post_id)
