"""Deletions of posts that we do not have, in case the post comes after its deletion.

A deletion counts only for the server that told it: nobody can keep another server's posts out.
Whoever stores a post and whoever is told of its deletion wait for each other, by its URI: else
neither would see what the other one has not committed yet.
"""

from __future__ import annotations

from collections.abc import Iterable
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


HOLD = "select pg_advisory_xact_lock(hashtextextended($1, 0))"


async def hold(conn: Connection, uri: str) -> None:
    """Nobody stores a post of this URI until the transaction ends; who is storing it comes first.

    What is read by the next statement is as it is then.
    """
    await conn.execute(HOLD, uri)


MAY_COME = "select may_come($1, $2::bytea[])"


async def may_come(conn: Connection, uri: str, hosts: Iterable[str]) -> bool:
    """Whether none of these servers told us that the post is deleted, before it is stored."""
    hashes = [hash_of(uri, host) for host in set(hosts)]
    return bool(await conn.fetchval(MAY_COME, uri, hashes))
