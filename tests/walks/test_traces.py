"""A day on a running server with words that stand nowhere else: none of them is in any log.

What is never stored (passwords, tokens, addresses, what a browser says of itself, what somebody
looked for) is in no table and no file either.
"""

from __future__ import annotations

import pytest

from tests.walks.harness import PASSWORD, Browser, Server, new_name
from tests.walks.people import make_community, reply, sign_up, start_thread

Pair = tuple[Server, Server]

SAID = (
    *("title", "text", "reply", "note", "reason", "answer", "heading", "about", "name"),
    *("mail", "removal", "sender"),
)
NEVER_STORED = (*("password", "wrong", "query", "path", "agent", "referer", "language", "cookie"),)
TABLES = """
select relname from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r'
"""


def word_of(thing: str) -> str:
    return f"kanarie{thing}qxz"


def test_pat10_there_are_twenty_words_to_look_for() -> None:
    assert len({word_of(thing) for thing in (*SAID, *NEVER_STORED)}) == 20


@pytest.fixture
def agent() -> dict[str, str]:
    return {
        "user-agent": word_of("agent"),
        "referer": f"https://{word_of('referer')}.test/",
        "accept-language": f"{word_of('language')},en",
    }


async def test_pat10_no_log_holds_a_word_of_anybody(pair: Pair, agent: dict[str, str]) -> None:
    a, _ = pair
    async with await sign_up(a, "rosa") as rosa, await sign_up(a, word_of("name")) as guest:
        for browser in (rosa, guest):
            browser._client.headers.update(agent)
        await _a_day(a, rosa, guest)
    logs = a.log.read_text(errors="replace")
    assert [thing for thing in (*SAID, *NEVER_STORED) if word_of(thing) in logs] == []
    assert "10.77.77.77" not in logs
    stored = await _stored(a)
    assert [thing for thing in NEVER_STORED if word_of(thing).encode() in stored] == []
    assert b"10.77.77.77" not in stored
    assert PASSWORD.encode() not in stored
    assert word_of("text").encode() in stored  # what is looked through is where things are


async def _a_day(a: Server, rosa: Browser, guest: Browser) -> None:
    community = await make_community(
        rosa, title=word_of("heading"), description=word_of("about"), readers="members",
        travels="nowhere", joining="apply", questions=word_of("heading"),
    )  # fmt: skip
    page = await guest.open(f"/c/{community}/join")
    await guest.send(page, "/join", answer1=word_of("answer"))
    thread = await start_thread(rosa, community, word_of("title"), word_of("text"))
    await reply(rosa, thread, word_of("reply"))
    await rosa.post_blindly(f"/p/{thread.id}/report", reason=word_of("reason"))
    await rosa.open(f"/{word_of('path')}?q={word_of('query')}")
    await rosa.open(f"/communities/find?address={word_of('query')}")
    async with Browser(a, new_name("nobody")) as nobody:
        nobody._client.headers["x-forwarded-for"] = "10.77.77.77"
        nobody._client.headers["cookie"] = f"other={word_of('cookie')}"
        await nobody.open(f"/sign-in?next=/{word_of('query')}")
        nobody._client.headers.pop("cookie")
        for password in (word_of("password"), word_of("wrong")):
            page = await nobody.open("/sign-in")
            await nobody.send(page, "/sign-in", name=rosa.name, password=password)
        for path in ("/inbox", f"/p/{thread.id}/remove", "/sign-in/mail"):
            body = f"{word_of('sender')}&reason={word_of('removal')}&address={word_of('mail')}"
            await nobody._client.post(path, content=body)


async def _stored(server: Server) -> bytes:
    """Every row of every table, and every file in the directory of data."""
    found = []
    for (table,) in await server.rows(TABLES):
        found += [row[0] for row in await server.rows(f"select t::text from {table} t")]
    files = [path.read_bytes() for path in server.data.rglob("*") if path.is_file()]
    return "\n".join(found).encode() + b"\n".join(files)
