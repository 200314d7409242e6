"""What was missed is read again: within bounds, from where it was written, by the same rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from federation import backfill
from forum.membership import ask_to_join
from forum.ports import SystemClock
from storage import backfills, threads
from storage.actors import Actor
from storage.communities import Community, read_unfiltered
from storage.ids import time_of
from tests.factories import join, make_person, make_reply
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer

DAY = "2025-03-01T12:00:{:02}Z"


@dataclass
class There:
    """A community of the peer, joined from here, and the documents around it."""

    peer: Peer
    community: Community
    person: Actor

    @property
    def context(self) -> str:
        return f"{self.peer.origin}/context"

    def note(self, number: int, *, at: Peer | None = None, **changed: Any) -> str:
        """A post by Ada; the first one is the thread, others answer the one before."""
        peer = at or self.peer
        parent = None if number == 1 else f"{self.peer.origin}/notes/{number - 1}"
        document = {
            "id": f"{peer.origin}/notes/{number}",
            "type": "Note",
            "attributedTo": f"{peer.origin}/actors/ada",
            "to": [PUBLIC, self.community.uri],
            "content": f"<p>Words {number}</p>",
            "published": DAY.format(number % 60),
            **({"name": "A thread"} if parent is None else {"inReplyTo": parent}),
            **changed,
        }
        return peer.put(f"/notes/{number}", document)

    def collection(self, path: str, items: list[Any], **changed: Any) -> str:
        document = {"id": self.peer.origin + path, "type": "OrderedCollection", **changed}
        return self.peer.put(path, {**document, "orderedItems": items})

    def outbox(self, items: list[Any], **changed: Any) -> str:
        return self.collection("/actors/group/outbox", items, **changed)

    def announce(self, uri: str, **changed: Any) -> dict[str, Any]:
        return {
            "id": f"{uri}/announce",
            "type": "Announce",
            "actor": self.community.uri,
            "object": {
                "id": f"{uri}/create",
                "type": "Create",
                "actor": f"{self.peer.origin}/actors/ada",
                "object": uri,
            },
            **changed,
        }


@pytest.fixture
async def there(here: Here, peer: Peer) -> There:
    peer.actor("ada")
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        community = await read_unfiltered(conn, group.id)
        assert community is not None
        person = await make_person(conn, site=here.site)
        await join(conn, community, person)
    peer.asked.clear()
    return There(peer, community, person)


async def read(here: Here, there: There, uri: str | None = None) -> None:
    """Have the community, or one conversation, read to its end."""
    kind = "community" if uri is None else "thread"
    async with here.database.write() as conn:
        await backfills.add(
            conn,
            uri or there.community.uri,
            kind,
            there.community.id,
            there.community.host,
            SystemClock().now(),
        )
    while await backfill.step(here.fed):
        pass


async def words(here: Here) -> list[tuple[object, ...]]:
    return await here.fetch("select html, cardinality(path), state from posts order by path")


async def left(here: Here) -> list[tuple[object, ...]]:
    return await here.fetch("select uri, tries, reason from backfills where done_at is null")


async def test_r56_a_conversation_is_read_by_its_context(here: Here, there: There):
    uris = [there.note(number) for number in (1, 2, 3)]
    there.note(1, context=there.context, replies=f"{there.peer.origin}/replies/1")
    there.collection("/context", uris)
    await read(here, there, uris[0])
    assert await words(here) == [
        ("<p>Words 1</p>", 1, "live"),
        ("<p>Words 2</p>", 2, "live"),
        ("<p>Words 3</p>", 3, "live"),
    ]
    assert there.peer.fetches("/replies/1") == 0
    assert await left(here) == []


async def test_r56_without_a_context_it_is_read_by_the_replies_of_each_post(
    here: Here, there: There
):
    origin = there.peer.origin
    uris = [there.note(n, replies=f"{origin}/replies/{n}") for n in (1, 2, 3)]
    for number in (1, 2, 3):
        there.collection(f"/replies/{number}", uris[number : number + 1])
    await read(here, there, uris[0])
    assert [row[1] for row in await words(here)] == [1, 2, 3]


async def test_r56_the_threads_of_an_outbox_are_read_with_their_conversations(
    here: Here, there: There
):
    uris = [there.note(number) for number in (1, 2)]
    there.collection("/context", uris)
    there.outbox([there.announce(uris[0], context=there.context)])
    await read(here, there)
    assert [row[1] for row in await words(here)] == [1, 2]


async def test_r56_the_first_who_is_accepted_brings_the_history_of_a_public_community(
    here: Here, peer: Peer
):
    peer.actor("ada")
    group = await here.actor(peer.actor("group", kind="Group"))
    async with here.database.write() as conn:
        community = await read_unfiltered(conn, group.id)
        assert community is not None
        people = [await make_person(conn, site=here.site) for _ in range(2)]
        now = SystemClock().now()
        for person in people:
            await ask_to_join(conn, here.site, community, person, now=now)
    there = There(peer, community, people[0])
    there.outbox([there.announce(there.note(1))])
    asked = await here.fetch("select follow_uri from memberships order by actor_id")
    for number, (follow_uri,) in enumerate(asked):
        accept = {
            "id": f"{peer.origin}/accepts/{number}",
            "type": "Accept",
            "actor": community.uri,
            "object": follow_uri,
        }
        assert await here.receive(accept) == ("done", "")
        while await backfill.step(here.fed):
            pass
    assert [row[0] for row in await words(here)] == ["<p>Words 1</p>"]
    assert peer.fetches("/actors/group/outbox") == 1


async def test_what_was_said_before_takes_its_place_by_its_time(here: Here, there: There):
    await read(here, there, there.note(1))
    ((post_id, published),) = await here.fetch("select id, published_at from posts")
    assert time_of(int(str(post_id))) == published
    assert await here.fetch("select kind from events") == [("ThreadStarted",)]


async def test_a_post_of_a_third_server_is_asked_for_there(
    here: Here, there: There, other_peer: Peer
):
    bob = other_peer.actor("ada")
    uri = there.note(2, at=other_peer, attributedTo=bob)
    root = there.note(1, context=there.context)
    there.collection("/context", [root, {"id": uri, "type": "Note", "content": "Never said"}])
    await read(here, there, root)
    assert [row[0] for row in await words(here)] == ["<p>Words 1</p>", "<p>Words 2</p>"]
    assert other_peer.fetches("/notes/2") == 1


async def test_only_the_communitys_own_server_says_what_stands_in_it(
    here: Here, there: There, other_peer: Peer
):
    """Else whoever was banned there would stand here, listed by a server of theirs."""
    bob = other_peer.actor("ada")
    hidden = there.note(2, at=other_peer, attributedTo=bob)
    other_peer.put("/context", {"id": f"{other_peer.origin}/context", "type": "Collection"})
    listing = {"id": f"{other_peer.origin}/context", "type": "Collection", "items": [hidden]}
    other_peer.put("/context", listing)
    root = there.note(1, context=listing["id"], replies=listing["id"])
    await read(here, there, root)
    assert [row[0] for row in await words(here)] == ["<p>Words 1</p>"]
    assert other_peer.fetches("/context") == 0


async def test_what_is_not_for_the_community_is_not_taken(here: Here, there: There):
    other = there.note(1, to=[PUBLIC])
    narrow = there.note(2, to=[there.community.uri])
    there.collection("/context", [other, narrow])
    await read(here, there, there.context)
    assert await words(here) == []


async def test_res10_a_collection_is_read_for_ten_pages_and_five_hundred_items(
    here: Here, there: There
):
    origin = there.peer.origin
    for page in range(40):
        items = [f"{origin}/notes/{page * 100 + number}" for number in range(60)]
        there.collection(f"/context?page={page}", items, next=f"{origin}/context?page={page + 1}")
    there.collection("/context", [], first=f"{origin}/context?page=0", totalItems=10**18)
    await read(here, there, there.context)
    paths = [asked.path for asked in there.peer.asked]
    assert sum(path.startswith("/context?") for path in paths) <= 10
    assert sum(path.startswith("/notes/") for path in paths) <= 500
    assert await left(here) == []


@pytest.mark.parametrize("following", ["itself", "circle"])
async def test_res10_a_page_is_not_read_twice(here: Here, there: There, following: str):
    root = there.note(1)
    first, second = f"{there.peer.origin}/context", f"{there.peer.origin}/second"
    there.collection("/context", [root], next=first if following == "itself" else second)
    there.collection("/second", [], next=first)
    await read(here, there, first)
    assert len(await words(here)) == 1
    # Once to know what it is, and once to read it.
    assert there.peer.fetches("/context") == 2


async def test_res09_replies_are_read_fifty_levels_deep(here: Here, there: There):
    origin = there.peer.origin
    for number in range(1, 80):
        there.note(number, replies=f"{origin}/replies/{number}")
        there.collection(f"/replies/{number}", [f"{origin}/notes/{number + 1}"])
    await read(here, there, f"{origin}/notes/1")
    assert len(await words(here)) == 51


async def test_res09_replies_in_a_circle_are_read_once(here: Here, there: There):
    origin = there.peer.origin
    root = there.note(1, replies=f"{origin}/replies/1")
    answer = there.note(2, replies=f"{origin}/replies/1")
    there.collection("/replies/1", [root, answer])
    await read(here, there, root)
    assert [row[1] for row in await words(here)] == [1, 2]


async def test_a_server_that_others_point_at_is_asked_three_times_in_vain(
    here: Here, there: There, other_peer: Peer
):
    there.collection("/context", [f"{other_peer.origin}/notes/{n}" for n in range(50)])
    await read(here, there, there.context)
    assert len(other_peer.asked) <= 3


async def test_a_server_that_does_not_answer_is_asked_again_later(here: Here, there: There):
    root = there.note(1)
    there.peer.put("/notes/1", b"", status=503)
    await read(here, there, root)
    assert await left(here) == [(root, 1, "status_503")]
    there.note(1)
    due = SystemClock().now() + timedelta(minutes=2)
    await here.fetch("update backfills set due_at = due_at - interval '2 minutes'")
    assert due > SystemClock().now()
    while await backfill.step(here.fed):
        pass
    assert len(await words(here)) == 1
    assert await left(here) == []


async def test_what_its_community_lists_no_more_is_looked_for_at_its_own_server(
    here: Here, there: There
):
    uris = [there.note(number) for number in range(1, 6)]
    there.collection("/context", uris)
    await read(here, there, there.context)
    there.peer.put("/notes/3", {"id": uris[2], "type": "Tombstone"}, status=410)
    del there.peer.pages["/notes/4"]
    there.collection("/context", [uris[0], uris[1]])
    await read(here, there, there.context)
    states = await here.fetch("select uri, state from posts order by id")
    assert [state for _, state in states] == ["live", "live", "erased", "removed", "live"]


@pytest.mark.parametrize(("status", "state"), [(410, "erased"), (404, "removed")])
async def test_what_answers_a_post_that_is_gone_stands_below_its_place(
    here: Here, there: There, status: int, state: str
):
    uris = [there.note(number) for number in (1, 2, 3, 4)]
    there.collection("/context", [uris[0], uris[2], uris[3]])
    there.peer.put("/notes/2", {"id": uris[1], "type": "Tombstone"}, status=status)
    await read(here, there, there.context)
    assert await words(here) == [
        ("<p>Words 1</p>", 1, "live"),
        ("", 2, state),
        ("<p>Words 3</p>", 3, "live"),
        ("<p>Words 4</p>", 4, "live"),
    ]


async def test_a_conversation_whose_beginning_is_gone_stays_one(here: Here, there: There):
    uris = [there.note(number) for number in (1, 2, 3)]
    aside = there.note(9, inReplyTo=uris[0])
    there.collection("/context", [uris[1], uris[2], aside])
    there.peer.put("/notes/1", {"id": uris[0], "type": "Tombstone"}, status=410)
    await read(here, there, there.context)
    assert [row[1:] for row in await words(here)] == [
        (1, "erased"),
        (2, "live"),
        (3, "live"),
        (2, "live"),
    ]


async def test_what_is_written_here_stands_though_it_is_not_listed(here: Here, there: There):
    """It may be on its way."""
    root = there.note(1)
    there.collection("/context", [root])
    await read(here, there, there.context)
    async with here.database.write() as conn:
        (row,) = await conn.fetch("select id from posts")
        post = await threads.read_unfiltered(conn, row["id"])
        assert post is not None
        await make_reply(conn, there.person, post, site=here.site)
    await read(here, there, there.context)
    assert [row[2] for row in await words(here)] == ["live", "live"]


async def test_who_is_told_in_mid_conversation_reads_the_rest_of_it(here: Here, there: There):
    origin = there.peer.origin
    uris = [there.note(number) for number in (1, 2, 3)]
    there.note(1, context=there.context)
    aside = there.note(9, inReplyTo=uris[0])
    there.collection("/context", [*uris, aside])
    told = {
        "id": f"{origin}/announces/1",
        "type": "Announce",
        "actor": there.community.uri,
        "object": uris[2],
    }
    assert await here.receive(told) == ("done", "")
    assert len(await words(here)) == 3
    while await backfill.step(here.fed):
        pass
    assert len(await words(here)) == 4


async def test_nothing_is_read_for_a_community_that_everybody_left(here: Here, there: There):
    await here.fetch("update memberships set state = 'left'")
    await read(here, there, there.note(1))
    assert there.peer.asked == []


async def test_one_server_is_read_by_one_worker_at_a_time(here: Here, there: There):
    now = SystemClock().now()
    async with here.database.write() as conn:
        for number in (1, 2):
            uri = f"{there.peer.origin}/notes/{number}"
            community = there.community
            await backfills.add(conn, uri, "thread", community.id, community.host, now)
        first = await backfills.claim(conn, now, timedelta(minutes=1))
        assert first is not None
        assert await backfills.claim(conn, now, timedelta(minutes=1)) is None
        await backfills.finish(conn, first, now)
        second = await backfills.claim(conn, now, timedelta(minutes=1))
        assert second is not None
        assert second.uri != first.uri


async def test_what_is_asked_for_while_it_is_read_is_read_once_more(here: Here, there: There):
    now = SystemClock().now()
    community, uri = there.community, there.community.uri

    async def add(at: Any, **kept: Any) -> None:
        await backfills.add(conn, uri, "community", community.id, community.host, at, **kept)

    async with here.database.write() as conn:
        await add(now)
        claimed = await backfills.claim(conn, now, timedelta(minutes=1))
        assert claimed is not None
        await add(now + timedelta(seconds=1))
        await backfills.finish(conn, claimed, now + timedelta(seconds=2))
        again = await backfills.claim(conn, now + timedelta(seconds=3), timedelta(minutes=1))
        assert again is not None
        await backfills.finish(conn, again, now + timedelta(seconds=4))
        later = now + timedelta(minutes=5)
        await add(later, unless_since=later - timedelta(hours=1))
        assert await backfills.claim(conn, later, timedelta(minutes=1)) is None
        await add(later)
        assert await backfills.claim(conn, later, timedelta(minutes=1)) is not None


async def test_a_community_that_names_anothers_thread_keeps_nobody_from_reading_it(
    here: Here, there: There
):
    now = SystemClock().now()
    other = await here.actor(there.peer.actor("other", kind="Group"))
    wanted = {other.id, there.community.id}
    async with here.database.write() as conn:
        for community_id in (other.id, there.community.id):
            await backfills.add(conn, there.context, "thread", community_id, there.peer.host, now)
        read = set()
        while (claimed := await backfills.claim(conn, now, timedelta(minutes=1))) is not None:
            read.add(claimed.community_id)
            await backfills.finish(conn, claimed, now)
        assert read == wanted
