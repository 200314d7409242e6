"""What a list from another server does here, line by line."""

from __future__ import annotations

import asyncio

import pytest

from forum import importing
from forum.errors import Invalid
from storage import blocks, imports, memberships, mutes, subscriptions
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection, Database
from storage.imports import Import
from tests.factories import (
    KEYPAIR,
    SITE,
    join,
    make_community,
    make_person,
    make_remote_community,
    make_remote_person,
    make_site,
    tick,
)

FOLLOWS = (
    "Account address,Show boosts,Notify on new posts,Languages\r\n"
    "harbour@there.test,true,false,\r\nada@there.test,true,false,en\r\n"
)


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("follows", FOLLOWS, ["harbour@there.test", "ada@there.test"]),
        ("follows", "\ufeff" + FOLLOWS, ["harbour@there.test", "ada@there.test"]),
        ("mutes", "Account address,Hide notifications\na@b.test,true\n", ["a@b.test"]),
        ("blocks", "a@b.test\n\n  \nc@d.test\na@b.test\n", ["a@b.test", "c@d.test"]),
        ("servers", "#domain,#severity\nbad.test,suspend\n", ["bad.test"]),
        ("servers", "bad.test", ["bad.test"]),
        ("blocks", 'Note,Account address\n"a, b",a@b.test\n', ["a@b.test"]),
    ],
)
def test_pat04_lists_are_read_as_mastodon_writes_them(
    kind: str, text: str, found: list[str]
) -> None:
    assert importing.read_list(text, kind) == found


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("blocks", "", "missing"),
        ("blocks", "\n \n,,\n", "missing"),
        ("mutes", FOLLOWS, "other_list"),
        ("follows", "#uri\nhttps://there.test/1\n", "other_list"),
        ("follows", "List name,Account address\nFriends,a@b.test\n", "other_list"),
        ("blocks", "\n".join(f"a{n}@b.test" for n in range(10_001)), "too_many_lines"),
        ("blocks", "x" * 1_000_001, "too_long"),
        ("blocks", '"' + "x" * 200_000 + '"', "bad_list"),
    ],
)
def test_what_is_no_such_list_is_refused(kind: str, text: str, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        importing.read_list(text, kind)


def test_ten_thousand_lines_are_a_list() -> None:
    text = "\r\n".join(
        ["Account address,Hide notifications", *(f"a{n}@b.test,true" for n in range(10_000))]
    )
    assert len(importing.read_list(text, "mutes")) == 10_000


@pytest.mark.parametrize("header", ["", "Account address,Hide notifications\n"])
def test_no_line_is_dropped_in_silence_where_many_are_doubles(header: str) -> None:
    doubled = "a@b.test\n" * 5_000 + "".join(f"a{n}@b.test\n" for n in range(4_999))
    assert len(importing.read_list(f"{header}{doubled}\n\nlast@b.test", "mutes")) == 5_001
    with pytest.raises(Invalid, match="too_many_lines"):
        importing.read_list(f"{header}{doubled}next@b.test\nlast@b.test", "mutes")


@pytest.mark.parametrize(
    ("line", "name", "host"),
    [
        ("a@b.test", "a", "b.test"),
        ("@a@B.test", "a", "b.test"),
        ("acct:a@b.test:8443", "a", "b.test:8443"),
        ("!harbour@b.test", "harbour", "b.test"),
        ("'-a@b.test", "-a", "b.test"),
    ],
)
def test_an_address_is_read_in_any_of_its_spellings(line: str, name: str, host: str) -> None:
    assert importing.read_address(line) == importing.Address(name, host)


@pytest.mark.parametrize("line", ["a", "@", "a@", "@b.test", "a@b@c.test", "a b@c.test", "b.test"])
def test_what_names_nobody_is_no_address(line: str) -> None:
    assert importing.read_address(line) is None


async def bring(conn: Connection, owner: Actor, kind: str, text: str) -> Import:
    import_id = await importing.begin(conn, owner, kind, text, tick())
    found = await imports.read_own(conn, Viewer(owner.id), import_id)
    assert found is not None
    return found


async def apply(
    conn: Connection, owner: Actor, kind: str, actor_id: int, *, reader: Actor | None = None
) -> str:
    brought = await bring(conn, owner, kind, "x@y.test")
    outcome = await importing.apply(conn, SITE, owner, brought, actor_id, reader=reader, now=tick())
    await imports.settle(conn, brought.id, {1: outcome})
    return outcome


async def in_community(conn: Connection, community: Community, who: Actor) -> str | None:
    found = await memberships.read_membership(conn, community.id, who.id)
    return None if found is None else found.state


async def test_pat04_a_community_elsewhere_is_read_along_without_a_name(conn: Connection) -> None:
    await make_site(conn)
    owner = await make_person(conn)
    reader = await importing.subscriptions.make_reader(conn, SITE, KEYPAIR, tick())
    there = await make_remote_community(conn, joining="open")
    assert await apply(conn, owner, "follows", there.id, reader=reader) == "subscribed"
    assert await subscriptions.is_subscribed(conn, Viewer(owner.id), there.id)
    assert await in_community(conn, there, owner) is None
    assert await apply(conn, owner, "follows", there.id, reader=reader) == "already"


async def test_pat04_where_somebody_decides_the_person_asks_themselves(conn: Connection) -> None:
    await make_site(conn)
    owner = await make_person(conn)
    reader = await importing.subscriptions.make_reader(conn, SITE, KEYPAIR, tick())
    asked_there = await make_remote_community(conn, joining="apply")
    closed = await make_community(conn, readers="members", listed=True, joining="open")
    asked_here = await make_community(conn, readers="anyone", joining="apply")
    for community in (asked_there, closed, asked_here):
        outcome = await apply(conn, owner, "follows", community.id, reader=reader)
        assert outcome == "ask_there", community.title
        assert await in_community(conn, community, owner) is None


async def test_pat04_an_open_community_here_is_joined_and_a_person_is_not_followed(
    conn: Connection,
) -> None:
    await make_site(conn)
    owner, other = await make_person(conn), await make_remote_person(conn)
    here = await make_community(conn, readers="anyone", joining="open")
    assert await apply(conn, owner, "follows", here.id) == "joined"
    assert await in_community(conn, here, owner) == "accepted"
    assert await apply(conn, owner, "follows", here.id) == "already"
    assert await apply(conn, owner, "follows", other.id) == "person"


async def test_pat02_a_community_that_nobody_may_know_of_is_not_found(conn: Connection) -> None:
    await make_site(conn)
    owner, member = await make_person(conn), await make_person(conn)
    hidden = await make_community(conn, readers="members", listed=False)
    await join(conn, hidden, member)
    assert await apply(conn, owner, "follows", hidden.id) == "not_found"
    assert await apply(conn, owner, "follows", 404) == "not_found"
    assert await apply(conn, member, "follows", hidden.id) == "already"


async def test_pat04_blocks_and_mutes_are_taken_over(conn: Connection) -> None:
    await make_site(conn)
    owner, blocked = await make_person(conn), await make_remote_person(conn)
    muted = await make_remote_person(conn)
    assert await apply(conn, owner, "blocks", blocked.id) == "done"
    assert await apply(conn, owner, "mutes", muted.id) == "done"
    viewer = Viewer(owner.id)
    assert [one.actor_id for one in await blocks.list_blocked(conn, viewer)] == [blocked.id]
    assert [one.kind for one in await mutes.list_mutes(conn, viewer)] == ["person"]
    assert await apply(conn, owner, "blocks", owner.id) == "bad_line"


async def test_pat04_servers_are_blocked_and_nonsense_is_named(conn: Connection) -> None:
    await make_site(conn)
    owner = await make_person(conn)
    said = [
        await importing.apply_server(conn, owner, line, tick())
        for line in ("bad.test", "not a server", SITE.host)
    ]
    assert said == ["done", "bad_line", "bad_line"]
    hosts = await blocks.list_blocked_hosts(conn, Viewer(owner.id))
    assert [one.host for one in hosts] == ["bad.test"]


async def test_nobody_sees_the_list_of_somebody_else_and_it_goes_after_a_week(
    conn: Connection,
) -> None:
    await make_site(conn)
    owner, other = await make_person(conn), await make_person(conn)
    brought = await bring(conn, owner, "blocks", "a@b.test\nc@d.test")
    mine, theirs = Viewer(owner.id), Viewer(other.id)
    everything = {"after": 0, "outcome": None, "limit": 9}
    assert [
        line.address for line in await imports.list_lines(conn, mine, brought.id, **everything)
    ] == ["a@b.test", "c@d.test"]
    assert await imports.list_lines(conn, theirs, brought.id, **everything) == []
    assert await imports.read_own(conn, theirs, brought.id) is None
    await imports.delete_own(conn, theirs, brought.id)
    await imports.tidy(conn, brought.expires_at - importing.LIFETIME)
    assert await imports.list_own(conn, mine)
    await imports.tidy(conn, brought.expires_at)
    assert await imports.list_own(conn, mine) == []


async def test_a_fifth_list_waits_until_the_others_are_done(conn: Connection) -> None:
    await make_site(conn)
    owner = await make_person(conn)
    for kind in importing.KINDS:
        await bring(conn, owner, kind, "a@b.test")
    with pytest.raises(Invalid, match="import_runs"):
        await importing.begin(conn, owner, "blocks", "c@d.test", tick())


async def test_a_list_that_is_sent_twice_at_once_is_taken_once(database: Database) -> None:
    async with database.write() as conn:
        await make_site(conn)
        owner = await make_person(conn)

    async def send(kind: str) -> int:
        async with database.write() as conn:
            return await importing.begin(conn, owner, kind, "a@b.test\nc@d.test", tick())

    ids = await asyncio.gather(*(send("blocks") for _ in range(3)))
    assert len(set(ids)) == 1
    assert await send("mutes") not in ids
    async with database.write() as conn:
        assert await imports.count_waiting(conn, owner.id) == 2
        other = await importing.begin(conn, owner, "blocks", "c@d.test\na@b.test", tick())
        await imports.settle(conn, ids[0], {1: "done", 2: "no_answer"})
        again = await importing.begin(conn, owner, "blocks", "a@b.test\nc@d.test", tick())
    assert len({other, again, *ids}) == 3


async def test_no_more_lists_wait_than_may_however_fast_they_come(database: Database) -> None:
    async with database.write() as conn:
        await make_site(conn)
        owner = await make_person(conn)

    async def send(number: int) -> int:
        async with database.write() as conn:
            return await importing.begin(conn, owner, "blocks", f"a{number}@b.test", tick())

    sent = await asyncio.gather(*map(send, range(6)), return_exceptions=True)
    assert sum(isinstance(one, Invalid) for one in sent) == 2
