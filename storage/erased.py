"""What was erased here, as hashes for ever: a backup that is restored is erased again by them."""

from __future__ import annotations

import hashlib

from storage.db import Connection, fetch_all
from storage.threads import COLUMNS, Post

LENGTH = 16


def hash_of(uri: str) -> bytes:
    """16 bytes that stand for what had this URI."""
    return hashlib.sha256(uri.encode("utf-8", "replace")).digest()[:LENGTH]


NOTE = "insert into erased (uri_hash) values ($1) on conflict do nothing"


async def note(conn: Connection, uri: str) -> None:
    await conn.execute(NOTE, hash_of(uri))


TAKE_UNWRITTEN = """
update erased e set is_written = true
from (
  select uri_hash from erased where not is_written order by uri_hash limit $1
  for update skip locked) u
where e.uri_hash = u.uri_hash
returning e.uri_hash
"""


async def take_unwritten(conn: Connection, limit: int) -> list[bytes]:
    """Those that stand in no file yet; the caller writes them before the transaction ends."""
    return [row["uri_hash"] for row in await conn.fetch(TAKE_UNWRITTEN, limit)]


ADD = """
insert into erased (uri_hash, is_written)
select h.hash, true from unnest($1::bytea[]) as h (hash) order by h.hash
on conflict do nothing
returning uri_hash
"""


async def add_written(conn: Connection, hashes: list[bytes]) -> list[bytes]:
    """Take over what stands in a file; those that were not known here."""
    return [row["uri_hash"] for row in await conn.fetch(ADD, hashes)]


LIST_POSTS = f"""
select {COLUMNS}
from posts p
where p.state <> 'erased'
  and substring(sha256(convert_to(p.uri, 'UTF8')) for 16) = any($1::bytea[])
order by p.thread_id, p.id
"""


async def list_posts_unfiltered(conn: Connection, hashes: list[bytes]) -> list[Post]:
    """Posts that are here again although they were erased. Reads the whole table."""
    return await fetch_all(conn, Post, LIST_POSTS, hashes)


LIST_ACTORS = """
select a.id from actors a
where a.is_local and a.kind = 'person' and a.state <> 'gone'
  and substring(sha256(convert_to(a.uri, 'UTF8')) for 16) = any($1::bytea[])
order by a.id
"""


async def list_actors_unfiltered(conn: Connection, hashes: list[bytes]) -> list[int]:
    """People who are here again although they closed their account. Reads the whole table."""
    return [row["id"] for row in await conn.fetch(LIST_ACTORS, hashes)]
