"""The threads on somebody's own page: of all communities they are in or read along in, mixed."""

from __future__ import annotations

from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection
from storage.threads import LINE_COLUMNS, PAST_ALL, ThreadLine

# Candidates first, by the index of their communities alone, and the rule for those few: asked for
# every line of every community it costs several times as much. A candidate that the rule hides
# comes as a row of nulls, so that the caller knows where to go on. The host is a constant, since
# only people here have a home: what the rule says of other servers is then left out of the plan.
LIST_HOME = f"""
select k.active_at as candidate_active_at, k.id as candidate_id, t.*
from (
  select l.id, l.active_at
  from (
    select community_id from memberships where actor_id = $1 and state = 'accepted'
    union
    select community_id from subscriptions where actor_id = $1) m
  join visible_communities($1::bigint, null::text) c on c.actor_id = m.community_id
  cross join lateral (
    select p.id, p.active_at
    from posts p
    where p.community_id = m.community_id and p.kind = 'thread'
      and (p.active_at, p.id) < ($2::timestamptz, $3::bigint)
    order by p.active_at desc, p.id desc
    limit $4) l
  order by l.active_at desc, l.id desc
  limit $4) k
left join lateral (
  select {LINE_COLUMNS}
  from wanted_posts($1::bigint, null::text) p
  join actors a on a.id = p.author_id
  where p.id = k.id
  offset 0) t on true
order by k.active_at desc, k.id desc
"""

MOST_CANDIDATES = 320


async def list_home(
    conn: Connection, viewer: Viewer, *, before: tuple[datetime, int] | None = None, limit: int
) -> list[ThreadLine]:
    """Threads of communities that the viewer is in or reads along in, the latest active first."""
    found: list[ThreadLine] = []
    if viewer.host is not None:
        return found
    at, thread_id = before or PAST_ALL
    batch = limit
    while len(found) < limit:
        rows = await conn.fetch(LIST_HOME, viewer.actor_id, at, thread_id, batch)
        found += [ThreadLine(*row[2:]) for row in rows if row["id"] is not None]
        if len(rows) < batch:
            break
        at, thread_id = rows[-1][:2]
        batch = min(2 * batch, MOST_CANDIDATES)
    return found[:limit]
