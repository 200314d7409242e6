"""The read rule on a full server: 400,000 posts, 150,000 memberships, 20,000 people.

`python -m bench.crowded` makes such a database and prints what the rule costs on a home timeline,
what is hidden and what is unknown take, and every statement that reads a large table as a whole.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import asyncpg

from bench.figures import Limit, limit_table, machine
from server import migrate
from server.embedded_pg import EmbeddedPostgres
from storage import communities, home, threads
from storage.audience import NOBODY, Viewer
from storage.db import Connection, Database
from tests import factories
from tests.test_statements import statements

PEOPLE, COMMUNITIES, MEMBERSHIPS, POSTS = 20_000, 500, 150_000, 400_000
CLOSED_IN = 2  # every second community is for its members
WARM, MEASURED = 10, 300
LARGE = ("posts", "memberships", "actors")

PERSONS = """
insert into actors (id, uri, kind, type, host, is_local, name, inbox, shared_inbox)
select 1000 + n, 'https://h' || n % 200 || '.test/u/' || n, 'person', 'Person',
  'h' || n % 200 || '.test', false, 'p' || n, 'https://h' || n % 200 || '.test/u/' || n || '/inbox',
  'https://h' || n % 200 || '.test/inbox'
from generate_series(1, $1::int) n
"""
GROUPS = """
insert into actors (id, uri, kind, type, host, is_local, name, inbox)
select 500000 + n, 'https://here.test/ap/actors/' || 500000 + n, 'community', 'Group', 'here.test',
  true, 'g' || n, 'https://here.test/inbox'
from generate_series(1, $1::int) n
"""
ANSWERS = """
insert into communities (actor_id, readers, travels, listed, indexed, joining)
select 500000 + n, case when n % $2 = 0 then 'members' else 'anyone' end,
  case when n % $2 = 0 then 'nowhere' else 'anywhere' end, true, false, 'open'
from generate_series(1, $1::int) n
"""
JOINED = """
insert into memberships (community_id, actor_id, state, joined_at)
select 500001 + n % $2, 1001 + (n * 41::bigint + n / $2) % $3, 'accepted', now()
from generate_series(1, $1::int) n
on conflict do nothing
"""
WRITTEN = """
insert into posts (id, uri, kind, author_id, community_id, thread_id, parent_id, path, audience,
  title, source, html, is_local, published_at, active_at)
select 10000000 + n, 'https://here.test/ap/posts/' || 10000000 + n,
  case when n % 10 = 0 then 'thread' else 'reply' end, 1001 + (n * 31) % $3,
  500001 + (n / 10) % $2, 10000000 + n - n % 10,
  case when n % 10 = 0 then null else 10000000 + n - n % 10 end,
  case when n % 10 = 0 then array[10000000 + n::bigint]
    else array[10000000 + n - n % 10::bigint, 10000000 + n::bigint] end,
  case when (1 + (n / 10) % $2) % $4 = 0 then 'community' else 'public' end,
  case when n % 10 = 0 then 'A title' else '' end, 'Some words.', '<p>Some words.</p>', true,
  now() - make_interval(secs => n), now() - make_interval(secs => n)
from generate_series(0, $1::int - 1) n
"""
# The same list without the rule: whatever stands in the viewer's communities.
WITHOUT_RULE = """
select t.id, t.title, a.name, t.active_at
from memberships m
cross join lateral (
  select p.id, p.title, p.author_id, p.active_at
  from posts p
  where p.community_id = m.community_id and p.kind = 'thread'
    and (p.active_at, p.id) < ('infinity'::timestamptz, 9223372036854775807)
  order by p.active_at desc, p.id desc
  limit $2) t
join actors a on a.id = t.author_id
where m.actor_id = $1 and m.state = 'accepted'
order by t.active_at desc, t.id desc
limit $2
"""


async def fill(conn: Connection) -> None:
    await factories.make_site(conn)
    await conn.execute(PERSONS, PEOPLE, timeout=600)
    await conn.execute(GROUPS, COMMUNITIES)
    await conn.execute(ANSWERS, COMMUNITIES, CLOSED_IN)
    await conn.execute(JOINED, MEMBERSHIPS, COMMUNITIES, PEOPLE, timeout=600)
    await conn.execute(WRITTEN, POSTS, COMMUNITIES, PEOPLE, CLOSED_IN, timeout=600)


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds at the median, after the tenth time."""
    times = []
    for number in range(WARM + MEASURED):
        start = time.perf_counter()
        await act()
        if number >= WARM:
            times.append(time.perf_counter() - start)
    return median(times) * 1e3


async def compared(
    first: Callable[[], Awaitable[object]], second: Callable[[], Awaitable[object]]
) -> tuple[float, float]:
    """Milliseconds of both at the median, in turns: what else the machine does hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM + MEASURED):
        for act, taken in zip((first, second), times, strict=True):
            start = time.perf_counter()
            await act()
            if number >= WARM:
                taken.append(time.perf_counter() - start)
    return median(times[0]) * 1e3, median(times[1]) * 1e3


async def measure(database: Database) -> list[Limit]:
    async with database.read() as conn:
        viewer = Viewer(await conn.fetchval("select actor_id from memberships limit 1"))
        closed = await conn.fetchval(
            "select id from posts where audience = 'community' and kind = 'thread' limit 1"
        )
        joined = await conn.fetchval(
            "select count(*) from memberships where actor_id = $1", viewer.actor_id
        )
        own, plain = await compared(
            lambda: home.list_home(conn, viewer, limit=20),
            lambda: conn.fetch(WITHOUT_RULE, viewer.actor_id, 20),
        )
        latest = await timed(lambda: threads.list_latest(conn, NOBODY, limit=20))
        hidden, unknown = await compared(
            lambda: threads.read_post(conn, NOBODY, closed),
            lambda: threads.read_post(conn, NOBODY, 4242),
        )
        known = await timed(lambda: communities.list_communities(conn, NOBODY, limit=50))
    return [
        Limit(f"home, {joined} communities: the rule's cost", own - plain, 0.5, "ms"),
        Limit("home: the whole list", own, 20, "ms"),
        Limit("front page: the latest public threads", latest, 20, "ms"),
        Limit("communities that anybody may know of", known, 20, "ms"),
        Limit("hidden and unknown post: difference", abs(hidden - unknown), 0.2, "ms"),
    ]  # fmt: skip


async def scans(conn: Connection) -> list[tuple[str, str]]:
    """(statement, large table) for each statement whose plan reads that table as a whole."""
    found = []
    for name, statement in statements().items():
        prepared = f"s{random.getrandbits(48):x}"
        try:
            await conn.execute(f"prepare {prepared} as {statement}")
        except asyncpg.PostgresError:
            continue  # the test of statements says what is wrong with it
        count = await conn.fetchval(
            "select cardinality(parameter_types) from pg_prepared_statements where name = $1",
            prepared,
        )
        given = f"({', '.join(['null'] * count)})" if count else ""
        plan = "\n".join(row[0] for row in await conn.fetch(f"explain execute {prepared}{given}"))
        found += [(name, table) for table in LARGE if re.search(rf"Seq Scan on {table}\b", plan)]
    return found


async def run(directory: Path) -> None:
    embedded = EmbeddedPostgres(directory / "data")
    dsn = embedded.start()
    try:
        migrate.run(dsn)
        database = await Database.open(dsn)
        async with database.write() as conn:
            await fill(conn)
        async with database.read() as conn:
            await conn.execute("vacuum analyze", timeout=600)
        limits = await measure(database)
        print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
        print(limit_table(limits))
        async with database.read() as conn:
            for name, table in await scans(conn):
                print(f"reads {table} as a whole: {name}")
        await database.close()
    finally:
        embedded.stop()


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="dazzle-crowded-"))
    directory.chmod(0o711)
    try:
        asyncio.run(run(directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
