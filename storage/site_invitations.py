"""Invitations to this server, not to a community. Only a hash of the token is stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from storage.db import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class SiteInvitation:
    """A link that can still be used, known by the hash of what stands in it."""

    token_hash: bytes
    made_by: str
    uses_left: int
    expires_at: datetime
    created_at: datetime


INSERT = """
insert into invitations (token_hash, created_by, uses_left, expires_at, created_at)
values ($1, $2, $3, $4, $5)
"""


async def make(
    conn: Connection, created_by: int, *, uses: int, expires_at: datetime, now: datetime
) -> str:
    """An invitation; its token, which is stored nowhere else."""
    token = secrets.token_urlsafe(18)
    await conn.execute(INSERT, _hash(token), created_by, uses, expires_at, now)
    return token


IS_VALID = """
select exists (
  select 1 from invitations
  where token_hash = $1 and community_id is null and uses_left > 0 and expires_at > $2)
"""


async def is_valid(conn: Connection, token: str, now: datetime) -> bool:
    return bool(await conn.fetchval(IS_VALID, _hash(token), now))


USE = """
update invitations set uses_left = uses_left - 1
where token_hash = $1 and community_id is null and uses_left > 0 and expires_at > $2
returning uses_left
"""


async def use(conn: Connection, token: str, now: datetime) -> bool:
    """Take one of its uses; False when there is none left."""
    return await conn.fetchval(USE, _hash(token), now) is not None


LIST_OPEN = """
select i.token_hash, a.name as made_by, i.uses_left, i.expires_at, i.created_at
from invitations i
join actors a on a.id = i.created_by
where i.community_id is null and i.uses_left > 0 and i.expires_at > $1
order by i.created_at desc, i.token_hash
limit 500
"""


async def list_open(conn: Connection, now: datetime) -> list[SiteInvitation]:
    """For administrators: links that can still be used, newest first."""
    return await fetch_all(conn, SiteInvitation, LIST_OPEN, now)


END = "delete from invitations where token_hash = $1 and community_id is null"


async def end(conn: Connection, token_hash: bytes) -> None:
    await conn.execute(END, token_hash)


END_ALL = "delete from invitations where community_id is null"


async def end_all(conn: Connection) -> None:
    await conn.execute(END_ALL)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
