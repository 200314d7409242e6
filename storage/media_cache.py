"""Pictures that posts of other servers carry: which of them rest in a file here, and since when.

A row belongs to one post and one address. It never says the address: the post does, as long as it
is there. A file goes after its row was marked, so that none is left that nothing knows of.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.db import Connection, fetch_all, fetch_one

CLAIM_ENDS = timedelta(minutes=1)  # longer than a fetch may take: whoever had it is gone
FAILURE_KEPT = timedelta(hours=1)
USE_NOTED_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cached:
    """`state` is fetching, kept, failed or dropped; `name` is that of its files."""

    state: str
    name: str
    fetched_at: datetime
    used_at: datetime

    def is_settled(self, now: datetime) -> bool:
        """Whether there is nothing to fetch now: it is here, or was tried not long ago."""
        if self.state == "failed":
            return self.fetched_at > now - FAILURE_KEPT
        return self.state in ("kept", "dropped")


def key_of(post_id: int, url: str) -> bytes:
    """What finds the row of this address in this post."""
    return hashlib.sha256(f"{post_id} {url}".encode()).digest()


READ = "select state, name, fetched_at, used_at from media_cache where hash = $1"


async def read_unfiltered(conn: Connection, key: bytes) -> Cached | None:
    return await fetch_one(conn, Cached, READ, key)


# Only for a post that is still there and still carries this address: since it was read, the fetch
# may have waited. The lock lets nobody erase or edit the post until this is committed, so that
# whoever does either finds the row or comes first.
CLAIM = """
insert into media_cache as c (hash, post_id, state, name, fetched_at, used_at)
select $1, p.id, 'fetching', $6, $3, $3
from (
  select id from posts
  where id = $2 and state <> 'erased' and exists (
    select 1 from jsonb_array_elements(parts -> 'attachments') a
    where sha256(convert_to(id || ' ' || (a ->> 'url'), 'UTF8')) = $1)
  for share) p
on conflict (hash) do update
set state = 'fetching', name = excluded.name, bytes = 0, fetched_at = excluded.fetched_at,
  used_at = excluded.used_at
where (c.state = 'fetching' and c.fetched_at <= $4) or (c.state = 'failed' and c.fetched_at <= $5)
returning c.hash
"""


async def claim(conn: Connection, key: bytes, post_id: int, now: datetime, name: str) -> bool:
    """Whether the caller is the one who fetches it, until CLAIM_ENDS.

    The files are called `name`. It stands here before any of them is written, so that they are
    found whatever breaks in between.
    """
    ends = (now - CLAIM_ENDS, now - FAILURE_KEPT)
    return await conn.fetchval(CLAIM, key, post_id, now, *ends, name) is not None


KEEP = """
update media_cache set state = 'kept', bytes = $3, used_at = $2
where hash = $1 and state = 'fetching' and fetched_at = $2
returning hash
"""


async def keep(conn: Connection, key: bytes, claimed_at: datetime, size: int) -> bool:
    """Its files are here; False when they are not wanted any more, and the caller drops them."""
    return await conn.fetchval(KEEP, key, claimed_at, size) is not None


FAIL = """
update media_cache set state = 'failed', fetched_at = $3
where hash = $1 and state = 'fetching' and fetched_at = $2
"""


async def fail(conn: Connection, key: bytes, claimed_at: datetime, now: datetime) -> None:
    """It could not be had: nobody asks for it again for FAILURE_KEPT."""
    await conn.execute(FAIL, key, claimed_at, now)


GIVE_BACK = "delete from media_cache where hash = $1 and state = 'fetching' and fetched_at = $2"


async def give_back(conn: Connection, key: bytes, claimed_at: datetime) -> None:
    """It was not tried after all: whoever looks next tries."""
    await conn.execute(GIVE_BACK, key, claimed_at)


NOTE_USE = "update media_cache set used_at = $2 where hash = $1 and state = 'kept'"


async def note_use(conn: Connection, key: bytes, now: datetime) -> None:
    """Somebody looks at it, so it stays."""
    await conn.execute(NOTE_USE, key, now)


DROP_LOST = "delete from media_cache where hash = $1 and name = $2"


async def drop_lost(conn: Connection, key: bytes, name: str) -> None:
    """Its file is not there any more, whoever removed it."""
    await conn.execute(DROP_LOST, key, name)


DROP_OF_POST = """
update media_cache set state = 'dropped'
where post_id = $1 and state <> 'dropped' and hash <> all($2::bytea[])
"""


async def drop_of_post(conn: Connection, post_id: int, keeping: list[bytes] | None = None) -> None:
    """The post is erased, or carries only these from now on: the other files go."""
    await conn.execute(DROP_OF_POST, post_id, keeping or [])


DROP_OLD = """
update media_cache set state = 'dropped'
where hash in (
  select hash from media_cache
  where used_at < $1 and state <> 'dropped'
  order by used_at
  limit $2)
"""


async def drop_old(conn: Connection, before: datetime, limit: int) -> int:
    """What nobody has looked at since then goes; how many went."""
    return int((await conn.execute(DROP_OLD, before, limit)).rpartition(" ")[2])


SUM_BYTES = "select coalesce(sum(bytes), 0)::bigint from media_cache where state = 'kept'"

DROP_BEYOND = """
update media_cache set state = 'dropped'
where hash in (
  select hash from (
    select hash, sum(bytes) over (order by used_at desc, hash) as with_it
    from media_cache
    where state = 'kept') c
  where c.with_it > $1)
"""


async def make_room(conn: Connection, most: int) -> None:
    """No more than so many bytes stay: what was looked at last."""
    if int(await conn.fetchval(SUM_BYTES)) > most:
        await conn.execute(DROP_BEYOND, most)


@dataclass(frozen=True, slots=True)
class Dropped:
    hash: bytes
    name: str


CLAIM_DROPPED = """
select hash, name from media_cache
where state = 'dropped' and hash > $1 and (bytes > 0 or fetched_at <= $2)
order by hash
limit $3
for update skip locked
"""


async def claim_dropped(
    conn: Connection, now: datetime, *, after: bytes, limit: int
) -> list[Dropped]:
    """What is to go, from behind that hash, for this transaction: its files, then `forget` it.

    One that was dropped while it was fetched waits for its claim to end: by then its files are
    written, or whoever writes them later finds that nobody wants them and drops them.
    """
    return await fetch_all(conn, Dropped, CLAIM_DROPPED, after, now - CLAIM_ENDS, limit)


FORGET = "delete from media_cache where hash = any($1::bytea[])"


async def forget(conn: Connection, keys: list[bytes]) -> None:
    await conn.execute(FORGET, keys)


LIST_KNOWN = "select name from media_cache where name = any($1::text[])"


async def list_known_unfiltered(conn: Connection, names: list[str]) -> set[str]:
    """Those of these files that some row knows of."""
    return {str(row["name"]) for row in await conn.fetch(LIST_KNOWN, names)}
