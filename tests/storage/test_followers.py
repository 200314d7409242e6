from __future__ import annotations

import re

import pytest

from storage import followers
from storage.db import Connection
from tests import factories

CROWD = 3000
SERVERS = 300


@pytest.mark.parametrize("is_analyzed", [True])
async def test_digests_are_found_by_indexes_in_a_statement_planned_for_nobody(
    conn: Connection, is_analyzed: bool
) -> None:
    """The statement was planned when there was nobody, and then a crowd came."""
    await factories.make_site(conn)
    await conn.execute("set local plan_cache_mode = force_generic_plan")
    await conn.execute(f"prepare digests as {followers.DIGESTS}")
    await conn.execute("execute digests('{1}', '{x}')")
    community = await factories.make_community(conn)
    await conn.execute(
        "insert into actors (id, uri, kind, type, host, is_local, name, inbox)"
        " select n, 'u' || n, 'person', 'Person', 's' || n % $2 || '.test', false, 'n', 'i'"
        " from generate_series(1, $1) n",
        CROWD,
        SERVERS,
    )
    await conn.execute(
        "insert into memberships (community_id, actor_id, state, joined_at)"
        " select $1, n, 'accepted', now() from generate_series(1, $2) n",
        community.id,
        CROWD,
    )
    if is_analyzed:
        await conn.execute("analyze actors")
        await conn.execute("analyze memberships")
    ids = ",".join([str(community.id)] * 96)
    hosts = ",".join(f"s{number}.test" for number in range(96))
    rows = await conn.fetch(f"explain (analyze) execute digests('{{{ids}}}', '{{{hosts}}}')")
    await conn.execute("deallocate digests")
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan on actors a" not in plan, plan
    assert "Seq Scan on memberships" not in plan, plan
    assert max(map(int, re.findall(r"loops=(\d+)", plan))) == 96 * CROWD // SERVERS, plan
