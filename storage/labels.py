"""What members say of themselves in a community, and what stands beside their names there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.audience import Viewer
from storage.db import Connection, fetch_one


@dataclass(frozen=True, slots=True)
class Badge:
    """What stands beside somebody's name in one community."""

    label: str | None
    professional_until: datetime | None


NO_BADGE = Badge(None, None)

SET_LABEL = """
update memberships set label = $3, shows_label = $4
where community_id = $1 and actor_id = $2 and state = 'accepted'
"""


async def set_label(
    conn: Connection, community_id: int, actor_id: int, label: str | None, *, is_shown: bool
) -> None:
    """What a member says of themselves in this community."""
    await conn.execute(SET_LABEL, community_id, actor_id, label, is_shown)


READ_BADGE = """
select case when m.shows_label then m.label end as label,
  case when m.role = 'professional' then m.role_until end as professional_until
from memberships m
join readable_communities($1::bigint, $2::text) c on c.actor_id = m.community_id
where m.community_id = $3 and m.actor_id = $4 and m.state = 'accepted'
"""


async def read_badge(
    conn: Connection, viewer: Viewer, community_id: int, actor_id: int
) -> Badge | None:
    """What stands beside the name of a member, for whoever reads the community."""
    return await fetch_one(
        conn, Badge, READ_BADGE, viewer.actor_id, viewer.host, community_id, actor_id
    )


LIST_LABELLED = """
select community_id from memberships
where actor_id = $1 and state = 'accepted' and label is not null
order by community_id
"""


async def list_labelled(conn: Connection, actor_id: int) -> list[int]:
    """The communities in which somebody says something of themselves."""
    return [record[0] for record in await conn.fetch(LIST_LABELLED, actor_id)]
