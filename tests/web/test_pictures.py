"""What posts of other servers carry, in a page here: nothing of it is asked for by the browser."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.routing import Router

from federation.client import Client
from federation.pictures import RemotePictures
from forum import messages
from forum.ports import Services
from forum.text import clean_remote
from forum.threads import Origin, erase_post, start_thread
from storage.actors import Actor
from storage.communities import Community
from storage.db import Database
from storage.media_files import MediaFiles
from storage.parts import Attachment, Parts
from storage.threads import Post
from tests.factories import (
    SITE,
    join,
    make_community,
    make_draft,
    make_person,
    make_remote_person,
    tick,
)
from tests.federation.peer import Peer, open_peer
from tests.web.conftest import Browser
from tests.web.html import Page
from web.routes import routes

FOREIGN = re.compile(r'(?:src|srcset|poster|data|action)="(?!/)')


INLINE = """<p style="background:url(URL)">Look<img src="URL" srcset="URL 2x"></p>
<video poster="URL" src="URL"></video><picture><source srcset="URL"></picture>
<input type=image src="URL"><svg><image href="URL"/></svg><link rel=preload href="URL">"""


def drawn() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (1280, 640), "teal").save(made, "PNG")
    return made.getvalue()


@dataclass
class Scene:
    """A community, a member of it here and one elsewhere whose server is `peer`."""

    database: Database
    services: Services
    peer: Peer
    community: Community
    member: Actor
    author: Actor

    def browser(self) -> Browser:
        return Browser(Router(routes(self.services), redirect_slashes=False), self.services)

    async def post(self, *attachments: Attachment, **changed: Any) -> Post:
        uri = f"https://there.test/posts/{tick().timestamp()}"
        draft = replace(make_draft("A title"), parts=Parts(attachments=attachments), **changed)
        async with self.database.write() as conn:
            origin = Origin(uri, uri, tick(), f"{uri}/activity")
            return await start_thread(
                conn, SITE, self.author, self.community, draft, now=tick(), origin=origin
            )


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with open_peer() as opened:
        opened.put("/a.png", drawn(), content_type="image/png")
        yield opened


@pytest.fixture
async def scene(
    services: Services, peer: Peer, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    readers = getattr(request, "param", "anyone")
    database = services.database
    async with database.write() as conn:
        hosts = () if readers == "anyone" else ("there.test",)
        community = await make_community(conn, name="place", readers=readers, hosts=hosts)
        member, author = await make_person(conn, "ada"), await make_remote_person(conn)
        await join(conn, community, member)
        await join(conn, community, author)
    client = Client(SITE, services.clock, allow_loopback=True)
    files = MediaFiles(tmp_path / "media-cache")
    pictures = RemotePictures(database, services.clock, client, files, services.pictures)
    with_pictures = replace(services, remote_pictures=pictures)
    yield Scene(database, with_pictures, peer, community, member, author)
    await pictures.close()
    await client.close()


async def test_pat10_xss_05_a_page_shows_a_picture_from_elsewhere_without_asking_there(
    scene: Scene,
) -> None:
    url = f"{scene.peer.origin}/a.png"
    post = await scene.post(
        Attachment("image", url, alt='A knee "in" a brace', width=1280, height=640),
        Attachment("image", f"{scene.peer.origin}/gone.png"),
        html=clean_remote(INLINE.replace("URL", url)),
    )
    nobody = scene.browser()
    page = await nobody.page(f"/t/{post.id}")
    pictures = [element.attributes for element in page.elements if element.tag == "img"]
    assert [picture["alt"] for picture in pictures] == [
        'A knee "in" a brace', "A picture without a description",
    ]  # fmt: skip
    assert [pictures[0][name] for name in ("width", "height", "loading")] == ["640", "320", "lazy"]
    assert pictures[0]["src"] == f"/media/remote/{post.id}/0/small?v=1"
    text = (await nobody.get(f"/t/{post.id}")).text
    assert not FOREIGN.search(text)
    assert scene.peer.host not in text
    assert scene.peer.asked == []
    small = await nobody.get(pictures[0]["src"], accept="image/webp,*/*")
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    assert small.headers["cache-control"] == "private, max-age=86400"
    assert small.headers["x-content-type-options"] == "nosniff"
    assert small.headers["content-security-policy"] == (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    )
    full = await nobody.get(f"/media/remote/{post.id}/0", accept="image/png")
    with Image.open(io.BytesIO(full.content)) as made:
        assert (made.format, made.size) == ("JPEG", (1280, 640))
    assert (await nobody.get(pictures[1]["src"])).status_code == 404
    assert scene.peer.fetches("/a.png") == 1


@pytest.mark.parametrize("scene", ["members"], indirect=True)
async def test_prv_06_a_closed_picture_from_elsewhere_is_for_members_until_it_is_taken_back(
    scene: Scene,
) -> None:
    post = await scene.post(Attachment("image", f"{scene.peer.origin}/a.png"))
    member, nobody = await scene.browser().sign_in(scene.member), scene.browser()
    for path in (f"/media/remote/{post.id}/0", f"/media/remote/{post.id}/0/small"):
        refused, missing = await nobody.get(path), await nobody.get(path.replace("/0", "/9"))
        assert (refused.status_code, refused.content) == (404, missing.content)
        assert scene.peer.asked == [] or "/small" in path, "nobody makes us ask for it"
        shown = await member.get(path)
        assert (shown.status_code, shown.headers["cache-control"]) == (200, "private, no-store")
        assert (await member.client.head(path)).status_code == 200
        assert (await member.get(path + "/")).status_code == 404
    for wrong in ("1", "-1", "00", "x", "0.jpg", "99999999999999999999"):
        assert (await member.get(f"/media/remote/{post.id}/{wrong}")).status_code == 404
    async with scene.database.write() as conn:
        await erase_post(conn, scene.author, post, now=tick())
    assert (await member.get(f"/media/remote/{post.id}/0")).status_code == 404


async def test_what_is_no_picture_is_a_link_that_says_where_it_opens(scene: Scene) -> None:
    post = await scene.post(
        Attachment(
            "video",
            "https://user@films.test/1.mp4",
            alt="How I walk",
            seconds=185.0,
            bytes=12_345_678,
        ),
        Attachment("audio", "https://bücher.test/1.mp3", seconds=40),
        Attachment("link", "https://pages.test/x"),
    )
    page = await scene.browser().page(f"/t/{post.id}")
    words = " ".join(page.text.split())
    assert "Video: How I walk 3 minutes · 12 megabytes · opens at films.test" in words
    assert "Sound 40 seconds · opens at xn--bcher-kva.test" in words
    assert "Link opens at pages.test" in words
    links = [
        e.attributes for e in page.elements if e.attributes.get("href", "").startswith("https")
    ]
    assert {link["rel"] for link in links} == {"nofollow noopener noreferrer ugc"}
    assert not [e for e in page.elements if e.tag in ("video", "audio", "iframe", "embed")]


@pytest.mark.parametrize(("note", "sensitive"), [("Blood", False), ("", True)])
async def test_a_picture_that_may_be_hard_to_look_at_is_folded(
    scene: Scene, note: str, sensitive: bool
) -> None:
    picture = Attachment("image", f"{scene.peer.origin}/a.png")
    post = await scene.post(picture, content_note=note, sensitive=sensitive)
    page: Page = await scene.browser().page(f"/t/{post.id}")
    (shown,) = [element for element in page.elements if element.tag == "img"]
    assert "details" in shown.ancestors


async def test_a_picture_in_a_message_is_fetched_when_it_is_opened_and_not_before(
    scene: Scene,
) -> None:
    picture = Attachment("image", f"{scene.peer.origin}/a.png", alt="My knee")
    draft = replace(make_draft(), parts=Parts(attachments=(picture,)), type="Note")
    async with scene.database.write() as conn:
        uri = "https://there.test/posts/message"
        message = await messages.send(
            conn, SITE, scene.author, [scene.member], draft,
            now=tick(), origin=Origin(uri, uri, tick(), None),
        )  # fmt: skip
    member = await scene.browser().sign_in(scene.member)
    for path in (f"/messages/{message.thread_id}", f"/p/{message.id}"):
        page = await member.page(path)
        assert not [element for element in page.elements if element.tag == "img"]
        assert "Picture: My knee" in " ".join(page.text.split())
    assert scene.peer.asked == []
    shown = await member.get(f"/media/remote/{message.id}/0?v=1")
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "private, no-store")
    assert "signature" in scene.peer.asked[0].headers
    stranger = scene.browser()
    assert (await stranger.get(f"/media/remote/{message.id}/0")).status_code == 404
