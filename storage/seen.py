"""Ids of activities that were received, as hashes, for ever: a duplicate is known without its body.

The hash covers the server that sent it, so nobody can use up the ids of another server.
"""

from __future__ import annotations

import hashlib

from storage.db import Connection


def hash_of(uri: str, host: str) -> bytes:
    """16 bytes that stand for an id as told by one server."""
    return hashlib.sha256(f"{host}\n{uri}".encode("utf-8", "replace")).digest()[:16]


IS_SEEN = "select exists (select 1 from seen where hash = $1)"


async def is_seen(conn: Connection, uri: str, host: str) -> bool:
    return bool(await conn.fetchval(IS_SEEN, hash_of(uri, host)))
