"""What was taken back before it came: likes and Follows whose Undo overtook them.

Their ids are used again (Misskey, and ours), so this is remembered for minutes only; what comes
later is meant anew. A hash is kept, since what it stands for says who joins and likes what.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from storage.db import Connection
from storage.seen import hash_of

REMEMBER = """
insert into undone (hash, at)
select distinct h.hash, $2::timestamptz
from unnest($1::bytea[]) as h (hash)
order by h.hash
on conflict (hash) do update set at = excluded.at
"""

IS_REMEMBERED = """
select exists (select 1 from undone where hash = any($1::bytea[]) and at > $2)
"""

DROP_OLD = "delete from undone where at < $1"


def key_of(kind: str, actor_uri: str, object_uri: str, content: str = "") -> str:
    """Stands for an activity that is told without its id."""
    return "\n".join((kind, actor_uri, object_uri, content))


async def remember(conn: Connection, host: str, keys: Iterable[str], now: datetime) -> None:
    """That server took back what these ids, or keys, stand for."""
    await conn.execute(REMEMBER, [hash_of(key, host) for key in keys if key], now)


async def is_remembered(conn: Connection, host: str, keys: Iterable[str], since: datetime) -> bool:
    """Whether that server took any of these back since then."""
    hashes = [hash_of(key, host) for key in keys if key]
    return bool(await conn.fetchval(IS_REMEMBERED, hashes, since))


async def drop_old(conn: Connection, before: datetime) -> None:
    """Forget what was taken back before then."""
    await conn.execute(DROP_OLD, before)
