"""What is erased on one server is erased on the other, which says so."""

from __future__ import annotations

from tests.walks.harness import Browser, Server, wait_until
from tests.walks.people import erase, join, make_community, sign_up, start_thread

Pair = tuple[Server, Server]

LIST_TABLES = """
select coalesce(string_agg(relname, ' '), '') from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r'
"""


async def tables_with(server: Server, words: str) -> list[str]:
    """The tables in which these words stand, in text or in bytes."""
    found = []
    for table in str(await server.value(LIST_TABLES)).split():
        hexed = words.encode().hex()
        kept = await server.value(
            f"select count(*) from {table} t where t::text like $1 or t::text like $2",
            f"%{words}%",
            f"%{hexed}%",
        )
        found += [table] if kept else []
    return found


async def test_pat05_another_dazzle_confirms_what_it_erased(pair: Pair) -> None:
    a, b = pair
    canary = "A canary sings at noon"
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        community = await make_community(rosa)
        await join(timo, f"{community}@{a.host}")
        thread = await start_thread(timo, f"{community}@{a.host}", "First", f"{canary}.")
        await wait_until(lambda: thread.on(a), "the thread of b on a", a, b)
        assert await tables_with(a, canary)
        receipt = await erase(timo, thread)
        assert receipt.path.startswith("/receipts/")
        await _is_confirmed(b, receipt.path, a)
        for server in pair:
            assert await tables_with(server, canary) == []


async def _is_confirmed(server: Server, path: str, there: Server) -> None:
    """Seen by whoever has the link, with no account."""
    async with Browser(server) as stranger:

        async def says_so() -> bool:
            page = await stranger.open(path)
            return "Confirmed erased: 1" in page.text and there.host in page.text

        await wait_until(says_so, "the receipt", server, there)
        text = (await stranger.get(path.partition("?")[0] + "/text")).text
        assert "Confirmed erased: 1" in text
        assert f"- {there.host}" in text
