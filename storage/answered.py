"""Receipts of which every server has answered: their owners are told once, if they want mail."""

from __future__ import annotations

from datetime import datetime

from storage.db import Connection

CLAIM = """
update erasures s set mailed_at = $1
from (
  select e.id from erasures e
  join accounts c on c.actor_id = e.actor_id and c.state = 'open'
    and c.message_mail_after is not null and c.email_confirmed_at is not null
  where e.kind = 'post' and e.done_at is not null and e.mailed_at is null
    and exists (select 1 from erasure_hosts h where h.erasure_id = e.id)
    and not exists (
      select 1 from erasure_hosts h where h.erasure_id = e.id and h.state = 'waiting')
  order by e.id
  limit $2
  for update of e skip locked) due
where s.id = due.id
returning s.actor_id
"""


async def claim(conn: Connection, now: datetime, limit: int) -> list[int]:
    """Whose they are, each person once; none of these receipts is told of again."""
    rows = await conn.fetch(CLAIM, now, limit)
    return sorted({row["actor_id"] for row in rows})
