"""A direct message goes to another server, is answered, and is erased on both sides."""

from __future__ import annotations

from tests.walks.harness import Browser, Server, wait_until
from tests.walks.people import join, make_community, sign_up, start_thread
from tests.walks.test_erasing import tables_with

Pair = tuple[Server, Server]

WRITTEN = """
select p.thread_id from posts p
where p.audience = 'direct' and p.state = 'live' and p.html like $1
"""


async def talk_with(server: Server, words: str) -> str | None:
    """The conversation in which somebody said this, once it is there."""
    thread_id = await server.value(WRITTEN, f"%{words}%")
    return None if thread_id is None else f"/messages/{thread_id}"


async def arrived(server: Server, words: str, *servers: Server) -> str:
    return str(await wait_until(lambda: talk_with(server, words), words, *servers))


async def gone(words: str, *servers: Server) -> None:
    """No word of it is left in any table of any of them."""

    async def nowhere() -> bool:
        return [await tables_with(server, words) for server in servers] == [[] for _ in servers]

    await wait_until(nowhere, f"no trace of {words}", *servers)


async def say(person: Browser, path: str, words: str, to: str = "") -> None:
    page = await person.open(f"/messages/new?to={to}" if to else path)
    page = await person.send(page, path, source=words, federation="yes")
    assert page.status == 200, page.text
    assert words in page.text


async def take_back(person: Browser, path: str) -> str:
    """Delete on both sides; where the receipt is."""
    page = await person.send(await person.open(path), f"{path}/act", act="delete")
    assert page.path.startswith("/receipts/"), page.text
    return page.path


async def test_pat13_a_message_is_answered_and_erased_across_two_servers(pair: Pair) -> None:
    a, b = pair
    asked, said = "A heron waits in the reeds", "A kingfisher answers it"
    async with await sign_up(a, "rosa") as rosa, await sign_up(b, "timo") as timo:
        address = f"{await make_community(rosa)}@{a.host}"
        await join(timo, address)
        thread = await start_thread(timo, address, "First", "Hello from b.")
        await wait_until(lambda: thread.on(a), "the thread of b on a", a, b)
        there = await a.value("select id from actors where name = $1 and not is_local", timo.name)
        await say(rosa, "/messages/new", asked, to=str(there))
        at_a = await arrived(a, asked, a)
        at_b = await arrived(b, asked, a, b)
        listed = (await timo.open("/messages")).text
        assert rosa.name in listed
        await say(timo, at_b, said)
        assert await arrived(a, said, a, b) == at_a
        assert said in (await rosa.open(at_a)).text
        receipt = await take_back(rosa, at_a)
        await gone(asked, a, b)

        async def confirmed() -> bool:
            return "Confirmed erased: 1" in (await rosa.open(receipt)).text

        await wait_until(confirmed, "the receipt", a, b)
        assert said in (await timo.open(at_b)).text
        await take_back(timo, at_b)
        await gone(said, a, b)
