"""Walk (b): a member posts in the form; the same use case, and the same stages after it."""

from __future__ import annotations

from pathlib import Path

from tests import factories
from tests.walks.forms import Form, read_page
from tests.walks.house import House, open_house
from tests.walks.peer import Peer
from tests.walks.rooms import Rooms


async def test_a_post_in_the_form_enters_each_room_once_and_in_order(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house, Peer() as peer:
        wanda = peer.person("wanda")
        async with house.database.write() as conn:
            rosa = await factories.make_person(conn, "rosa", site=house.site)
            community = await factories.make_community(conn, rosa, site=house.site)
        await house.follow(peer, wanda, community.uri)
        signing_in = await open_form(house, "/sign-in")
        await send(house, signing_in, name="rosa", password=factories.PASSWORD)
        writing = await open_form(house, f"/c/{community.name}/new")

        with Rooms() as written:
            await send(house, writing, title="A walk", source="*Slowly.*")
        path = (
            "web.door",
            "web.viewer",
            "web.pages.writing",
            "forum.text.compose",
            "forum.threads",
            "forum.access",
            "forum.outbox",
            "storage.outbox",
        )
        assert written.path(*path) == list(path)
        assert written.once(
            "forum.threads.start_thread",
            "forum.access.require_may_post",
            "storage.posts.insert",
            "forum.outbox.record_event",
        )
        assert "federation" not in written.floors()

        published = await house.publish()
        path = (
            "storage.outbox",
            "federation.publish.threads",
            "federation.render.posts",
            "federation.render.activities",
            "storage.deliveries",
        )
        assert published.path(*path) == list(path)
        assert published.once(
            "federation.publish.threads.publish_post",
            "federation.render.posts.document_of",
            "federation.render.activities.create",
            "storage.audience.recipients_of_community",
            "storage.outbox.finish",
        )
        assert not published.path("forum.threads", "federation.client", "storage.inbox")

        delivered = await house.deliver()
        path = (
            "federation.deliver",
            "storage.keys",
            "federation.client",
            "federation.knocking",
            "federation.signatures.cavage",
        )
        assert delivered.path(*path) == list(path)
        assert not delivered.path("federation.render.activities", "forum.threads")
        announced = [request.json for request in peer.deliveries("Announce")]
        created = [one["object"] for one in announced if isinstance(one["object"], dict)]
        assert [one["object"]["name"] for one in created] == ["A walk"]


async def open_form(house: House, path: str) -> Form:
    return read_page(200, path, (await house.client.get(path)).text).form(path)


async def send(house: House, form: Form, **fields: str) -> None:
    answer = await house.client.post(form.action, data=form.fields | fields)
    assert answer.status_code == 303, answer.text
