"""Pictures of other servers, fetched over real connections and made anew by the real child."""

from __future__ import annotations

import asyncio
import gzip
import io
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from federation import pictures as module
from federation.client import Client
from federation.pictures import RemotePictures
from forum.editing import edit_post
from forum.pictures import PictureMaker
from forum.policy import block_server
from forum.remote_pictures import sweep
from forum.threads import Origin, erase_post, start_thread
from storage import media_cache
from storage.actors import Actor, read_unfiltered
from storage.db import Connection, Database
from storage.media_files import NAME_LETTERS, MediaFiles
from storage.parts import Attachment, Parts
from storage.threads import Post
from tests.factories import (
    SITE,
    join,
    make_admin,
    make_community,
    make_draft,
    make_remote_person,
    make_site,
    tick,
)
from tests.federation.peer import Asked, Peer

HOUR = timedelta(hours=1, minutes=1)


def drawn(kind: str = "PNG", size: tuple[int, int] = (80, 40), **how: Any) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "teal").save(made, kind, **how)
    return made.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose head promises so many pixels, in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * 64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PNG = drawn()


class ReadingOnly(Database):
    """Lets nobody write who said that they read."""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        async with super().read() as conn, conn.transaction(readonly=True):
            yield conn


class FullDisk(MediaFiles):
    """Has no room for what is being received, as long as `is_full`."""

    is_full = True

    def incoming(self) -> Path:
        path = super().incoming()
        if self.is_full:
            path.symlink_to("/dev/full")
        return path


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


@dataclass
class Scene:
    """Somebody elsewhere, and what shows their pictures here."""

    database: Database
    peer: Peer
    clock: Clock
    root: Path
    shown: RemotePictures

    async def post(self, *urls: str, readers: str = "anyone", host: str = "there.test") -> Post:
        async with self.database.write() as conn:
            author = await make_remote_person(conn, host=host)
            hosts = () if readers == "anyone" else (host,)
            community = await make_community(conn, readers=readers, hosts=hosts)
            await join(conn, community, author)
            uri = f"https://{host}/posts/{author.name}"
            draft = replace(make_draft("A title"), parts=carrying(*urls))
            origin = Origin(uri, uri, tick(), f"{uri}/activity")
            return await start_thread(
                conn, SITE, author, community, draft, now=tick(), origin=origin
            )

    async def find(self, post: Post, url: str, variant: str = "small.jpg") -> Path | None:
        return await self.shown.find(post, url, variant)

    def files(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]

    @asynccontextmanager
    async def another_process(
        self, files: MediaFiles | None = None
    ) -> AsyncIterator[RemotePictures]:
        client = Client(SITE, self.clock, allow_loopback=True)
        files = files or MediaFiles(self.root)
        opened = RemotePictures(self.database, self.clock, client, files, PictureMaker())
        yield opened
        await opened.close()
        await client.close()


def carrying(*urls: str) -> Parts:
    return Parts(attachments=tuple(Attachment("image", url) for url in urls))


@pytest.fixture
async def scene(database: Database, peer: Peer, tmp_path: Path) -> AsyncIterator[Scene]:
    clock = Clock()
    async with database.write() as conn:
        await make_site(conn)
    client = Client(SITE, clock, allow_loopback=True)
    root = tmp_path / "media-cache"
    reading = ReadingOnly(database.pool, database.doorbell)
    shown = RemotePictures(reading, clock, client, MediaFiles(root), PictureMaker())
    yield Scene(database, peer, clock, root, shown)
    await shown.close()
    await client.close()


async def test_pat10_a_picture_is_fetched_once_made_anew_and_asked_for_without_a_name(
    scene: Scene,
) -> None:
    marked = drawn("JPEG", comment=b"47.1234 N")
    url = scene.peer.put(
        "/a.jpg", marked, content_type="image/jpeg", headers={"set-cookie": "who=you"}
    )
    post = await scene.post(url)
    found = await scene.find(post, url)
    assert found is not None
    assert b"47.1234 N" in marked
    assert b"47.1234 N" not in found.read_bytes()
    with Image.open(found) as made:
        assert (made.format, made.size) == ("JPEG", (80, 40))
    assert await scene.find(post, url, "full.avif") is not None
    assert await scene.find(post, url) == found
    (asked,) = scene.peer.asked
    assert not {"cookie", "referer", "signature", "signature-input"} & set(asked.headers)


async def test_prv_06_what_is_not_public_is_asked_for_in_the_name_of_this_server(
    scene: Scene,
) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    post = await scene.post(url, readers="members")
    assert await scene.find(post, url) is not None
    assert '/ap/instance#main-key"' in scene.peer.asked[0].headers["signature"]


REFUSED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "UPL-01-html": (b"<html><script>alert(1)</script>", {"content_type": "image/png"}),
    "UPL-01-svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {"content_type": "image/svg+xml"}),
    "UPL-01-activity": (b'{"type":"Person"}', {"content_type": "application/activity+json"}),
    "UPL-01-type-missing": (PNG, {"content_type": None}),
    "UPL-05-too-many-pixels": (bomb(20_000, 20_000), {"content_type": "image/png"}),
    "UPL-05-too-long": (bomb(1, 1_000_000), {"content_type": "image/png"}),
    "UPL-05-too-many-bytes": (PNG + bytes(11 * 1024 * 1024), {"content_type": "image/png"}),
    "compressed": (
        gzip.compress(PNG),
        {"content_type": "image/png", "headers": {"content-encoding": "gzip"}},
    ),
    "a-film": (b"\x00\x00\x00\x18ftypisom" + bytes(200), {"content_type": "image/png"}),
    "not-there": (PNG, {"content_type": "image/png", "status": 404}),
    "broken": (PNG[:60], {"content_type": "image/png"}),
}


async def test_upl_05_what_is_no_picture_or_too_large_is_not_shown_nor_asked_for_again_at_once(
    scene: Scene,
) -> None:
    urls = {
        case: scene.peer.put(f"/{case}", body, **page) for case, (body, page) in REFUSED.items()
    }
    post = await scene.post(*urls.values())
    for _ in range(2):
        shown = await asyncio.gather(*(scene.find(post, url) for url in urls.values()))
        assert dict(zip(urls, shown, strict=True)) == dict.fromkeys(urls)
        assert {case: scene.peer.fetches(f"/{case}") for case in urls} == dict.fromkeys(urls, 1)
    assert scene.files() == []
    scene.clock.at += HOUR
    scene.peer.put("/not-there", PNG, content_type="image/png")
    assert await scene.find(post, urls["not-there"]) is not None


async def test_r28_no_redirect_of_a_picture_leads_inside_or_to_a_blocked_server(
    scene: Scene, other_peer: Peer
) -> None:
    put, page = scene.peer.put, {"status": 302, "content_type": "image/png"}
    inside = [
        put(f"/{number}", b"", headers={"location": place}, **page)
        for number, place in enumerate(
            ("http://10.0.0.1/", "http://169.254.169.254/x.png", "http://[::ffff:7f00:1]:1/", "//")
        )
    ]
    away = put("/away", b"", headers={"location": f"{other_peer.origin}/a.png"}, **page)
    other_peer.put("/a.png", PNG, content_type="image/png")
    post, later = await scene.post(*inside, away), await scene.post(away)
    assert [await scene.find(post, url) for url in inside] == [None] * 4
    assert await scene.find(post, away) is not None
    async with scene.database.write() as conn:
        admin = await make_admin(conn)
        await block_server(conn, admin, other_peer.host, "spam", tick())
    assert await scene.find(later, away) is None
    assert len(other_peer.asked) == 1


async def test_of_a_blocked_server_nothing_is_shown_that_was_fetched_before(scene: Scene) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    elsewhere = await scene.post(url, host="one.test")
    post = await scene.post(url)
    assert None not in [await scene.find(post, url), await scene.find(elsewhere, url)]
    async with scene.database.write() as conn:
        admin = await make_admin(conn)
        await block_server(conn, admin, "one.test", "spam", tick())
    assert await scene.find(elsewhere, url) is None
    async with scene.database.write() as conn:
        await block_server(conn, admin, scene.peer.host, "spam", tick())
    assert await scene.find(post, url) is None


async def test_many_who_look_at_once_cause_one_fetch_in_all_processes(scene: Scene) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    post = await scene.post(url)
    async with scene.another_process() as other:
        found = await asyncio.gather(
            *(shown.find(post, url, "small.webp") for shown in (scene.shown, other) * 4)
        )
    assert len(set(found)) == 1
    assert found[0] is not None
    assert len(scene.peer.asked) == 1


async def test_a_server_that_hangs_holds_few_places_and_nobody_elses(
    scene: Scene, other_peer: Peer
) -> None:
    go_on, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def hang(asked: Asked, send: Any) -> bool:
        arrived.release()
        await go_on.wait()
        return False

    scene.peer.behaviour = hang
    slow = [f"{scene.peer.origin}/{number}" for number in range(module.MOST_WAITING_FOR_ONE)]
    quick = other_peer.put("/a.png", PNG, content_type="image/png")
    hanging, other = await scene.post(*slow), await scene.post(quick, host="b.test")
    waiting = [asyncio.create_task(scene.find(hanging, url)) for url in slow]
    for _ in range(module.PER_SERVER):
        await arrived.acquire()
    assert await scene.find(other, quick) is not None
    assert await scene.find(hanging, f"{scene.peer.origin}/one-too-many") is None
    assert len(scene.peer.asked) == module.PER_SERVER
    go_on.set()
    assert await asyncio.gather(*waiting) == [None] * len(slow)
    assert scene.peer.fetches("/one-too-many") == 0


async def test_what_a_process_had_begun_is_anybody_elses_when_it_ends(scene: Scene) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    post, go_on, arrived = await scene.post(url), asyncio.Event(), asyncio.Event()

    async def hang(asked: Asked, send: Any) -> bool:
        arrived.set()
        await go_on.wait()
        return False

    scene.peer.behaviour = hang
    waiting = asyncio.create_task(scene.find(post, url))
    await arrived.wait()
    await scene.shown.close()
    await asyncio.wait([waiting])
    assert scene.files() == []
    go_on.set()
    async with scene.another_process() as other:
        assert await other.find(post, url, "small.jpg") is not None


async def test_upl_05_of_what_moves_the_first_frame_is_shown(scene: Scene) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    moving = io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:] * 50, duration=100)
    url = scene.peer.put("/a.gif", moving.getvalue(), content_type="image/gif")
    found = await scene.find(await scene.post(url), url, "small.webp")
    assert found is not None
    with Image.open(found) as made:
        red, green, blue = made.convert("RGB").getpixel((20, 20))  # type: ignore[misc]
        assert getattr(made, "n_frames", 1) == 1
    assert red > 200 > max(green, blue)


async def test_pat05_the_files_of_a_post_that_is_taken_back_go(scene: Scene) -> None:
    urls = [scene.peer.put(f"/{n}.png", PNG, content_type="image/png") for n in "ab"]
    post, other = await scene.post(*urls), await scene.post(urls[0])
    for one, url in ((post, urls[0]), (post, urls[1]), (other, urls[0])):
        assert await scene.find(one, url) is not None
    assert len(scene.files()) == 15
    async with scene.database.write() as conn:
        author = await author_of(conn, post)
        await erase_post(conn, author, post, now=tick())
    assert await scene.find(post, urls[0]) is None
    await sweep(scene.database, MediaFiles(scene.root), scene.clock.now())
    assert len(scene.files()) == 5
    assert await scene.find(other, urls[0]) is not None
    assert await scene.find(post, urls[0]) is None, "nothing is fetched for what is erased"
    assert len(scene.files()) == 5


async def test_pat05_what_is_fetched_while_its_post_is_taken_back_does_not_stay(
    scene: Scene,
) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    post = await scene.post(url)

    async def erase_first(asked: Asked, send: Any) -> bool:
        async with scene.database.write() as conn:
            await erase_post(conn, await author_of(conn, post), post, now=tick())
        return False

    scene.peer.behaviour = erase_first
    assert await scene.find(post, url) is None
    assert scene.files() == []


async def test_what_an_edit_takes_out_of_a_post_goes(scene: Scene) -> None:
    urls = [scene.peer.put(f"/{n}.png", PNG, content_type="image/png") for n in "ab"]
    post = await scene.post(*urls)
    kept, gone = [await scene.find(post, url) for url in urls]
    assert kept is not None
    assert gone is not None
    async with scene.database.write() as conn:
        author = await author_of(conn, post)
        draft = replace(make_draft("A title"), parts=carrying(urls[0]))
        await edit_post(conn, author, post, draft, now=tick())
    await sweep(scene.database, MediaFiles(scene.root), scene.clock.now())
    assert kept.exists()
    assert not gone.exists()


async def test_what_was_looked_at_longest_ago_makes_room_and_a_lost_file_is_fetched_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [scene.peer.put(f"/{n}.png", PNG, content_type="image/png") for n in "abc"]
    post = await scene.post(*urls)
    first = await scene.find(post, urls[0])
    assert first is not None
    monkeypatch.setattr(
        module, "KEPT_BYTES", 2 * sum(path.stat().st_size for path in scene.files())
    )
    for url in urls[1:]:
        assert await scene.find(post, url) is not None
    await sweep(scene.database, MediaFiles(scene.root), scene.clock.now())
    assert not first.exists()
    assert len(scene.files()) == 10
    for path in scene.files():
        path.unlink()
    assert (await scene.find(post, urls[2])) is not None
    assert scene.peer.fetches("/c.png") == 2


async def test_who_waits_for_another_process_gives_up_without_an_error(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    post = await scene.post(url)
    async with scene.database.write() as conn:
        key = media_cache.key_of(post.id, url)
        assert await media_cache.claim(conn, key, post.id, scene.clock.now(), "made")
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    waiting = asyncio.create_task(scene.find(post, url))
    while not scene.shown._fetching:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)
    (begun,) = scene.shown._fetching.values()
    assert await waiting is None
    await asyncio.wait([begun])
    assert begun.exception() is None
    assert scene.peer.asked == []


async def test_what_this_server_had_no_room_for_is_no_failure_of_the_picture(
    scene: Scene,
) -> None:
    pages = {"/small.png": PNG, "/large.png": PNG + bytes(300_000)}
    urls = [scene.peer.put(path, body, content_type="image/png") for path, body in pages.items()]
    post, files = await scene.post(*urls), FullDisk(scene.root)
    async with scene.another_process(files) as shown:
        assert [await shown.find(post, url, "small.jpg") for url in urls] == [None, None]
        files.is_full = False
        assert None not in [await shown.find(post, url, "small.jpg") for url in urls]


async def test_what_cannot_be_put_in_its_place_is_no_error_and_no_failure_of_the_picture(
    scene: Scene,
) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    post = await scene.post(url)
    in_the_way = [scene.root / (one + other) for one in NAME_LETTERS for other in NAME_LETTERS]
    scene.root.mkdir()
    for path in in_the_way:
        path.touch()
    assert await scene.find(post, url) is None
    for path in in_the_way:
        path.unlink()
    assert await scene.find(post, url) is not None


async def test_somebody_looks_at_a_picture_after_a_day_and_it_stays(scene: Scene) -> None:
    url = scene.peer.put("/a.png", PNG, content_type="image/png")
    post = await scene.post(url)
    assert await scene.find(post, url) is not None
    scene.clock.at += timedelta(days=2)
    assert await scene.find(post, url) is not None
    async with scene.database.read() as conn:
        known = await media_cache.read_unfiltered(conn, media_cache.key_of(post.id, url))
    assert known is not None
    assert known.used_at > scene.clock.at - timedelta(hours=1)


async def author_of(conn: Connection, post: Post) -> Actor:
    author = await read_unfiltered(conn, post.author_id)
    assert author is not None
    return author
