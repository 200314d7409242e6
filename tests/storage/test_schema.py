"""Functions of the read rule are defined anew at every start, over earlier ones."""

from __future__ import annotations

from storage.db import Connection
from storage.schema import replay_functions

EARLIER = """
create or replace function mutes_hiding(
  viewer_actor bigint, author bigint, title text, note text, html text, parts jsonb)
returns setof mutes language sql stable as $$ select m.* from mutes m $$
"""
NAMED = "select count(*) from pg_proc where proname = $1"


async def test_a_database_with_the_functions_of_an_earlier_version_is_started(conn: Connection):
    await conn.execute(EARLIER)
    for _ in range(2):
        await replay_functions(conn)
    assert await conn.fetchval(NAMED, "mutes_hiding") == 0
    assert await conn.fetchval(NAMED, "hidden_by_mutes") == 1
