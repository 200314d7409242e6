"""Who is told that somebody here has moved, and in which words."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from federation.context import Federation
from federation.publish.erasing import publish_closing
from federation.publish.press import Press
from forum import closing, moving
from forum.events import AccountClosed
from storage import actors, post_copies
from storage.actors import Actor
from storage.db import Database
from tests.factories import (
    SITE,
    join,
    make_community,
    make_person,
    make_remote_person,
    make_site,
    make_thread,
    tick,
)
from tests.federation.wire import open_wire, publish_all

PAGE = Path(__file__).resolve().parents[3] / "FEDERATION.md"
SENT = """
select d.host, d.inbox, v.type, v.body
from deliveries d
join activities v on v.id = d.activity_id
where v.type in ('Move', 'Update Person')
order by v.id, d.host
"""


@pytest.fixture
async def fed(database: Database) -> AsyncIterator[Federation]:
    async with open_wire(database) as opened:
        yield opened


@dataclass
class Mover:
    fed: Federation
    old: Actor
    new: Actor

    async def sent(self) -> list[tuple[str, str, dict[str, object]]]:
        await publish_all(self.fed)
        async with self.fed.database.read() as conn:
            rows = await conn.fetch(SENT)
        return [(row["host"], row["type"], msgspec.json.decode(row["body"])) for row in rows]

    async def move(self) -> None:
        async with self.fed.database.write() as conn:
            await moving.move_away(conn, self.old, self.new, software=None, now=tick())


@pytest.fixture
async def mover(fed: Federation) -> Mover:
    """Somebody with a post that one other server was given."""
    async with fed.database.write() as conn:
        await make_site(conn)
        old = await make_person(conn)
        new = await make_remote_person(conn, host="new.test")
        new = await actors.upsert_remote(conn, replace(new, also_known_as=[old.uri]), tick())
        await make_remote_person(conn, host="knows.test")
        await make_remote_person(conn, host="stranger.test")
        community = await make_community(conn)
        await join(conn, community, old)
        post = await make_thread(conn, old, community)
        await post_copies.note(conn, [post.id], "knows.test")
    return Mover(fed, old, new)


async def test_r64_a_move_is_told_to_every_server_that_knows_the_person(mover: Mover) -> None:
    await mover.move()
    sent = await mover.sent()
    assert [(host, kind) for host, kind, _ in sent] == [
        ("knows.test", "Move"),
        ("new.test", "Move"),
    ]
    body = sent[0][2]
    assert {key: body[key] for key in ("type", "actor", "object", "target", "to")} == {
        "type": "Move",
        "actor": mover.old.uri,
        "object": mover.old.uri,
        "target": mover.new.uri,
        "to": [SITE.followers_uri(mover.old.id)],
    }


async def test_r07_the_page_shows_a_move_as_it_is_sent(mover: Mover) -> None:
    await mover.move()
    (body, *_) = [body for _, _, body in await mover.sent()]
    blocks = re.findall(r"```json\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (shown,) = [found for block in blocks if (found := json.loads(block)).get("type") == "Move"]
    assert list(body) == list(shown)
    assert shown["@context"] in body["@context"]


async def test_r64_a_return_is_told_to_the_same_servers_with_the_whole_account(
    mover: Mover,
) -> None:
    await mover.move()
    await mover.sent()
    async with mover.fed.database.write() as conn:
        await moving.come_back(conn, mover.old)
    updates = [(host, body) for host, kind, body in await mover.sent() if kind == "Update Person"]
    assert [host for host, _ in updates] == ["knows.test", "new.test"]
    told = updates[0][1]["object"]
    assert isinstance(told, dict)
    assert (told["id"], told["type"]) == (mover.old.uri, "Person")
    assert "movedTo" not in told
    assert told["publicKey"]["owner"] == mover.old.uri


@pytest.mark.parametrize("end", ["return", "closing"])
async def test_a_move_that_is_over_before_it_is_told_is_not_told(mover: Mover, end: str) -> None:
    await mover.move()
    async with mover.fed.database.write() as conn:
        if end == "return":
            await moving.come_back(conn, mover.old)
        else:
            await closing.close_account(conn, mover.old, tick())
    assert "Move" not in {kind for _, kind, _ in await mover.sent()}


@pytest.mark.parametrize("comes_back", [False, True])
async def test_pat05_the_server_of_the_new_account_is_told_when_the_old_one_is_closed(
    mover: Mover, comes_back: bool
) -> None:
    await mover.move()
    await mover.sent()
    if comes_back:
        async with mover.fed.database.write() as conn:
            await moving.come_back(conn, mover.old)
        await mover.sent()
    async with mover.fed.database.write() as conn:
        await closing.close_account(conn, mover.old, tick())
        erasure_id = await conn.fetchval("select id from erasures where kind = 'account'")
        press = Press.open(conn, SITE, tick())
        await publish_closing(press, AccountClosed(mover.old.id, erasure_id))
        rows = await conn.fetch(
            "select d.host from deliveries d join activities v on v.id = d.activity_id"
            " where v.type = 'Delete' and v.post_id is null order by d.host"
        )
        closed = await actors.read_unfiltered(conn, mover.old.id)
        assert await conn.fetchval("select count(*) from move_hosts") == 0
    assert [row["host"] for row in rows] == ["knows.test", "new.test"]
    assert closed is not None
    assert (closed.state, closed.moved_to) == ("gone", None)
