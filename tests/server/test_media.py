"""The files of people over HTTP: for whoever may see their post, and as nothing but files."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from PIL import Image

from federation.keys import load_own_key
from federation.signatures import sign_request
from forum import media
from forum.text import Draft
from forum.threads import erase_post, start_thread, take_down
from server.app import Application, create_app
from server.settings import Settings
from storage import posts, sessions
from storage.actors import Actor
from storage.communities import Community
from storage.db import Database
from storage.parts import Parts
from storage.threads import Post
from tests import factories
from tests.factories import KEYPAIR, SITE, join, make_person, make_remote_person, tick
from web.viewer import session_cookie

SIZES = ("full.avif", "full.webp", "full.jpg", "small.webp", "small.jpg")
TYPES = ("image/avif", "image/webp", "image/jpeg", "image/webp", "image/jpeg")
NOTHING = "/media/" + "a2" * 13


@dataclass
class Here:
    """The whole program, and browsers of its people."""

    app: Application
    client: httpx.AsyncClient
    author: Actor

    @property
    def database(self) -> Database:
        return self.app.parts.services.database

    async def get(self, path: str, who: Actor | None = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        method = sent.pop("method", "GET")
        if who is not None and who.is_local:
            async with self.database.write() as conn:
                token = await sessions.start(conn, who.id, datetime.now(UTC))
            sent["cookie"] = f"{session_cookie(SITE)}={token}"
        elif who is not None:
            key = load_own_key(KEYPAIR.private_pem)
            sent |= sign_request(
                "get", SITE.origin + path, None, f"{who.uri}#main-key", key, datetime.now(UTC)
            )
        return await self.client.request(method, path, headers=sent)

    async def take(self, data: bytes) -> str:
        """A file of the author that waits for a post."""
        services = self.app.parts.services
        upload = services.media.incoming()
        upload.write_bytes(data)
        prepared = await media.prepare(services.media, services.pictures, upload)
        async with self.database.write() as conn:
            return (await media.keep(conn, self.author.id, prepared, now=tick())).name

    async def post(self, name: str, community: Community) -> Post:
        """The file in a thread."""
        async with self.database.write() as conn:
            chosen = [media.Chosen(name, "A knee")]
            found = await media.attachments_of(conn, SITE, self.author.id, chosen)
            draft = Draft("A knee", "x", "<p>x</p>", parts=Parts(attachments=found), files=(name,))
            return await start_thread(conn, SITE, self.author, community, draft, now=tick())

    async def statuses(self, name: str, who: Actor | None = None) -> set[int]:
        return {(await self.get(f"/media/{name}/{size}", who)).status_code for size in SIZES}


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    settings = Settings(
        origin=SITE.origin, data_dir=tmp_path, database_url=database_url, secret_key="s" * 40
    )
    app = await create_app(settings)
    async with app.parts.services.database.write() as conn:
        await factories.make_site(conn)
        author = await make_person(conn, "ada")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=SITE.origin) as client:
        yield Here(app, client, author)
    await app.close()


async def community_of(here: Here, **settings: object) -> Community:
    async with here.database.write() as conn:
        return await factories.make_community(conn, here.author, **settings)  # type: ignore[arg-type]


def picture(**options: object) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (1000, 500), "teal").save(made, "JPEG", **options)
    return made.getvalue()


def sound() -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 1, 8000, 8000, "NONE", ""))
        file.writeframes(bytes(range(256)) * 40)
    return made.getvalue()


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, dict(answer.headers)


async def test_prv_06_a_picture_is_for_whoever_may_see_its_post(here: Here) -> None:
    """Its owner alone before it is posted; then the readers; then nobody."""
    closed = await community_of(here, readers="members", travels="named", hosts=("there.test",))
    async with here.database.write() as conn:
        member, stranger = await make_person(conn), await make_person(conn)
        elsewhere = await make_remote_person(conn, host="there.test")
        server = await make_remote_person(conn, host="there.test")
        await conn.execute("update actors set kind = 'instance' where id = $1", server.id)
        other = await make_remote_person(conn, host="other.test")
        await conn.execute("update instances set software = 'dazzle'")
        await join(conn, closed, member)
        await join(conn, closed, elsewhere)
    name = await here.take(picture())
    assert await here.statuses(name, here.author) == {200}
    assert await here.statuses(name, member) == {404}
    post = await here.post(name, closed)
    for reader in (here.author, member, elsewhere, server):
        assert await here.statuses(name, reader) == {200}, reader.name
    for size in SIZES:
        shown = await here.get(f"/media/{name}/{size}", member)
        assert shown.headers["cache-control"] == "private, no-store"
        for who in (None, stranger, other):
            unknown = told(await here.get(f"{NOTHING}/{size}", who))
            assert told(await here.get(f"/media/{name}/{size}", who)) == unknown
            assert unknown[0] == 404
            assert unknown[2]["cache-control"] == "private, no-store"
    async with here.database.write() as conn:
        await take_down(conn, post, here.author.id, "", tick())
    assert await here.statuses(name, member) == {404}
    assert await here.statuses(name, here.author) == {200}, "the author moderates here"
    async with here.database.write() as conn:
        await erase_post(conn, here.author, post, now=tick())
    for reader in (here.author, member, elsewhere, None):
        assert await here.statuses(name, reader) == {404}


async def test_prv_03_no_way_of_asking_shows_more_of_a_closed_picture(here: Here) -> None:
    name = await here.take(picture())
    await here.post(name, await community_of(here, readers="members"))
    for path, headers in (
        ("/full.jpg", {"method": "HEAD"}),
        ("/full.jpg", {"range": "bytes=0-9"}),
        ("/full.jpg", {"if_none_match": f'"{name}.full.jpg"'}),
        ("/full.jpg", {"accept": "application/activity+json"}),
        ("/full.jpg/", {}),
        ("/full.jpg.json", {}),
        ("/..%2ffull.jpg", {}),
        ("/small.jpg?size=full", {}),
    ):
        hidden = await here.get(f"/media/{name}{path}", None, **headers)
        unknown = await here.get(f"{NOTHING}{path}", None, **headers)
        assert told(hidden) == told(unknown), path
        assert hidden.status_code == 404, path


async def test_prv_06_a_public_picture_may_be_kept_on_the_way_until_it_is_closed(
    here: Here,
) -> None:
    community = await community_of(here)
    name = await here.take(picture())
    await here.post(name, community)
    for size, media_type in zip(SIZES, TYPES, strict=True):
        shown = await here.get(f"/media/{name}/{size}")
        assert shown.status_code == 200
        assert shown.headers["content-type"] == media_type
        assert shown.headers["cache-control"] == "private, max-age=86400, immutable"
        again = await here.get(f"/media/{name}/{size}", if_none_match=shown.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")
    async with here.database.write() as conn:
        await conn.execute("update communities set readers = 'members', travels = 'nowhere'")
        await posts.narrow(conn, community.id)
    assert await here.statuses(name) == {404}
    shown = await here.get(f"/media/{name}/full.jpg", here.author)
    assert shown.headers["cache-control"] == "private, no-store"


POLYGLOTS = {
    "JPEG and a page": picture() + b"<script>alert(1)</script>",
    "JPEG with a page inside": picture(comment=b"<script>alert(1)</script>"),
    "JPEG and ZIP": picture() + b"PK\x03\x04" + b"<script>" * 9,
}


async def test_upl_02_a_file_that_is_two_things_comes_back_as_one(here: Here) -> None:
    community = await community_of(here)
    for kind, data in POLYGLOTS.items():
        name = await here.take(data)
        await here.post(name, community)
        for size in SIZES:
            shown = await here.get(f"/media/{name}/{size}")
            assert b"script" not in shown.content, kind
            assert b"PK\x03\x04" not in shown.content, kind
            assert shown.headers["x-content-type-options"] == "nosniff"
            assert shown.headers["content-security-policy"].startswith("sandbox; ")
            assert shown.headers["content-type"].startswith("image/")


async def test_a_sound_is_sent_in_pieces_and_saved_when_it_is_opened(here: Here) -> None:
    data = sound()
    name = await here.take(data)
    await here.post(name, await community_of(here))
    path = f"/media/{name}/original.wav"
    whole = await here.get(path)
    assert (whole.content, whole.headers["content-type"]) == (data, "audio/wav")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-disposition"].startswith("attachment")
    piece = await here.get(path, range="bytes=100-199")
    assert (piece.status_code, piece.content) == (206, data[100:200])
    for asked, status in (("bytes=999999-", 416), ("bytes=9-1", 400), ("lines=1-2", 400)):
        refused = await here.get(path, range=asked)
        assert refused.status_code == status, asked
        assert refused.headers["cache-control"] == "private, no-store"
        assert refused.headers["content-security-policy"].startswith("sandbox; ")
    head = await here.get(path, method="HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(data)))
    assert (await here.get(f"/media/{name}/full.jpg")).status_code == 404


async def test_a_file_that_is_gone_from_the_disk_is_not_found(here: Here) -> None:
    name = await here.take(picture())
    await here.post(name, await community_of(here))
    here.app.parts.services.media.path(name, "full.jpg").unlink()
    gone = await here.get(f"/media/{name}/full.jpg")
    assert (gone.status_code, gone.headers["cache-control"]) == (404, "private, no-store")
