"""Walk (a): a signed Create comes to the inbox of a community, and goes out to its followers.

Each stage enters its own rooms, in order, and meets the next one only in a table.
"""

from __future__ import annotations

from pathlib import Path

from tests import factories
from tests.walks.house import open_house
from tests.walks.peer import Peer
from tests.walks.rooms import Rooms

USE_CASES = ("forum.threads", "forum.membership", "forum.communities", "forum.moderation")
WORKERS = ("federation.receive", "federation.publish", "federation.deliver")


async def test_an_incoming_create_enters_each_room_once_and_in_order(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house, Peer() as peer:
        wanda = peer.person("wanda")
        async with house.database.write() as conn:
            rosa = await factories.make_person(conn, "rosa", site=house.site)
            community = await factories.make_community(conn, rosa, site=house.site)
        await house.follow(peer, wanda, community.uri)
        create = peer.create(wanda, community.uri, "walk", title="A walk")

        with Rooms() as door:
            assert (await house.hand_in(peer, create)).status_code == 202
        path = (
            "federation.inbox",
            "federation.admission",
            "federation.keys",
            "federation.authenticate",
            "federation.signatures.cavage",
            "federation.hosts",
            "storage.inbox",
        )
        assert door.path(*path) == list(path)
        assert door.once("federation.authenticate.authenticate", "storage.inbox.keep")
        assert not door.path(*USE_CASES, *WORKERS, "storage.posts")
        assert "web" not in door.floors()

        received = await house.receive()
        path = (
            "storage.inbox",
            "federation.vocabulary.activities",
            "federation.receive.create",
            "forum.threads",
            "forum.access",
            "storage.posts",
            "forum.outbox",
            "storage.outbox",
        )
        assert received.path(*path) == list(path)
        assert received.once(
            "federation.vocabulary.activities.parse_activity",
            "forum.threads.start_thread",
            "forum.access.require_may_post",
            "storage.posts.insert",
            "forum.outbox.record_event",
            "storage.inbox.finish",
        )
        assert not received.path("federation.publish", "federation.deliver", "federation.client")
        assert "web" not in received.floors()

        published = await house.publish()
        path = (
            "storage.outbox",
            "federation.publish.threads",
            "storage.audience",
            "federation.render.activities",
            "storage.deliveries",
        )
        assert published.path(*path) == list(path)
        assert published.once(
            "federation.publish.threads.publish_post",
            "storage.audience.recipients_of_community",
            "storage.inbox.read_bodies_by_uri",
            "storage.outbox.finish",
        )
        assert not published.path(*USE_CASES, "federation.receive", "federation.client")

        delivered = await house.deliver()
        path = (
            "federation.deliver",
            "storage.keys",
            "federation.client",
            "federation.knocking",
            "federation.signatures.cavage",
        )
        assert delivered.path(*path) == list(path)
        assert delivered.once("storage.destinations.lease_hosts", "storage.deliveries.settle")
        assert delivered.floors() == {"federation", "forum", "storage"}
        assert not delivered.path(*USE_CASES, "federation.render.activities")
        announced = [request.json for request in peer.deliveries("Announce")]
        assert create in [one["object"] for one in announced]

        thread_id = await house.thread_called("A walk")
        with Rooms() as page:
            assert "A walk" in (await house.client.get(f"/t/{thread_id}")).text
        path = ("web.viewer", "web.pages.threads", "storage.threads", "web.templating")
        assert page.path(*path) == list(path)
        assert page.once("storage.threads.read_thread")
        assert not page.path(*USE_CASES)
        assert "federation" not in page.floors()
