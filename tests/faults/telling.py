"""What a server tells us: members and posts of its own, in a community here and in one of its own.

Each world is new, so that many of them fit into one database. What came to stand here is compared
without the numbers that are drawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from storage.communities import Community, read_unfiltered
from storage.threads import Post
from tests.factories import join, make_community, make_person, make_poll, make_thread
from tests.federation.conftest import Here
from tests.federation.peer import PUBLIC, Peer, post_signed

TRIES = 5
Activity = dict[str, Any]

_numbers = count(1)

POSTS = """
select p.uri, parent.uri, p.html, p.edited_at is not null, p.parts
from posts p
left join posts parent on parent.id = p.parent_id
where p.community_id = any($1::bigint[]) and p.state = 'live' and not p.is_local
"""
COUNTS = """
select p.uri, p.reply_count from posts p
where p.community_id = any($1::bigint[]) and p.state = 'live' and p.kind = 'thread'
"""
MEMBERS = """
select a.uri from memberships m join actors a on a.id = m.actor_id
where m.community_id = any($1::bigint[]) and m.state = 'accepted' and not a.is_local
"""
LIKES = """
select a.uri, r.kind, r.content from reactions r
join actors a on a.id = r.actor_id
join posts p on p.id = r.post_id and p.community_id = any($1::bigint[])
"""
VOTES = """
select o.name, o.votes, q.voters from poll_options o join polls q using (post_id)
join posts p on p.id = o.post_id and p.community_id = any($1::bigint[])
"""


@dataclass
class World:
    """`ours` is a community of this server, `theirs` one of the peer that somebody here joined."""

    here: Here
    peer: Peer
    number: int
    ours: Community
    theirs: Community
    thread: Post
    poll: Post
    ada: str
    bob: str

    def uri(self, name: str) -> str:
        return f"{self.peer.origin}/{self.number}/{name}"

    def note(self, name: str, text: str, **changed: Any) -> Activity:
        """A post of Ada in our community; a thread unless it answers something."""
        return {
            "id": self.uri(name),
            "type": "Note",
            "attributedTo": self.ada,
            "to": [PUBLIC, self.ours.uri],
            "content": f"<p>{text}</p>",
            "published": "2026-01-01T00:00:00Z",
            **({} if "inReplyTo" in changed else {"name": f"Thread {name}"}),
            **changed,
        }

    def act(self, kind: str, name: str, inner: Any, *, by: str = "", **changed: Any) -> Activity:
        uri = self.uri(f"activities/{name}")
        return {"id": uri, "type": kind, "actor": by or self.ada, "object": inner, **changed}

    def announce(self, name: str, inner: Any) -> Activity:
        return self.act("Announce", name, inner, by=self.theirs.uri, to=[PUBLIC])

    def put(self, note: Activity) -> None:
        """What the peer shows at the post's address."""
        self.peer.put(note["id"].removeprefix(self.peer.origin), note)

    def put_tombstone(self, name: str) -> None:
        gone = {"id": self.uri(name), "type": "Tombstone"}
        self.peer.put(f"/{self.number}/{name}", gone, status=410)

    async def state(self) -> dict[str, Any]:
        """What anybody sees, in words that every world shares."""
        places = [self.ours.id, self.theirs.id]
        found = {}
        for what, statement in (
            ("posts", POSTS),
            ("counts", COUNTS),
            ("members", MEMBERS),
            ("likes", LIKES),
            ("votes", VOTES),
        ):
            rows = await self.here.fetch(statement, places)
            found[what] = sorted(tuple(self._plain(value) for value in row) for row in rows)
        return found

    def _plain(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        known = {
            self.thread.uri: "our thread",
            self.poll.uri: "our poll",
            self.ada: "ada",
            self.bob: "bob",
            f"{self.peer.origin}/{self.number}/": "",
        }
        for uri, name in known.items():
            value = value.replace(uri, name)
        return value


async def make_world(here: Here, peer: Peer) -> World:
    number = next(_numbers)
    ada = await here.actor(peer.actor(f"ada{number}"))
    bob = await here.actor(peer.actor(f"bob{number}"))
    group = await here.actor(peer.actor(f"group{number}", kind="Group"))
    async with here.database.write() as conn:
        person = await make_person(conn, site=here.site)
        ours = await make_community(conn, person, site=here.site)
        theirs = await read_unfiltered(conn, group.id)
        assert theirs is not None
        await join(conn, theirs, person)
        await join(conn, ours, ada)
        thread = await make_thread(conn, person, ours, site=here.site)
        poll = await make_poll(conn, person, ours)
    return World(here, peer, number, ours, theirs, thread, poll, ada.uri, bob.uri)


def story(world: World) -> list[Activity]:
    """Everything that one server may tell, in the order in which it happened there."""
    first = world.note("first", "One")
    edits = [
        {**first, "content": f"<p>{word}</p>", "updated": f"2026-01-01T0{hour}:00:00Z"}
        for hour, word in ((1, "Two"), (2, "Three"))
    ]
    gone = world.note("gone", "Not for long")
    above, below, last = (
        world.note(name, name, inReplyTo=parent)
        for name, parent in (
            ("above", world.thread.uri),
            ("below", world.uri("above")),
            ("last", world.uri("below")),
        )
    )
    vote = {
        "id": world.uri("vote"),
        "type": "Note",
        "attributedTo": world.ada,
        "to": [world.thread.uri],
        "inReplyTo": world.poll.uri,
        "name": "Pear",
    }
    like = world.act("Like", "like", world.thread.uri)
    follow = world.act("Follow", "follow", world.ours.uri, by=world.bob)
    for note in (edits[1], above, below, last):
        world.put(note)
    world.put_tombstone("gone")
    return [
        world.act("Create", "1", first),
        world.act("Create", "2", gone),
        world.act("Create", "3", above),
        like,
        follow,
        world.act("Update", "4", edits[0], to=first["to"]),
        world.act("Update", "5", {**gone, "content": "<p>Changed</p>"}),
        world.act("Create", "6", below),
        world.act("Like", "lasting", world.poll.uri),
        world.act("Create", "7", vote),
        world.act("Undo", "8", like),
        world.act("Undo", "9", follow, by=world.bob),
        world.act("Update", "10", edits[1], to=first["to"]),
        world.act("Delete", "11", gone["id"]),
        world.act("Create", "12", last),
        *passed_on(world),
    ]


def passed_on(world: World) -> list[Activity]:
    """The same in a community of that server, which announces it."""

    def note(name: str, text: str, **changed: Any) -> Activity:
        return world.note(name, text, **{"to": [PUBLIC, world.theirs.uri], **changed})

    thread, taken = note("there", "One"), note("taken", "Not for long")
    edited = {**thread, "content": "<p>Two</p>", "updated": "2026-01-01T01:00:00Z"}
    answer = note("answer", "Yes", inReplyTo=thread["id"])
    world.put(edited)
    world.put(answer)
    world.put_tombstone("taken")
    return [
        world.announce("a1", world.act("Create", "21", thread)),
        world.announce("a2", world.act("Create", "22", taken)),
        world.announce("a3", world.act("Create", "23", answer)),
        world.announce("a4", world.act("Like", "24", thread["id"])),
        world.announce("a5", world.act("Update", "25", edited)),
        world.announce("a6", world.act("Delete", "26", taken["id"])),
    ]


# What stands in the end, however it came.
OUTCOME: dict[str, Any] = {
    "posts": [
        ("above", "our thread", "<p>above</p>", False, None),
        ("answer", "there", "<p>Yes</p>", False, None),
        ("below", "above", "<p>below</p>", False, None),
        ("first", None, "<p>Three</p>", True, None),
        ("last", "below", "<p>last</p>", False, None),
        ("there", None, "<p>Two</p>", True, None),
    ],
    "counts": [("first", 0), ("our poll", 0), ("our thread", 3), ("there", 1)],
    "members": [("ada",)],
    "likes": [("ada", "like", ""), ("ada", "like", "")],
    "votes": [("Apple", 0, 1), ("Pear", 1, 1), ("Plum", 0, 1)],
}


async def tell(world: World, activities: Iterable[Activity], *, times: int = 1) -> None:
    """Post activities, each several times at once, to the shared inbox and to somebody's own."""
    personal = f"{world.here.site.origin}/ap/actors/{world.ours.id}/inbox"
    for activity in activities:
        doors = [(world.here.inbox, personal)[number % 2] for number in range(times)]
        answers = await asyncio.gather(*(post_signed(door, activity) for door in doors))
        assert {answer.status_code for answer in answers} == {202}


async def settle(here: Here) -> None:
    """Work until nothing waits: what has to wait for something else is due at once."""
    for _ in range(TRIES):
        await here.work()
        await here.fetch("update inbox set due_at = now() where state = 'waiting'")
