"""Bringing lists in the browser: pasted, as a file, and what became of them."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from forum import importing
from server.importing import Importer
from storage.audience import Viewer
from storage.blocks import list_blocked
from storage.db import Database
from tests.factories import SITE, make_community, make_person
from tests.web.conftest import Browser
from web.pages.importing import OUTCOMES

Open = Callable[..., Browser]
BLOCKS = f"timo@{SITE.host}\r\nnobody@{SITE.host}\r\n"


async def give_file(visitor: Browser, kind: str, body: bytes, **fields: str) -> httpx.Response:
    token = await visitor.token("/settings/import")
    return await visitor.client.post(
        "/settings/import",
        data={"form_token": token, "kind": kind, "list": "", **fields},
        files={"file": ("list.csv", body, "text/csv")},
        headers={"origin": SITE.origin, "sec-fetch-site": "same-origin"},
    )


async def test_pat04_a_pasted_list_is_worked_through_and_each_line_is_shown(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa, timo = await make_person(conn, "rosa"), await make_person(conn, "timo")
    visitor, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    assert 'href="/settings/import"' in (await visitor.get("/settings")).text
    answer = await visitor.send("/settings/import", "/settings/import", kind="blocks", list=BLOCKS)
    assert answer.status_code == 303
    result = answer.headers["location"].partition("?")[0]
    assert "0 of 2 lines are done" in (await visitor.page(result)).text
    assert await Importer(visitor.services).step()
    page = await visitor.page(result)
    assert "Nothing was found at this address." in page.text
    assert f"timo@{SITE.host}" in page.text
    assert "working on it" not in page.text
    only = await visitor.page(f"{result}?only=not_found")
    assert f"nobody@{SITE.host}" in only.text
    assert f"timo@{SITE.host}" not in only.text
    async with database.read() as conn:
        assert [one.name for one in await list_blocked(conn, Viewer(rosa.id))] == ["timo"]
    assert (await visitor.get(result)).headers["cache-control"] == "private, no-store"
    unknown = await other.get("/settings/import/1234567")
    hidden = await other.get(result)
    assert (hidden.status_code, hidden.content) == (404, unknown.content)
    assert result not in (await other.get("/settings/import")).text


FILES = (
    "\ufeffAccount address,Show boosts\r\nWide@here.test,true\r\n".encode(),
    "Account address,Show boosts\nopen@here.test,true\nJosé@here.test,true\n".encode("cp1252"),
)


async def test_pat04_a_file_is_taken_in_the_letters_of_its_program(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
        for name in ("wide", "open"):
            await make_community(conn, name=name, joining="open")
    visitor = await browser().sign_in(rosa)
    for body in FILES:
        answer = await give_file(visitor, "follows", body)
        assert answer.status_code == 303, answer.text
        await Importer(visitor.services).step()
        page = await visitor.page(answer.headers["location"].partition("?")[0])
        assert "You are a member now." in page.text


async def test_pat04_the_page_says_who_learns_of_what_a_list_does(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
    page = await (await browser().sign_in(rosa)).page("/settings/import")
    assert "Nobody is told whom you block or mute." in page.text
    assert "A community here that you join through a list sees you as a member" in page.text
    assert "Nobody is told, and" not in page.text


def test_whatever_may_become_of_a_line_has_words() -> None:
    assert set(OUTCOMES) == {"", *importing.OUTCOMES}


NO_LISTS = (
    ("mutes", b"PK\x03\x04\x00\x00", "does not look like a list"),
    ("follows", b"", "Please fill this in"),
    ("follows", b"Account address,Hide notifications\na@b.test,true", "those of another list"),
    ("", b"a@b.test", "Please choose one of the answers"),
    ("blocks", b"a@b.test\n" * 120_000, "at most one megabyte"),
    ("blocks", b"".join(b"a%d@b.test\n" % n for n in range(10_001)), "at most 10,000 at once"),
)


async def test_what_is_no_list_comes_back_with_a_sentence(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
    visitor = await browser().sign_in(rosa)
    for kind, body, sentence in NO_LISTS:
        answer = await give_file(visitor, kind, body)
        assert answer.status_code == 422, sentence
        assert sentence in answer.text
    async with database.read() as conn:
        assert await conn.fetchval("select count(*) from imports") == 0


async def test_a_list_is_forgotten_when_its_owner_wants(database: Database, browser: Open) -> None:
    async with database.write() as conn:
        rosa, timo = await make_person(conn, "rosa"), await make_person(conn, "timo")
    visitor, other = await browser().sign_in(rosa), await browser().sign_in(timo)
    answer = await visitor.send("/settings/import", "/settings/import", kind="blocks", list=BLOCKS)
    result = answer.headers["location"].partition("?")[0]
    number = result.rpartition("/")[2]
    await other.act("/settings/import/forget", list=number)
    assert (await visitor.get(result)).status_code == 200
    await visitor.send(result, "/settings/import/forget")
    assert (await visitor.get(result)).status_code == 404
    assert not await Importer(visitor.services).step()


async def test_pat04_of_thousands_of_blocks_each_can_be_found_and_undone(
    database: Database, browser: Open
) -> None:
    async with database.write() as conn:
        rosa = await make_person(conn, "rosa")
        await conn.execute(
            "insert into actors (id, uri, kind, type, host, is_local, name, inbox)"
            " select n, 'https://t.test/' || n, 'person', 'Person', 't.test', false, 'troll_' || n,"
            " 'https://t.test/inbox' from generate_series(1000, 1149) n"
        )
        await conn.execute(
            "insert into blocks select $1, n from generate_series(1000, 1149) n", rosa.id
        )
    visitor = await browser().sign_in(rosa)
    first = await visitor.page("/settings/blocks")
    assert ("troll_1099" in first.text, "troll_1100" in first.text) == (True, False)
    (more,) = [link for link in first.links() if "after=" in link]
    second = await visitor.page(more)
    assert ("troll_1100" in second.text, "troll_1149" in second.text) == (True, True)
    assert not [link for link in second.links() if "after=" in link]
