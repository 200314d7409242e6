"""Two servers compare who follows whom (FEP-8fcf): what is told, to whom, and what it changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from federation import deliver, synchronization
from federation.fetch import Budget
from federation.sync_header import Claim, digest_of, read_header
from storage import followers, memberships
from storage.actors import Actor
from storage.audience import Viewer, reads_community
from storage.communities import Community, read_unfiltered
from storage.db import Database
from tests.factories import (
    join,
    make_community,
    make_person,
    make_remote_person,
    make_site,
    make_thread,
)
from tests.faults.houses import open_house, settle
from tests.federation.conftest import Here
from tests.federation.doors import Door, make_server, open_door
from tests.federation.peer import PUBLIC, Peer, post_signed
from tests.federation.sink import Request, open_sink
from tests.federation.wire import MovableClock, make_member_elsewhere, open_wire, publish_all

HEADER = "collection-synchronization"
NOBODY = "0" * 64
LONG_AGO = timedelta(days=1)


def xor_of(uris: Sequence[str]) -> str:
    """The digest, in words of its own."""
    hashes = [hashlib.sha256(uri.encode()).digest() for uri in uris]
    empty = bytes(32)
    return reduce(
        lambda one, two: bytes(a ^ b for a, b in zip(one, two, strict=True)), hashes, empty
    ).hex()


def test_r65_the_digest_is_the_xor_of_the_hashes_of_ids() -> None:
    uris = [f"https://there.test/people/{number}" for number in range(5)]
    assert digest_of([]) == NOBODY
    assert digest_of(uris[:1]) == hashlib.sha256(uris[0].encode()).hexdigest()
    assert digest_of(uris) == xor_of(uris) == digest_of(reversed(uris))
    assert digest_of([*uris, uris[0]]) == xor_of(uris)


FULL = f'collectionId="https://a.test/f", url="https://a.test/g", digest="{"ab" * 32}"'


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        (FULL, True),
        (FULL.replace(", ", ","), True),
        (FULL.replace("ab", "AB"), True),
        (f'{FULL}, more="x"', True),
        ("", False),
        ("nonsense", False),
        (FULL.replace("digest", "hash"), False),
        (FULL.replace("ab", "zz"), False),
        (FULL.replace("abab", "ab"), False),
        (f"{FULL}, {FULL}", False),
        (FULL + " " * 9000, False),
    ],
)
def test_a_header_is_read_or_ignored(text: str, is_read: bool) -> None:
    expected = Claim("https://a.test/f", "https://a.test/g", "ab" * 32)
    assert read_header(text) == (expected if is_read else None)


# What we tell.


@pytest.fixture
async def fed(database: Database):
    async with open_wire(database, clock=MovableClock()) as opened:
        yield opened


def header_of(request: Request) -> str | None:
    found = dict(request.headers).get(HEADER.encode())
    return None if found is None else found.decode()


async def test_r65_what_a_community_announces_says_what_its_followers_there_come_to(fed) -> None:
    async with open_sink() as one, open_sink() as other:
        async with fed.database.write() as conn:
            await make_site(conn)
            author = await make_person(conn)
            community = await make_community(conn, author)
            there = [
                await make_member_elsewhere(conn, community, one.host, "dazzle") for _ in range(3)
            ]
            asking = await make_remote_person(conn, host=one.host)
            await join(conn, community, asking, state="asked")
            elsewhere = [await make_member_elsewhere(conn, community, other.host, "dazzle")]
            for sink in (one, other):
                await conn.execute(
                    "update actors set shared_inbox = $2 where host = $1", sink.host, sink.inbox
                )
            await make_thread(conn, author, community)
        await publish_all(fed)
        assert await deliver.step(fed) == 2
    for sink, members in ((one, there), (other, elsewhere)):
        header = header_of(sink.requests[0])
        assert header is not None
        claim = read_header(header)
        assert claim == Claim(
            f"{community.uri}/followers",
            f"{community.uri}/followers_synchronization",
            xor_of([member.uri for member in members]),
        )
        signature = dict(sink.requests[0].headers)[b"signature"].decode()
        assert re.search(rf'headers="[^"]*\b{HEADER}\b', signature)


async def test_r65_nothing_is_told_with_what_a_person_sends(fed) -> None:
    """People here have no followers, and their communities are nobody's business."""
    async with open_sink() as sink:
        async with fed.database.write() as conn:
            await make_site(conn)
            author = await make_person(conn)
            community = await make_community(conn, author)
            member = await make_member_elsewhere(conn, community, sink.host, "mastodon")
            await conn.execute(
                "update actors set shared_inbox = $2 where id = $1", member.id, sink.inbox
            )
            thread = await make_thread(conn, author, community)
            await conn.execute("delete from events")
            await conn.execute(
                "insert into events (kind, payload) values ('PostErased', $1)",
                {"post_id": thread.id, "source_uri": None},
            )
            await conn.execute(
                "insert into activities (id, uri, actor_id, type, post_id, body)"
                " values (1, 'x', $1, 'Create', $2, 'x')",
                author.id,
                thread.id,
            )
        await publish_all(fed)
        await deliver.step(fed)
    assert [request.body.count(b'"Delete"') for request in sink.requests] == [1]
    assert header_of(sink.requests[0]) is None


@pytest.fixture
async def door(fed):
    async with open_door(fed) as opened:
        yield opened


async def test_r65_a_server_reads_its_own_people_and_nobody_else(door: Door, fed) -> None:
    async with fed.database.write() as conn:
        owner = await make_person(conn)
        named = ("one.test", "two.test", "empty.test")
        community = await make_community(conn, owner, readers="members", hosts=named)
        ones = [await make_member_elsewhere(conn, community, "one.test", None) for _ in range(2)]
        twos = [await make_member_elsewhere(conn, community, "two.test", None)]
        gone = await make_member_elsewhere(conn, community, "one.test", None)
        await conn.execute("update memberships set state = 'left' where actor_id = $1", gone.id)
        servers = [
            await make_server(conn, host)
            for host in ("one.test", "two.test", "empty.test", "strange.test")
        ]
    url = f"{community.uri}/followers_synchronization"
    expected: list[Any] = [ones, twos, []]
    for server, people in zip(servers, expected, strict=False):
        response = await door.get(url, signed_by=server)
        assert response.headers["cache-control"] == "private, no-store"
        document = response.json()
        assert document["id"] == url
        assert document["type"] == "OrderedCollection"
        assert sorted(document["orderedItems"]) == sorted(one.uri for one in people)
    by_person = await door.document(url, signed_by=twos[0])
    assert by_person["orderedItems"] == [twos[0].uri]
    unknown = await door.get("/ap/posts/4242")
    for asker in (None, servers[3]):
        hidden = await door.get(url, signed_by=asker)
        assert (hidden.status_code, hidden.content) == (404, unknown.content)


# What we are told.


class Elsewhere:
    """A community of another server with people of ours, and the list that server shows."""

    def __init__(self, here: Here, peer: Peer, community: Community) -> None:
        self.here, self.peer, self.community = here, peer, community
        self.url = f"{community.uri}/followers_synchronization"
        self._number = 0

    async def follower(self, state: str, *, ago: timedelta = LONG_AGO) -> Actor:
        async with self.here.database.write() as conn:
            person = await make_person(conn, site=self.here.site)
            if state:
                uri = self.here.site.follow_uri(person.id, self.community.id)
                await join(conn, self.community, person, state=state, follow_uri=uri)
                await conn.execute(
                    "update memberships set changed_at = now() - $2::interval where actor_id = $1",
                    person.id,
                    ago,
                )
        return person

    def lists(self, *people: Actor, **page: Any) -> None:
        document = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": self.url,
            "type": "OrderedCollection",
            "orderedItems": [person.uri for person in people],
        }
        self.peer.put("/actors/herd/followers_synchronization", document, **page)

    async def says(self, *people: Actor, signer: str | None = None, **changed: str) -> None:
        """Announce something, with the header beside it."""
        fields = {
            "collectionId": f"{self.community.uri}/followers",
            "url": self.url,
            "digest": xor_of([person.uri for person in people]),
        } | changed
        header = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        self._number += 1
        actor = signer or self.community.uri
        activity = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{self.peer.origin}/announces/{self._number}",
            "type": "Announce",
            "actor": actor,
            "to": [PUBLIC],
            "object": f"{self.peer.origin}/notes/1",
        }
        answer = await post_signed(self.here.inbox, activity, values={HEADER: header})
        assert answer.status_code == 202
        await self.here.fed.notes.close()

    async def compares(self) -> bool:
        """Let the worker look; whether it asked for the list."""
        before = self.peer.fetches("/actors/herd/followers_synchronization")
        while await synchronization.step(self.here.fed):
            pass
        return self.peer.fetches("/actors/herd/followers_synchronization") > before

    async def state_of(self, person: Actor) -> str | None:
        async with self.here.database.read() as conn:
            found = await memberships.read_membership(conn, self.community.id, person.id)
        return None if found is None else found.state

    async def left_again(self) -> list[object]:
        """Who is told to have left."""
        rows = await self.here.fetch("select payload from events where kind = 'MembershipLeft'")
        return [row[0]["actor_id"] for row in rows]  # type: ignore[index]


@pytest.fixture
async def herd(here: Here, peer: Peer) -> Elsewhere:
    actor = await here.fed.fetcher.actor(peer.actor("herd", kind="Group"), Budget())
    async with here.database.read() as conn:
        community = await read_unfiltered(conn, actor.id)
    assert community is not None
    return Elsewhere(here, peer, community)


async def test_r65_memberships_are_set_right_by_the_communitys_own_list(
    herd: Elsewhere, peer: Peer
) -> None:
    stays, stale = await herd.follower("accepted"), await herd.follower("accepted")
    accepted_there, waits = await herd.follower("asked"), await herd.follower("asked")
    left, refused = await herd.follower("left"), await herd.follower("refused")
    never = await herd.follower("")
    listed = (stays, accepted_there, left, refused, never)
    herd.lists(*listed)
    await herd.says(*listed)
    assert await herd.compares()
    asked = [one for one in peer.asked if one.path.endswith("followers_synchronization")]
    assert all("signature" in one.headers for one in asked)
    states = [
        await herd.state_of(person) for person in (stays, stale, accepted_there, waits, left, never)
    ]
    assert states == ["accepted", "left", "accepted", "asked", "left", None]
    assert sorted(map(str, await herd.left_again())) == sorted(
        str(person.id) for person in (left, refused, never)
    )


async def test_r65_what_changed_within_the_hour_is_left_alone(herd: Elsewhere) -> None:
    lately = timedelta(minutes=50)
    joined = await herd.follower("accepted", ago=lately)
    left = await herd.follower("left", ago=lately)
    other = await herd.follower("accepted")
    herd.lists(left)
    await herd.says(left)
    assert await herd.compares()
    assert await herd.state_of(joined) == "accepted"
    assert await herd.state_of(other) == "left"
    assert await herd.left_again() == []


async def test_r65_a_community_that_lists_everybody_makes_only_some_of_them_sign(
    herd: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forum.synchronization.MOST_LEAVING", 3)
    people = [await herd.follower("left") for _ in range(3)]
    people += [await herd.follower("") for _ in range(3)]
    herd.lists(*people)
    await herd.says(*people)
    assert await herd.compares()
    told = await herd.left_again()
    assert len(set(told)) == len(told) == 3
    assert set(told) <= {person.id for person in people}


async def test_r65_nothing_is_asked_while_both_count_the_same(herd: Elsewhere) -> None:
    people = [await herd.follower("accepted") for _ in range(3)]
    herd.lists()
    await herd.says(*people)
    assert not await herd.compares()
    assert [await herd.state_of(person) for person in people] == ["accepted"] * 3


async def test_r65_a_list_that_does_not_come_to_what_was_said_changes_nothing(
    herd: Elsewhere,
) -> None:
    """It was cut short, or made for somebody else."""
    people = [await herd.follower("accepted") for _ in range(3)]
    herd.lists()
    await herd.says(*people[:2])
    assert await herd.compares()
    assert [await herd.state_of(person) for person in people] == ["accepted"] * 3


@pytest.mark.parametrize(
    "page", [{"status": 404}, {"status": 500}, {"content_type": "text/html"}], ids=str
)
async def test_r65_a_list_that_is_none_changes_nothing(
    herd: Elsewhere, page: dict[str, Any]
) -> None:
    person = await herd.follower("accepted")
    herd.lists(**page)
    await herd.says()
    await herd.compares()
    assert await herd.state_of(person) == "accepted"


async def test_r65_a_list_elsewhere_is_not_asked_for(
    herd: Elsewhere, other_peer: Peer, peer: Peer
) -> None:
    person = await herd.follower("accepted")
    path = "/actors/herd/followers_synchronization"
    other_peer.put(path, {"type": "OrderedCollection", "orderedItems": []})
    await herd.says(url=f"{other_peer.origin}{path}")
    assert not await herd.compares()
    peer.put(path, b"", status=302, headers={"location": f"{other_peer.origin}{path}"})
    await herd.says(digest=xor_of(["x"]))
    await herd.compares()
    await herd.says()
    await herd.compares()
    assert await herd.state_of(person) == "accepted"


async def test_r65_only_the_community_itself_speaks_of_its_own_collection(
    herd: Elsewhere, peer: Peer, here: Here
) -> None:
    person = await herd.follower("accepted")
    herd.lists()
    await herd.says(collectionId=f"{peer.origin}/actors/other/followers")
    assert not await herd.compares()
    member = peer.actor("member")
    await here.actor(member)
    await herd.says(signer=member, digest=xor_of(["y"]))
    assert not await herd.compares()
    assert await herd.state_of(person) == "accepted"


async def test_r65_one_list_is_asked_for_once_an_hour(herd: Elsewhere) -> None:
    people = [await herd.follower("accepted") for _ in range(2)]
    herd.lists(people[0])
    await herd.says(people[0])
    assert await herd.compares()
    herd.lists()
    await herd.says()
    assert not await herd.compares()
    assert await herd.state_of(people[0]) == "accepted"
    async with herd.here.database.write() as conn:
        await conn.execute("update follower_checks set checked_at = now() - interval '61 minutes'")
    herd.here.fed.notes._noted.clear()  # as a process that was started since
    await herd.says()
    assert await herd.compares()
    assert await herd.state_of(people[0]) == "left"


async def test_r65_a_list_may_come_in_pages(herd: Elsewhere, peer: Peer) -> None:
    people = [await herd.follower("accepted") for _ in range(3)]
    gone = await herd.follower("accepted")
    uris = [person.uri for person in people]
    page = "/actors/herd/followers_synchronization"
    peer.put(page, {"type": "OrderedCollection", "id": herd.url, "first": f"{herd.url}?page=1"})
    peer.put(
        f"{page}?page=1",
        {"type": "OrderedCollectionPage", "orderedItems": uris[:2], "next": f"{herd.url}?page=2"},
    )
    peer.put(f"{page}?page=2", {"type": "CollectionPage", "items": uris[2:]})
    await herd.says(*people)
    assert await herd.compares()
    assert await herd.state_of(gone) == "left"
    assert [await herd.state_of(person) for person in people] == ["accepted"] * 3


async def test_the_digest_of_many_followers_is_computed_in_the_database(fed) -> None:
    async with fed.database.write() as conn:
        await make_site(conn)
        community = await make_community(conn)
        people = [await make_member_elsewhere(conn, community, "one.test", None) for _ in range(7)]
        found = await followers.read_digests_unfiltered(
            conn, [community.id, community.id, 42], ["one.test", "two.test", "one.test"]
        )
        listed = await followers.list_there(conn, Viewer(host="one.test"), community.id)
        nobody = await followers.list_there(conn, Viewer(people[0].id), community.id)
    by_host = {one.host: (f"{int(one.bits, 2):064x}", one.number) for one in found}
    expected = xor_of([person.uri for person in people])
    assert by_host == {"one.test": (expected, 7), "two.test": (NOBODY, 0)}
    assert xor_of(listed) == expected
    assert nobody == []


async def test_r65_two_servers_agree_again_on_who_is_in_a_closed_community(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    """A Reject and an Undo were lost; the next post sets both right."""
    clock = MovableClock()
    async with (
        open_house(await new_database(), clock) as a,
        open_house(await new_database(), clock) as b,
    ):
        rosa = await a.person()
        async with a.database.write() as conn:
            closed = await make_community(
                conn, rosa, site=a.site, readers="members", hosts=(b.site.host,)
            )
        stays, removed, left = [await b.person() for _ in range(3)]
        for person in (stays, removed, left):
            there = await b.join(person, closed)
        await settle(a, b)
        state = "update memberships set state = $2 where actor_id = (%s)"
        by_uri = state % "select id from actors where uri = $1"
        await a.rows(by_uri, removed.uri, "refused")
        await b.rows(by_uri, left.uri, "left")
        clock.move(timedelta(hours=2))
        async with a.database.write() as conn:
            await make_thread(conn, rosa, closed, site=a.site, text="For members.")
        await settle(a, b)
        standing = """
        select a.uri, m.state from memberships m
        join actors a on a.id = m.actor_id
        join actors c on c.id = m.community_id and c.uri = $1
        where a.uri = any($2)
        """
        people = [stays.uri, removed.uri, left.uri]
        assert dict(await a.rows(standing, closed.uri, people)) == {
            stays.uri: "accepted",
            removed.uri: "refused",
            left.uri: "left",
        }
        assert dict(await b.rows(standing, closed.uri, people)) == {
            stays.uri: "accepted",
            removed.uri: "left",
            left.uri: "left",
        }
        async with b.database.read() as conn:
            reads = [
                await reads_community(conn, Viewer(person.id), there.id)
                for person in (stays, removed, left)
            ]
        assert reads == [True, False, False]
