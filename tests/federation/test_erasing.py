"""Who is told of an erasure and what they say to it, over real HTTP to servers on loopback."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from federation import deliver, receive
from federation.context import Federation
from forum import aliases, closing, departures, erasing, messages
from forum.erasing import Receipt
from forum.errors import Invalid, NotAllowed
from storage import inbox, instances, post_copies
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection, Database
from storage.inbox import Received
from storage.threads import Post
from tests.factories import (
    KEYPAIR,
    SITE,
    far_future,
    join,
    make_admin,
    make_community,
    make_draft,
    make_person,
    make_remote_community,
    make_reply,
    make_site,
    make_thread,
)
from tests.federation.sink import Sink, open_sink
from tests.federation.wire import (
    MovableClock,
    make_member_elsewhere,
    open_wire,
    publish_all,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def fed(database: Database, clock: MovableClock):
    async with database.write() as conn:
        await make_site(conn)
    async with open_wire(database, clock=clock) as opened:
        yield opened


@dataclass
class Scene:
    """A thread in a public community, with members on three servers."""

    fed: Federation
    clock: MovableClock
    author: Actor
    community: Community
    thread: Post

    async def work(self) -> None:
        while await receive.step(self.fed):
            pass
        await publish_all(self.fed)
        for _ in range(3):
            await deliver.step(self.fed)

    async def erase(self) -> str:
        async with self.fed.database.write() as conn:
            return await erasing.erase_with_receipt(
                conn, self.author, self.thread, self.clock.now()
            )

    async def receipt(self, secret: str) -> Receipt:
        async with self.fed.database.read() as conn:
            found = await erasing.read_receipt(conn, secret, self.clock.now())
        assert found is not None
        return found


async def live_at(conn: Connection, community: Community, sink: Sink, software: str) -> Actor:
    """A member on a sink that runs this software."""
    member = await make_member_elsewhere(conn, community, sink.host, software)
    await conn.execute(
        "update actors set shared_inbox = $2, inbox = $2 where id = $1", member.id, sink.inbox
    )
    return member


async def make_scene(fed: Federation, clock: MovableClock, *members: tuple[Sink, str]) -> Scene:
    async with fed.database.write() as conn:
        author = await make_person(conn)
        community = await make_community(conn, await make_person(conn))
        await join(conn, community, author)
        for sink, software in members:
            await live_at(conn, community, sink, software)
        thread = await make_thread(conn, author, community, text="A canary sings.")
    scene = Scene(fed, clock, author, community, thread)
    await scene.work()
    return scene


async def acknowledge(fed: Federation, host: str, activity_uri: str, *, number: int = 1) -> str:
    """What a server says that has erased; what becomes of it here."""
    uri = f"https://{host}/ap/activities/{number}"
    async with fed.database.write() as conn:
        who = await conn.fetchval(
            "select uri from actors where host = $1 and not is_local limit 1", host
        )
        body = {"id": uri, "type": "Acknowledge", "actor": who, "object": activity_uri}
        row = Received(number, uri, "Acknowledge", who, host, msgspec.json.encode(body), False)
        await inbox.keep(conn, [row])
    while await receive.step(fed):
        pass
    async with fed.database.read() as conn:
        return str(await conn.fetchval("select state || reason from inbox where id = $1", number))


def sent(sink: Sink, kind: str) -> list[dict[str, Any]]:
    """What went to a sink of that type, wrapped or not."""
    found = [msgspec.json.decode(body) for body in sink.bodies]
    return [one for one in found if kind in (one["type"], _inner(one))]


def _inner(activity: dict[str, Any]) -> object:
    inner = activity.get("object")
    return inner.get("type") if isinstance(inner, dict) else None


async def test_pat05_one_confirms_one_is_silent_one_is_away_and_comes_back(
    fed: Federation, clock: MovableClock
) -> None:
    async with AsyncExitStack() as stack:
        ours, silent, down = [await stack.enter_async_context(open_sink()) for _ in range(3)]
        scene = await make_scene(
            fed, clock, (ours, "dazzle"), (silent, "mastodon"), (down, "lemmy")
        )
        assert all(b"A canary sings." in b"".join(sink.bodies) for sink in (ours, down))
        down.answer = lambda _: (500, {})
        secret = await scene.erase()
        assert not (await scene.receipt(secret)).is_done
        await scene.work()
        (deletion,) = sent(ours, "Delete")
        assert await acknowledge(fed, ours.host, deletion["id"]) == "done"

        receipt = await scene.receipt(secret)
        assert receipt.is_done
        stand = {one.host: one.state for one in receipt.told}
        assert stand == {ours.host: "confirmed", silent.host: "told", down.host: "waiting"}
        assert receipt.trying_until - receipt.erased_at == timedelta(days=14)

        down.answer = lambda _: (202, {})
        clock.move(HOUR)
        await scene.work()
        stand = {one.host: one.state for one in (await scene.receipt(secret)).told}
        assert stand == {ours.host: "confirmed", silent.host: "told", down.host: "told"}
        assert len(sent(down, "Delete")) == 2


async def test_pat05_a_confirmation_is_believed_of_its_own_server_only(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as one, open_sink() as other:
        scene = await make_scene(fed, clock, (one, "dazzle"))
        async with fed.database.write() as conn:
            stranger = await make_community(conn)
            await live_at(conn, stranger, other, "dazzle")
        secret = await scene.erase()
        await scene.work()
        (deletion,) = sent(one, "Delete")
        assert await acknowledge(fed, other.host, deletion["id"]) == "refusednot_told"
        assert await acknowledge(fed, one.host, "https://x.test/1", number=2) == "refusednot_told"
        assert [one.state for one in (await scene.receipt(secret)).told] == ["told"]


async def test_pat05_who_left_and_who_only_read_it_are_told_as_well(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as left, open_sink() as reader:
        scene = await make_scene(fed, clock, (left, "dazzle"))
        async with fed.database.write() as conn:
            other = await make_community(conn)
            await live_at(conn, other, reader, "mastodon")
            await post_copies.note(conn, [scene.thread.id], reader.host)
            await conn.execute(
                "update memberships set state = 'left' where joined_at is not null"
                " and community_id = $1 and role = 'member'",
                scene.community.id,
            )
            await conn.execute("update communities set travels = 'nowhere' where actor_id = $1",
                scene.community.id)  # fmt: skip
        secret = await scene.erase()
        await scene.work()
        assert len(sent(left, "Delete")) == len(sent(reader, "Delete")) == 1
        assert (await scene.receipt(secret)).hosts("told") == sorted((left.host, reader.host))


async def test_pat05_a_blocked_server_is_named_and_not_told(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as sink:
        scene = await make_scene(fed, clock, (sink, "dazzle"))
        async with fed.database.write() as conn:
            await instances.set_policy(conn, sink.host, "refused")
        secret = await scene.erase()
        await scene.work()
        assert sent(sink, "Delete") == []
        receipt = await scene.receipt(secret)
        assert (receipt.hosts("blocked"), len(receipt.told)) == ([sink.host], 1)


async def test_pat05_whoever_is_silent_for_two_weeks_is_given_up(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as sink:
        scene = await make_scene(fed, clock, (sink, "dazzle"))
        async with fed.database.write() as conn:
            await conn.execute("update destinations set parked_at = now()")
        secret = await scene.erase()
        await scene.work()
        async with fed.database.write() as conn:
            await erasing.give_up(conn, clock.now() + 13 * 24 * HOUR)
        assert (await scene.receipt(secret)).hosts("waiting") == [sink.host]
        async with fed.database.write() as conn:
            await erasing.give_up(conn, clock.now() + 15 * 24 * HOUR)
        assert (await scene.receipt(secret)).hosts("gave_up") == [sink.host]
        async with fed.database.write() as conn:
            assert await erasing.read_receipt(conn, secret, clock.now() + 91 * 24 * HOUR) is None
            assert await erasing.read_receipt(conn, "x" * 43, clock.now()) is None
            assert await erasing.read_receipt(conn, "é" * 200, clock.now()) is None


async def test_pat05_a_post_that_stayed_here_has_an_empty_receipt(
    fed: Federation, clock: MovableClock
) -> None:
    scene = await make_scene(fed, clock)
    secret = await scene.erase()
    await scene.work()
    receipt = await scene.receipt(secret)
    assert (receipt.is_done, receipt.told, receipt.posts) == (True, [], 1)


async def test_pat05_an_account_is_told_gone_after_its_posts_and_its_keys_go_last(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as sink, open_sink() as home:
        scene = await make_scene(fed, clock, (sink, "mastodon"))
        async with fed.database.write() as conn:
            away = await make_remote_community(conn, host=home.host)
            await conn.execute(
                "update actors set inbox = $2, shared_inbox = $2 where id = $1",
                away.id,
                home.inbox,
            )
            await join(conn, away, scene.author, follow_uri="https://here.test/f/1")
            await make_reply(conn, scene.author, scene.thread)
            secret = await closing.close_account(conn, scene.author, clock.now())
        sink.answer = lambda _: (500, {})
        await _close_all(scene)
        assert await _keys_of(scene) == 2
        sink.answer = lambda _: (202, {})
        for _ in range(3):
            clock.move(HOUR)
            await _close_all(scene)
        assert await _keys_of(scene) == 0
        told = [one["object"] for one in sent(sink, "Delete")]
        assert told[-1] == scene.author.uri
        assert told.count(scene.author.uri) == 1
        assert [one["type"] for one in sent(home, "Undo")] == ["Undo"]
        assert [one["object"] for one in sent(home, "Delete")] == [scene.author.uri]
        receipt = await scene.receipt(secret)
        assert (receipt.kind, receipt.posts, receipt.is_done) == ("account", 2, True)
        assert receipt.hosts("told") == sorted((sink.host, home.host))


async def _close_all(scene: Scene) -> None:
    """What the worker does of an account that was closed."""
    for _ in range(3):
        for go_on in (departures.go_on, closing.go_on):
            async with scene.fed.database.write() as conn:
                await go_on(conn, now=scene.clock.now(), limit=100)
        await scene.work()


async def _keys_of(scene: Scene) -> int:
    async with scene.fed.database.read() as conn:
        return int(
            await conn.fetchval(
                "select count(*) from actor_keys where actor_id = $1", scene.author.id
            )
        )


async def test_pat05_the_word_for_an_account_covers_its_posts(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as sink:
        scene = await make_scene(fed, clock, (sink, "dazzle"))
        async with fed.database.write() as conn:
            secret = await closing.close_account(conn, scene.author, clock.now())
        await _close_all(scene)
        assert (await scene.receipt(secret)).hosts("told") == [sink.host]
        (gone,) = (one for one in sent(sink, "Delete") if one["object"] == scene.author.uri)
        assert await acknowledge(fed, sink.host, gone["id"]) == "done"
        assert (await scene.receipt(secret)).hosts("confirmed") == [sink.host]


async def test_pat05_everything_that_a_server_received_is_asked_back(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as sink, open_sink() as other:
        scene = await make_scene(fed, clock, (sink, "dazzle"), (other, "dazzle"))
        async with fed.database.write() as conn:
            admin = await make_admin(conn)
            await make_reply(conn, scene.author, scene.thread)
        await scene.work()
        async with fed.database.write() as conn:
            secret = await erasing.recall(conn, admin, sink.host, "Sold.", clock.now())
        await scene.work()
        told = sent(sink, "Delete")
        assert len(told) == 2
        assert all(one["actor"] == scene.community.uri for one in told)
        assert not any("proof" in one["object"] for one in told)
        assert sent(other, "Delete") == []
        receipt = await scene.receipt(secret)
        assert (receipt.kind, receipt.posts, receipt.hosts("told")) == ("received", 2, [sink.host])
        assert await acknowledge(fed, sink.host, told[0]["id"]) == "done"
        assert (await scene.receipt(secret)).hosts("told") == [sink.host]
        assert await acknowledge(fed, sink.host, told[1]["id"], number=2) == "done"
        assert (await scene.receipt(secret)).hosts("confirmed") == [sink.host]
        async with fed.database.read() as conn:
            live = await conn.fetchval("select count(*) from posts where state = 'live'")
            assert live == 2


async def test_pat05_a_direct_message_is_asked_back_by_its_author(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as sink:
        scene = await make_scene(fed, clock)
        async with fed.database.write() as conn:
            admin, place = await make_admin(conn), await make_community(conn, readers="members")
            friend = await live_at(conn, place, sink, "mastodon")
            await join(conn, place, scene.author)
            draft = make_draft(text="Only for you.")
            await messages.send(conn, SITE, scene.author, [friend], draft, now=clock.now())
        await scene.work()
        assert len(sent(sink, "Create")) == 1
        async with fed.database.write() as conn:
            secret = await erasing.recall(conn, admin, sink.host, "Sold.", clock.now())
        await scene.work()
        (told,) = sent(sink, "Delete")
        assert (told["actor"], told["to"]) == (scene.author.uri, [friend.uri])
        assert (await scene.receipt(secret)).hosts("told") == [sink.host]


async def test_pat05_the_word_for_an_account_says_nothing_of_a_name_for_one_thread(
    fed: Federation, clock: MovableClock
) -> None:
    async with open_sink() as sink:
        scene = await make_scene(fed, clock, (sink, "dazzle"))
        async with fed.database.write() as conn:
            later = clock.now() + 5 * 24 * HOUR
            await aliases.start_unnamed_thread(
                conn, aliases.Fresh(SITE, KEYPAIR), scene.author, scene.community,
                make_draft("Am I alone?"), now=later,
            )  # fmt: skip
        clock.move(6 * 24 * HOUR)
        await scene.work()
        async with fed.database.write() as conn:
            secret = await closing.close_account(conn, scene.author, clock.now())
        await _close_all(scene)
        (gone,) = (one for one in sent(sink, "Delete") if one["object"] == scene.author.uri)
        assert await acknowledge(fed, sink.host, gone["id"]) == "done"
        assert (await scene.receipt(secret)).hosts("told") == [sink.host]


async def test_pat05_only_what_can_be_asked_back_is(fed: Federation, clock: MovableClock) -> None:
    async with fed.database.write() as conn:
        admin = await make_admin(conn)
        with pytest.raises(Invalid, match="nothing_sent"):
            await erasing.recall(conn, admin, "there.test", "x", far_future())
        await instances.set_policy(conn, "there.test", "refused")
        with pytest.raises(NotAllowed, match="recall_first"):
            await erasing.recall(conn, admin, "there.test", "x", far_future())
