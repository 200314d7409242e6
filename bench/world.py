"""What is measured against: a database with a thread of 100 replies and members elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from forum.site import Site
from forum.text.markdown import to_html
from server.app import Parts
from storage import accounts, sessions
from storage.actors import Actor
from storage.communities import Community
from storage.threads import Post
from tests import factories

REPLIES = 100
PEER_HOSTS = 3

TEXT = """Thank you for writing this. We had the same week here: two appointments, one of them moved
at the last minute, and a **very** tired boy in the back of the car.

What helped us was to write the questions down the evening before, on *one* sheet:

- what changed since last time
- what worries us most
- who calls whom, and when

It is not much, but nobody forgets anything any more. See also <https://here.test/notes>."""


@dataclass(frozen=True, slots=True)
class World:
    community: Community
    thread: Post
    incoming: Post  # the thread that is answered from elsewhere: the measured page stays as it is
    reader: Actor
    session: str
    peers: list[Actor]


async def build(parts: Parts, *, peer_ports: list[int]) -> World:
    """Fill an empty database through the use cases. Peers live at 127.0.0.1:`port`."""
    services = parts.services
    site = services.site
    async with services.database.write() as conn:
        await factories.make_site(conn, site=site)
        owner = await factories.make_person(conn, "owner", site=site)
        reader = await factories.make_person(conn, "reader", site=site)
        community = await factories.make_community(
            conn, owner, site=site, name="marfan", condition="ORPHA:558"
        )
        await factories.join(conn, community, reader)
        people = [owner, reader]
        for number in range(8):
            person = await factories.make_person(conn, f"person{number}", site=site)
            await factories.join(conn, community, person)
            people.append(person)
        thread = await _thread(conn, site, people, community)
        incoming = await factories.make_thread(conn, owner, community, site=site, text=TEXT)
        peers = []
        for port in peer_ports:
            peer = await factories.make_remote_person(conn, host=f"127.0.0.1:{port}")
            await factories.join(conn, community, peer)
            peers.append(peer)
        if await accounts.read_account(conn, reader.id) is None:
            raise RuntimeError("the reader has no account")
        session = await sessions.start(conn, reader.id, datetime.now(UTC))
        await conn.execute("delete from events")
        # The sinks speak plain http.
        await conn.execute(
            "update actors set shared_inbox = 'http://' || host || '/inbox' where not is_local"
        )
    return World(community, thread, incoming, reader, session, peers)


async def _thread(conn, site: Site, people: list[Actor], community: Community) -> Post:
    html = to_html(TEXT)
    thread = await factories.make_thread(conn, people[0], community, site=site, text=TEXT)
    parents = [thread]
    for number in range(REPLIES):
        parent = parents[(number * 7) % len(parents)] if number % 3 else thread
        author = people[number % len(people)]
        post = await factories.make_reply(conn, author, parent, site=site, text=TEXT)
        parents.append(post)
    await conn.execute("update posts set html = $1 where html <> ''", html)
    return thread


def note_of(peer: Actor, world: World, number: int) -> bytes:
    """A Create of a reply as a microblog server sends it, about 1.9 KB."""
    uri = f"https://{peer.host}/notes/{number}"
    public = "https://www.w3.org/ns/activitystreams#Public"
    recipients = {"to": [public], "cc": [world.community.uri, peer.followers]}
    note = {
        "id": uri,
        "type": "Note",
        "attributedTo": peer.uri,
        "inReplyTo": world.incoming.uri,
        "published": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "url": uri,
        "content": f"<p>{TEXT[:900]}</p>",
        "audience": world.community.uri,
        "sensitive": False,
        "tag": [],
        **recipients,
    }
    create = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{uri}/activity",
        "type": "Create",
        "actor": peer.uri,
        "object": note,
        **recipients,
    }
    return json.dumps(create).encode()
