"""Pictures, sounds and videos: taken in, in a post, gone with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from forum import closing, editing, erasing_again, media, moderation, threads
from forum.errors import Invalid, NotAllowed, NotFound
from forum.media import Chosen, Prepared
from forum.pictures import Made, PictureMaker
from forum.text import Draft
from storage import erased
from storage import media as stored
from storage import site as sites
from storage.actors import Actor
from storage.audience import NOBODY, Viewer
from storage.communities import Community
from storage.db import Connection, Database
from storage.media import Medium
from storage.media_files import MediaFiles
from storage.parts import Parts
from storage.site import MediaLimits
from storage.threads import Post
from tests.factories import (
    SITE,
    far_future,
    join,
    make_admin,
    make_community,
    make_draft,
    make_moderator,
    make_person,
    make_reply,
    make_thread,
    member_of,
    tick,
)

OPUS = b"OggS\x00\x02" + bytes(22) + b"OpusHead" + bytes(100)
VARIANTS = {"full.avif", "full.webp", "full.jpg", "small.webp", "small.jpg"}


@pytest.fixture
def files(tmp_path: Path) -> MediaFiles:
    return MediaFiles(tmp_path / "media")


def received(files: MediaFiles, content: bytes) -> Path:
    path = files.incoming()
    path.write_bytes(content)
    return path


def photo(files: MediaFiles) -> Path:
    path = files.incoming()
    Image.new("RGB", (60, 40), "teal").save(path, "PNG")
    return path


async def sound(files: MediaFiles) -> Prepared:
    return await media.prepare(files, PictureMaker(), received(files, OPUS))


async def uploaded(conn: Connection, files: MediaFiles, owner: Actor) -> Medium:
    return await media.keep(conn, owner.id, await sound(files), now=tick())


async def draft_with(conn: Connection, owner: Actor, *found: Medium, title: str = "") -> Draft:
    chosen = [Chosen(one.name, "What is heard") for one in found]
    attachments = await media.attachments_of(conn, SITE, owner.id, chosen)
    names = tuple(one.name for one in found)
    return replace(make_draft(title), parts=Parts(attachments), files=names)


async def posted(conn: Connection, author: Actor, community: Community, *found: Medium) -> Post:
    draft = await draft_with(conn, author, *found, title="With a sound")
    return await threads.start_thread(conn, SITE, author, community, draft, now=tick())


async def is_seen(conn: Connection, viewer: Viewer, medium: Medium) -> bool:
    return await stored.find(conn, viewer, medium.name) is not None


async def test_a_picture_is_made_anew_in_every_size(files: MediaFiles) -> None:
    upload = photo(files)
    prepared = await media.prepare(files, PictureMaker(), upload)
    assert set(prepared.files) == VARIANTS
    assert not upload.exists()
    for variant, made in prepared.files.items():
        with Image.open(files.path(prepared.name, variant)) as picture:
            assert picture.size == (made.width, made.height) == (60, 40)
    assert list((files.path(prepared.name, "full.jpg").parents[1] / "incoming").iterdir()) == []


async def test_a_recording_stays_as_it_is(files: MediaFiles) -> None:
    prepared = await sound(files)
    assert files.path(prepared.name, "original.ogg").read_bytes() == OPUS


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"type": "Note"}', "file_kind"),
        (b"<html><script>", "file_kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "file_kind"),
        (b"%PDF-1.7", "file_kind"),
        (b"", "file_kind"),
        (b"OggS\x00\x02" + bytes(60), "file_kind"),
        (b"\x00\x00\x00\x14ftypqt  " + bytes(60), "file_kind"),
        (b"\x89PNG\r\n\x1a\n<script>", "picture_broken"),
        (b"\xff\xd8\xff" + bytes(media.PICTURE_BYTES), "file_too_large"),
    ],
    ids=lambda value: f"UPL-01-{value[:9]!r}",
)
async def test_upl_01_what_is_something_else_is_refused_and_leaves_nothing(
    files: MediaFiles, content: bytes, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await media.prepare(files, PictureMaker(), received(files, content))
    assert refused.value.code == code
    assert list(files.names()) == []
    assert list(files.incoming().parent.iterdir()) == []


class FullDisk(MediaFiles):
    """A disk on which the last step finds no room."""

    def save(self, name: str, variants: Mapping[str, Path]) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(next(iter(variants.values())).read_bytes())


async def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    files = FullDisk(tmp_path)
    for upload in (photo(files), received(files, OPUS)):
        with pytest.raises(Invalid) as refused:
            await media.prepare(files, PictureMaker(), upload)
        assert refused.value.code == "disk_full"
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_what_is_in_no_post_is_its_owners_alone(conn: Connection, files: MediaFiles) -> None:
    ada, eve = await make_person(conn), await make_person(conn, "eve")
    medium = await uploaded(conn, files, ada)
    seen = [await is_seen(conn, viewer, medium) for viewer in (Viewer(ada.id), Viewer(eve.id))]
    assert seen == [True, False]
    assert not await is_seen(conn, NOBODY, medium)


async def test_pat03_a_file_is_seen_by_who_sees_its_post(
    conn: Connection, files: MediaFiles
) -> None:
    ada, eve = await make_person(conn), await make_person(conn, "eve")
    for readers, public in (("anyone", True), ("members", False)):
        community = await make_community(conn, ada, name=f"of_{readers}", readers=readers)
        medium = await uploaded(conn, files, ada)
        await posted(conn, ada, community, medium)
        assert await is_seen(conn, Viewer(ada.id), medium)
        assert await is_seen(conn, Viewer(eve.id), medium) is public
        assert await is_seen(conn, NOBODY, medium) is public
        assert await stored.is_public_unfiltered(conn, medium.id) is public


async def test_nobody_posts_somebody_elses_file_or_one_twice(
    conn: Connection, files: MediaFiles
) -> None:
    ada, eve = await make_person(conn), await make_person(conn, "eve")
    community = await make_community(conn, ada)
    await join(conn, community, eve)
    medium = await uploaded(conn, files, ada)
    with pytest.raises(Invalid, match="file_gone"):
        await draft_with(conn, eve, medium)
    await posted(conn, ada, community, medium)
    with pytest.raises(Invalid, match="file_gone"):
        await draft_with(conn, ada, medium)


async def test_a_file_that_was_thrown_away_meanwhile_lets_no_post_be_made(
    conn: Connection, files: MediaFiles
) -> None:
    ada = await make_person(conn)
    community = await make_community(conn, ada)
    draft = await draft_with(conn, ada, await uploaded(conn, files, ada), title="Late")
    await stored.drop_waiting_of(conn, ada.id)
    with pytest.raises(Invalid, match="file_gone"):
        await threads.start_thread(conn, SITE, ada, community, draft, now=tick())


async def test_pat05_an_erased_post_takes_its_files_along(
    database: Database, files: MediaFiles
) -> None:
    async with database.write() as conn:
        ada = await make_person(conn)
        community = await make_community(conn, ada)
        medium, kept = await uploaded(conn, files, ada), await uploaded(conn, files, ada)
        post = await posted(conn, ada, community, medium)
        await posted(conn, ada, community, kept)
        await threads.erase_post(conn, ada, post, now=tick())
        assert not await is_seen(conn, Viewer(ada.id), medium)
        assert await stored.bytes_of_all(conn) == len(OPUS)
    assert {name for name, _ in files.names()} == {medium.name, kept.name}
    await media.sweep(database, files)
    assert {name for name, _ in files.names()} == {kept.name}


async def test_a_file_that_cannot_be_removed_holds_up_no_other(
    database: Database, files: MediaFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.write() as conn:
        ada = await make_person(conn)
        media_of_ada = [await uploaded(conn, files, ada) for _ in range(3)]
        await stored.drop_waiting_of(conn, ada.id)
    stuck = min(medium.name for medium in media_of_ada)
    (path,) = (files._root / stuck[:2]).glob(f"{stuck}.*")
    path.unlink()
    path.mkdir()
    monkeypatch.setattr(media, "BATCH", 1)
    await media.sweep(database, files)
    assert {name for name, _ in files.names()} == {stuck}
    path.rmdir()
    await media.sweep(database, files)
    async with database.read() as conn:
        assert await stored.list_gone_unfiltered(conn, "", 10) == []


async def test_a_removed_post_keeps_its_file_out_of_sight(
    conn: Connection, files: MediaFiles
) -> None:
    ada, eve = await make_person(conn), await make_person(conn, "eve")
    community = await make_community(conn, ada)
    await make_moderator(conn, community, eve)
    medium = await uploaded(conn, files, ada)
    post = await posted(conn, ada, community, medium)
    await moderation.remove_post(conn, member_of(eve), post, "no", tick())
    assert not await is_seen(conn, NOBODY, medium)


async def test_an_edit_takes_files_away_and_adds_others(
    conn: Connection, files: MediaFiles
) -> None:
    ada = await make_person(conn)
    community = await make_community(conn, ada)
    old, stays, new = [await uploaded(conn, files, ada) for _ in range(3)]
    post = await posted(conn, ada, community, old, stays)
    both = [media.attachment_of(SITE, one, "") for one in (stays, new)]
    draft = replace(
        make_draft("With others"), parts=Parts(tuple(both)), files=(stays.name, new.name)
    )
    await editing.edit_post(conn, ada, post, draft, now=far_future())
    found = await stored.list_of_post_unfiltered(conn, post.id)
    assert {one.name for one in found} == {stays.name, new.name}


async def test_quotas_hold_for_a_person_and_for_everybody(
    conn: Connection, files: MediaFiles
) -> None:
    ada, eve = await make_person(conn), await make_person(conn, "eve")

    async def keep(owner: Actor) -> None:
        large = {"original.ogg": Made(0, 0, 600_000)}
        prepared = replace(await sound(files), files=large)
        async with conn.transaction():
            await media.keep(conn, owner.id, prepared, now=tick())

    await sites.set_media_limits(conn, MediaLimits(person_quota_mb=1, media_quota_mb=1))
    await keep(ada)
    with pytest.raises(Invalid, match="person_quota"):
        await keep(ada)
    with pytest.raises(Invalid, match="server_quota"):
        await keep(eve)
    await sites.set_media_limits(conn, MediaLimits(person_quota_mb=1, media_quota_mb=2))
    await keep(eve)
    assert await stored.bytes_of_all(conn) == 1_200_000


async def test_only_an_administrator_says_how_much(conn: Connection) -> None:
    admin, ada = await make_admin(conn), member_of(await make_person(conn))
    with pytest.raises(NotFound):
        await media.set_limits(conn, ada, MediaLimits(1, 1))
    await media.set_limits(conn, admin, MediaLimits(7, 70))
    assert await sites.read_media_limits(conn) == MediaLimits(7, 70)


async def test_what_waited_for_no_post_goes_after_a_day(
    conn: Connection, files: MediaFiles
) -> None:
    ada = await make_person(conn)
    community = await make_community(conn, ada)
    waiting, used = await uploaded(conn, files, ada), await uploaded(conn, files, ada)
    await posted(conn, ada, community, used)
    assert await media.tidy(conn, waiting.created_at + media.WAITING_KEPT, 10) == 0
    assert await media.tidy(conn, far_future(), 10) == 1
    assert await stored.bytes_of_all(conn) == used.bytes


async def test_files_without_a_row_are_swept_once_they_are_old(
    database: Database, files: MediaFiles
) -> None:
    async with database.write() as conn:
        ada = await make_person(conn)
        known = await uploaded(conn, files, ada)
    stray, fresh = await sound(files), await sound(files)
    now = tick()
    for name in (known.name, stray.name):
        os.utime(files.path(name, "original.ogg"), (1000, 1000))
    os.utime(files.path(fresh.name, "original.ogg"), (now.timestamp(), now.timestamp()))
    await media.sweep_strays(database, files, now)
    assert {name for name, _ in files.names()} == {known.name, fresh.name}


async def test_a_form_that_came_slowly_loses_no_file(database: Database, files: MediaFiles) -> None:
    upload, now = received(files, OPUS), datetime.now(UTC)
    long_ago = (now - timedelta(hours=2)).timestamp()
    os.utime(upload, (long_ago, long_ago))
    await media.sweep_strays(database, files, now)
    prepared = await media.prepare(files, PictureMaker(), upload)
    await media.sweep_strays(database, files, now + timedelta(hours=2))
    assert files.path(prepared.name, "original.ogg").exists()
    with pytest.raises(Invalid, match="file_gone"):
        await media.prepare(files, PictureMaker(), upload)


async def test_who_has_no_room_is_told_before_anything_is_made(
    conn: Connection, files: MediaFiles
) -> None:
    ada = await make_person(conn)
    await media.require_room(conn, ada.id)
    await sites.set_media_limits(conn, MediaLimits(person_quota_mb=0, media_quota_mb=1))
    with pytest.raises(Invalid, match="person_quota"):
        await media.require_room(conn, ada.id)
    await sites.set_media_limits(conn, MediaLimits(person_quota_mb=1, media_quota_mb=0))
    with pytest.raises(Invalid, match="server_quota"):
        await media.require_room(conn, ada.id)


async def test_who_closed_the_account_meanwhile_keeps_no_file(
    conn: Connection, files: MediaFiles
) -> None:
    await make_admin(conn)
    ada = await make_person(conn)
    prepared = await sound(files)
    await closing.close_account(conn, ada, tick())
    with pytest.raises(NotAllowed):
        await media.keep(conn, ada.id, prepared, now=tick())


async def test_pat05_a_file_that_an_edit_left_out_does_not_come_back_with_a_backup(
    conn: Connection, files: MediaFiles
) -> None:
    ada = await make_person(conn)
    community = await make_community(conn, ada)
    medium, kept = await uploaded(conn, files, ada), await uploaded(conn, files, ada)
    post = await posted(conn, ada, community, medium, kept)
    parts = Parts((media.attachment_of(SITE, kept, ""),))
    draft = replace(make_draft("Without"), parts=parts, files=(kept.name,))
    await editing.edit_post(conn, ada, post, draft, now=far_future())
    hashes = await erased.take_unwritten(conn, 100)
    await conn.execute("delete from erased")
    again = replace(medium, id=medium.id + 1, post_id=post.id)
    await stored.add(conn, again)  # as an older backup has it
    assert await erasing_again.apply(conn, hashes, tick()) == 1
    assert [one.name for one in await stored.list_of_post_unfiltered(conn, post.id)] == [kept.name]
    assert await stored.bytes_of_all(conn) == kept.bytes


async def test_closing_an_account_drops_what_waited(conn: Connection, files: MediaFiles) -> None:
    await make_admin(conn)
    ada = await make_person(conn)
    medium = await uploaded(conn, files, ada)
    await closing.close_account(conn, ada, tick())
    assert await stored.bytes_of_all(conn) == 0
    assert medium.name in await stored.list_gone_unfiltered(conn, "", 10)


async def test_a_reply_may_be_nothing_but_a_file(conn: Connection, files: MediaFiles) -> None:
    ada = await make_person(conn)
    thread = await make_thread(conn, ada, await make_community(conn, ada))
    draft = await draft_with(conn, ada, await uploaded(conn, files, ada))
    post = await threads.reply(
        conn, SITE, ada, thread, replace(draft, source="", html=""), now=tick()
    )
    assert len(await stored.list_of_post_unfiltered(conn, post.id)) == 1
    assert await stored.list_of_post_unfiltered(conn, (await make_reply(conn, ada, post)).id) == []
