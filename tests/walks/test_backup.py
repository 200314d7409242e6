"""A backup is the whole server: after a disaster its members and its neighbours go on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.walks.harness import Server, wait_until
from tests.walks.peer import Peer
from tests.walks.people import (
    make_community,
    reply,
    set_up,
    sign_in,
    start_thread,
    uri_of_community,
)

TABLES = """
select table_name from information_schema.tables
where table_schema = 'public' and table_type = 'BASE TABLE'
order by table_name
"""
MOVING = {"limits", "destinations", "sessions"}  # counters, leases, and logins that may end


async def _everything(server: Server) -> dict[str, Any]:
    tables = [row[0] for row in await server.rows(TABLES)]
    return {
        table: await server.rows(f"select t::text from {table} t order by 1")
        for table in tables
        if table not in MOVING
    }


async def test_a_server_comes_back_from_its_backup_and_its_followers_keep_receiving(
    walk_directory: Path,
) -> None:
    server = Server("keeper", walk_directory / "keeper", "")
    backup = walk_directory / "keeper.backup"
    server.start()
    try:
        async with await set_up(server) as rosa, Peer() as peer:
            community = await make_community(rosa)
            group = await uri_of_community(server, community)
            wanda = peer.person("wanda")
            assert (await peer.post(f"{group}/inbox", peer.follow(wanda, group))).is_success

            async def announces(number: int) -> bool:
                return len({one.json["id"] for one in peer.deliveries("Announce")}) >= number

            await wait_until(lambda: _has(peer.deliveries("Accept")), "the Accept", server)
            thread = await start_thread(rosa, community, "Before the flood", "Dry.")
            await reply(rosa, thread, "Still dry.")
            await wait_until(lambda: announces(2), "the announces", server)
            await _is_quiet(server)
            server.run("backup", str(backup))
            before = await _everything(server)
            server.stop()
            shutil.rmtree(server.data)

            server.run("restore", str(backup))
            server.start()
            assert await _everything(server) == before
            assert "Still dry." in (await rosa.open(thread.path)).text
            seen = len(peer.deliveries("Announce"))
            async with await sign_in(server, rosa.name) as rosa_again:
                await start_thread(rosa_again, community, "After the flood", "Dry again.")
            await wait_until(
                lambda: _has(peer.deliveries("Announce")[seen:]), "the thread at wanda's", server
            )
    finally:
        server.stop()


async def _has(things: list[Any]) -> bool:
    return bool(things)


async def _is_quiet(server: Server) -> None:
    quiet = """
select (select count(*) from deliveries) + (select count(*) from events)
  + (select count(*) from inbox where state = 'waiting') = 0
"""
    await wait_until(lambda: server.value(quiet), "empty queues", server)
