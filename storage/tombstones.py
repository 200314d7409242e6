"""Deletions of posts that we do not have, in case the post comes after its deletion.

A deletion counts only for the server that told it: nobody can keep another server's posts out.
"""

from __future__ import annotations

from datetime import datetime

from storage.db import Connection
from storage.seen import hash_of

REMEMBER = """
insert into tombstones (hash, host, at) values ($1, $2, $3) on conflict do nothing
"""


async def remember(conn: Connection, uri: str, host: str, now: datetime) -> None:
    """`host` says that the post at `uri` is deleted."""
    await conn.execute(REMEMBER, hash_of(uri, host), host, now)


IS_REMEMBERED = "select exists (select 1 from tombstones where hash = $1 and host = $2)"


async def is_remembered(conn: Connection, uri: str, host: str) -> bool:
    """Whether that server told us that the post is deleted."""
    return bool(await conn.fetchval(IS_REMEMBERED, hash_of(uri, host), host))
