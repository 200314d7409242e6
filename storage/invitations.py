"""Invitation links. Only a hash of the token is stored."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from storage.audience import Viewer
from storage.communities import COLUMNS, Community
from storage.db import Connection, fetch_one

INSERT = """
insert into invitations (token_hash, community_id, created_by, uses_left, expires_at, created_at)
values ($1, $2, $3, $4, $5, $6)
"""


async def insert(
    conn: Connection,
    community_id: int,
    created_by: int,
    *,
    uses: int,
    expires_at: datetime,
    now: datetime,
) -> str:
    """Make an invitation; its token, which is stored nowhere else."""
    token = secrets.token_urlsafe(18)
    await conn.execute(INSERT, _hash(token), community_id, created_by, uses, expires_at, now)
    return token


READ_INVITED = """
select i.community_id
from invitations i
join actors a on a.id = i.community_id and a.state = 'live'
where i.token_hash = $1 and i.uses_left > 0 and i.expires_at > $2
"""


async def read_invited(conn: Connection, token: str, now: datetime) -> int | None:
    """The community that a still valid invitation leads to."""
    community_id: int | None = await conn.fetchval(READ_INVITED, _hash(token), now)
    return community_id


READ_INVITED_COMMUNITY = f"""
select {COLUMNS}
from invitations i
join communities c on c.actor_id = i.community_id
join actors a on a.id = i.community_id and a.state = 'live'
where i.token_hash = $1 and i.uses_left > 0 and i.expires_at > $2
"""


async def read_invited_community(conn: Connection, token: str, now: datetime) -> Community | None:
    """The name card that the holder of a valid invitation may see, even of an unlisted one."""
    return await fetch_one(conn, Community, READ_INVITED_COMMUNITY, _hash(token), now)


LOCK = """
select community_id from invitations
where token_hash = $1 and uses_left > 0 and expires_at > $2
for update
"""


async def lock(conn: Connection, token: str, now: datetime) -> int | None:
    """Like `read_invited`, and nobody else uses this invitation until the transaction ends."""
    community_id: int | None = await conn.fetchval(LOCK, _hash(token), now)
    return community_id


USE = "update invitations set uses_left = uses_left - 1 where token_hash = $1"


async def use(conn: Connection, token: str) -> None:
    """Take one use of an invitation that was locked before."""
    await conn.execute(USE, _hash(token))


COUNT_OPEN = """
select coalesce(sum(uses_left), 0)
from invitations
where community_id = $2 and expires_at > $3 and uses_left > 0
  and moderates($2, $1)
"""


async def count_open(conn: Connection, viewer: Viewer, community_id: int, now: datetime) -> int:
    """How many people could still come in by a link. 0 for anybody but moderators."""
    return int(await conn.fetchval(COUNT_OPEN, viewer.actor_id, community_id, now) or 0)


END_ALL = "delete from invitations where community_id = $1"


async def end_all(conn: Connection, community_id: int) -> None:
    """No link that was made until now opens this community any more."""
    await conn.execute(END_ALL, community_id)


TIDY = "delete from invitations where expires_at <= $1"


async def tidy(conn: Connection, now: datetime) -> None:
    await conn.execute(TIDY, now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
