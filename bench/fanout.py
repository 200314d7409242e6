"""One thread in a community with ten thousand followers on a thousand servers: how soon it comes.

The whole way: the form, the worker's publishing, signed deliveries to sinks on loopback. Some of
the servers may take the connection and never answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import httpx
import msgspec

from bench import processes
from bench.figures import Limit
from bench.paced import at_quantile
from bench.world import World
from server.app import Parts
from tests import factories
from tests.walks.forms import read_page

FOLLOWERS = 10_000
HOSTS = 1000
HANGING = 50
REPLIES = 16
PATIENCE = 150.0

FOLLOW = """
with made as (
  insert into actors (id, uri, kind, type, host, is_local, name, inbox, shared_inbox, followers)
  select $1::bigint + n, 'http://' || h.host || '/u/' || n, 'person', 'Person', h.host, false,
    'u' || n, 'http://' || h.host || '/u/' || n || '/inbox', 'http://' || h.host || '/inbox',
    'http://' || h.host || '/u/' || n || '/followers'
  from generate_series(0, $2::integer - 1) n
  join unnest($3::text[]) with ordinality h (host, place) on h.place = 1 + n % cardinality($3)
  returning id)
insert into memberships (community_id, actor_id, state, role, joined_at)
select $4, id, 'accepted', 'member', now() from made
"""
KNOW_SOFTWARE = """
insert into instances (host, software, software_checked_at)
select host, case when place % 2 = 0 then 'lemmy' else 'mastodon' end, now()
from unnest($1::text[]) with ordinality h (host, place)
on conflict (host) do update set software = excluded.software
"""
COUNT_QUEUED = "select count(distinct host) from deliveries where host like '127._.%'"
MOVE = """
update actors set host = h.new, shared_inbox = 'http://' || h.new || '/inbox'
from unnest($1::text[], $2::text[]) h (old, new)
where actors.host = h.old
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """The community that is followed, and the sink's port."""

    community: str
    community_id: int
    port: int
    hosts: list[str]
    hanging: list[str]


async def gather_crowd(parts: Parts, world: World, port: int) -> Crowd:
    """A community of its own, so that the other figures stay what they are."""
    hosts = [f"127.1.{n // 250}.{n % 250 + 1}:{port}" for n in range(HOSTS)]
    hanging = [f"127.2.0.{n + 1}:{port}" for n in range(HANGING)]
    async with parts.services.database.write() as conn:
        community = await factories.make_community(
            conn, world.reader, site=parts.services.site, name="crowd", title="A crowd"
        )
        await conn.execute(KNOW_SOFTWARE, hosts + hanging)
        await conn.execute(FOLLOW, 1 << 40, FOLLOWERS, hosts, community.id)
    async with parts.services.database.read() as conn:
        await conn.execute("analyze")  # as the database does by itself within a minute
    return Crowd("crowd", community.id, port, hosts, hanging)


async def measure(
    world: World, crowd: Crowd, worker: Callable[[], processes.Measured],
    dsn: str, origin: str,
) -> list[Limit]:  # fmt: skip
    """First with all servers well, then with one in twenty that never answers in its place."""
    connection = await asyncpg.connect(dsn)
    cookies = {"dazzle": world.session}
    limits = []
    async with httpx.AsyncClient(base_url=origin, cookies=cookies, trust_env=False) as browser:
        for hanging in (0, HANGING):
            old = crowd.hosts[:hanging]
            await connection.execute(MOVE, old, crowd.hanging[:hanging])
            process = worker()
            try:
                await asyncio.sleep(3.0)  # it starts
                await connection.execute("delete from limits")  # one person writes all of it
                limits += await _spread(connection, browser, crowd, hanging)
            finally:
                process.stop()
            await connection.execute(MOVE, crowd.hanging[:hanging], old)
            await connection.execute("delete from deliveries where host like '127._.%'")
            await connection.execute("delete from destinations where host like '127._.%'")
    await connection.close()
    return limits


async def _spread(
    connection: asyncpg.Connection, browser: httpx.AsyncClient, crowd: Crowd, hanging: int
) -> list[Limit]:
    await _ask(crowd, "/forget")
    page = f"/c/{crowd.community}/new"
    await _post(browser, page, title="The first", source="Something else before.")
    expected = len(crowd.hosts) - hanging
    await _until(lambda: _arrived(crowd), expected, "the first thread")
    await _ask(crowd, "/forget")

    form = await _form(browser, page)
    start = time.monotonic()
    first = await _send(browser, page, form, title="To everybody", source="How are you?")
    committed = time.monotonic()
    await _until(lambda: connection.fetchval(COUNT_QUEUED), len(crowd.hosts), "queued rows")
    queued = time.monotonic() - committed
    times = sorted((await _until(lambda: _arrived(crowd), expected, "deliveries")).values())
    within = [times[int(len(crowd.hosts) * share) - 1] - start for share in (0.5, 0.95)]
    last = times[int(expected * 0.99) - 1] - start
    thread = first.headers["location"].partition("?")[0].partition("#")[0]
    latencies = []
    for number in range(REPLIES):
        page = f"{thread}/reply?to={thread.rpartition('/')[2]}"
        form = await _form(browser, page)
        begun = time.monotonic()
        await _send(browser, page, form, source=f"Answer {number}.")
        latencies.append(time.monotonic() - begun)
    name = f"fan-out, {hanging} of {HOSTS} servers hang" if hanging else "fan-out"
    limits = [
        Limit(f"{name}: the author's request p95", at_quantile(latencies, 0.95) * 1e3, 300, "ms"),
        Limit(f"{name}: rows queued after the commit", queued, 1, "s"),
        Limit(f"{name}: 50 % delivered after", within[0], 60, "s"),
        Limit(f"{name}: 95 % delivered after", within[1], 75 if hanging else 60, "s"),
    ]
    if not hanging:
        limits.append(Limit(f"{name}: 99 % delivered after", last, 60, "s"))
    return limits


async def _post(browser: httpx.AsyncClient, page: str, **fields: str) -> httpx.Response:
    return await _send(browser, page, await _form(browser, page), **fields)


async def _form(browser: httpx.AsyncClient, page: str) -> dict[str, str]:
    """The hidden fields of the form on that page."""
    shown = await browser.get(page)
    path = page.partition("?")[0]
    return read_page(shown.status_code, path, shown.text).form(path).fields


async def _send(
    browser: httpx.AsyncClient, page: str, form: dict[str, str], **fields: str
) -> httpx.Response:
    answer = await browser.post(page, data=form | {"federation": "yes"} | fields)
    if answer.status_code != 303:
        raise RuntimeError(f"{page} answered {answer.status_code}")
    return answer


async def _ask(crowd: Crowd, path: str) -> dict[str, float]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{crowd.port}{path}")
    return msgspec.json.decode(answer.content, type=dict[str, float])


async def _arrived(crowd: Crowd) -> dict[str, float]:
    return await _ask(crowd, "/arrived")


async def _until(look: Callable[[], Awaitable[dict[str, float] | int]], expected: int, what: str):
    end = time.monotonic() + PATIENCE
    while True:
        seen = await look()
        count = seen if isinstance(seen, int) else len(seen)
        if count >= expected:
            return seen
        if time.monotonic() > end:
            raise RuntimeError(f"{count} of {expected}: {what}")
        await asyncio.sleep(0.05)
