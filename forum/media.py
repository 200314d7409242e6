"""Pictures, sounds and videos: taken in, put into a post, and gone with it.

A picture is made anew, so that nothing its camera wrote beside it is kept; sounds and videos of a
few kinds stay as they are. The files are written before any row speaks of them, and removed after
the row is gone: whatever breaks in between leaves a file that nobody can ask for, which is swept.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from forum import access
from forum.errors import Invalid, NotAllowed, NotFound
from forum.pictures import HEAD_BYTES, Kind, Made, PictureRefused, Pictures, recognise
from forum.site import Site
from forum.standing import person_behind
from storage import accounts, erased, media
from storage import site as sites
from storage.actors import Actor
from storage.audience import Viewer
from storage.db import Connection, Database
from storage.ids import new_id
from storage.media import Medium
from storage.media_files import NAME, VARIANT, MediaFiles, new_name
from storage.parts import Attachment
from storage.sessions import Member
from storage.site import MediaLimits

MEGABYTE = 1024 * 1024
PICTURE_BYTES = 10 * MEGABYTE
RECORDING_BYTES = 40 * MEGABYTE
MOST_FILES = 4
ALT_LIMIT = 1500
FIELD = "file"
WAITING_KEPT = timedelta(days=1)  # until what was chosen is in a post
UNFINISHED_KEPT = timedelta(hours=6)  # longer than any form may take to arrive
BATCH = 500
PICTURE_TYPES = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}

ListKnown = Callable[[Connection, list[str]], Awaitable[set[str]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files that are stored and that no row speaks of yet."""

    name: str
    kind: Kind
    files: dict[str, Made]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A waiting file that its owner puts into a post. `alt` describes it to who cannot see it."""

    name: str
    alt: str = ""


async def prepare(
    files: MediaFiles, pictures: Pictures, upload: Path, name: str | None = None
) -> Prepared:
    """Make of a received file what is kept; `upload` is gone afterwards. Not in a transaction.

    `name` is what its files are to be called, if the caller has noted that already.
    Raises Invalid: file_kind, file_too_large, picture_too_large, picture_broken, server_busy,
    disk_full, file_gone.
    """
    try:
        kind, size = await asyncio.to_thread(_look_at, upload)
        name = name or new_name()
        if kind.kind == "image":
            made = await _make_picture(files, pictures, upload, name)
        else:
            variant = f"original.{kind.extension}"
            made = {variant: Made(0, 0, size)}
            await asyncio.to_thread(files.save, name, {variant: upload})
    except PictureRefused as refused:
        raise Invalid(refused.code, field=FIELD) from refused
    except FileNotFoundError as error:
        raise Invalid("file_gone", field=FIELD) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise Invalid("disk_full", field=FIELD) from error
        raise
    finally:
        await asyncio.to_thread(upload.unlink, missing_ok=True)
    return Prepared(name, kind, made)


async def require_room(conn: Connection, owner_id: int) -> None:
    """Asked before anything is made of a file. Raises Invalid: person_quota, server_quota."""
    limits = await sites.read_media_limits(conn)
    if await media.bytes_of(conn, owner_id) >= limits.person_quota_mb * MEGABYTE:
        raise Invalid("person_quota", field=FIELD)
    if await media.bytes_of_all(conn) >= limits.media_quota_mb * MEGABYTE:
        raise Invalid("server_quota", field=FIELD)


async def keep(
    conn: Connection, owner_id: int, prepared: Prepared, *, alt: str = "", now: datetime
) -> Medium:
    """Give a prepared file to somebody. Raises Invalid: person_quota, server_quota.

    A refused one stays a file that nobody can ask for; the caller drops it, or the sweeper does.
    """
    account = await accounts.read_account(conn, owner_id)
    if account is None or account.state != "open":
        raise NotAllowed("suspended")
    medium = _medium(prepared, owner_id, alt, now)
    total = await media.add(conn, medium)
    limits = await sites.read_media_limits(conn)
    if await media.bytes_of(conn, owner_id) > limits.person_quota_mb * MEGABYTE:
        raise Invalid("person_quota", field=FIELD)
    if total > limits.media_quota_mb * MEGABYTE:
        raise Invalid("server_quota", field=FIELD)
    return medium


async def set_limits(conn: Connection, admin: Member, limits: MediaLimits) -> None:
    """How much may be kept. What is there already stays. Raises NotFound for who may not say."""
    if not access.may_administer(admin):
        raise NotFound
    await sites.set_media_limits(conn, limits)


async def attachments_of(
    conn: Connection,
    site: Site,
    owner_id: int,
    chosen: Sequence[Chosen],
    *,
    post_id: int | None = None,
) -> tuple[Attachment, ...]:
    """What a draft carries for these waiting files, or files of the post that is changed.

    Raises Invalid: file_gone, too_many_files.
    """
    if len(chosen) > MOST_FILES:
        raise Invalid("too_many_files", field=FIELD)
    alts = {one.name: one.alt.strip()[:ALT_LIMIT] for one in chosen}
    found = await media.find_waiting(conn, Viewer(owner_id), list(alts), post_id)
    if len(found) < len(alts):
        raise Invalid("file_gone", field=FIELD)
    for medium in found:
        await media.describe(conn, medium.id, alts[medium.name])
    return tuple(attachment_of(site, medium, alts[medium.name]) for medium in found)


def attachment_of(site: Site, medium: Medium, alt: str) -> Attachment:
    """A file as a post carries it: a picture as JPEG, which every program shows."""
    base = f"{site.origin}/media/{medium.name}"
    if medium.kind != "image":
        kind: Any = medium.kind
        return Attachment(kind, f"{base}/{medium.variants[0]['name']}", medium.mime, alt)
    return Attachment(
        kind="image",
        url=f"{base}/full.jpg",
        media_type="image/jpeg",
        alt=alt,
        width=medium.width,
        height=medium.height,
        preview_url=f"{base}/small.jpg",
    )


def names_in(site: Site, attachments: Sequence[Attachment]) -> list[str]:
    """The names of our own files among what a post carries."""
    found = (own_file(site, one) for one in attachments)
    return [name for name, _ in (file for file in found if file)]


def own_file(site: Site, attachment: Attachment) -> tuple[str, str] | None:
    """The name and the variant of a file of ours that a post carries; None of another's."""
    prefix = f"{site.origin}/media/"
    name, _, variant = attachment.url.removeprefix(prefix).partition("/")
    is_ours = attachment.url.startswith(prefix) and NAME.fullmatch(name)
    return (name, variant) if is_ours and VARIANT.fullmatch(variant) else None


async def bind(
    conn: Connection, owner_id: int, names: Sequence[str], post_id: int, author_id: int
) -> None:
    """Put waiting files into the post that was just stored. Raises Invalid (file_gone)."""
    if names and await media.bind(conn, owner_id, names, post_id, author_id) < len(set(names)):
        raise Invalid("file_gone", field=FIELD)


async def change(conn: Connection, author: Actor, post_id: int, names: Sequence[str]) -> None:
    """Let a post have these files and no others. Raises Invalid (file_gone)."""
    known = {medium.name for medium in await media.list_of_post_unfiltered(conn, post_id)}
    new = [name for name in names if name not in known]
    if new:
        owner = await person_behind(conn, author)
        await bind(conn, owner.id, new, post_id, author.id)
    if left_out := known - set(names):
        await media.drop_of_post(conn, post_id, names)
        for name in left_out:  # an older backup has it, and the post as well
            await erased.note(conn, f"media:{name}")


async def drop_of_post(conn: Connection, post_id: int) -> None:
    """Take the files of a post away: nobody gets them any more, and a worker removes them."""
    await media.drop_of_post(conn, post_id)


async def tidy(conn: Connection, now: datetime, limit: int) -> int:
    """Drop what was uploaded and put in no post; how many."""
    return await media.drop_waiting(conn, now - WAITING_KEPT, limit)


async def sweep(database: Database, files: MediaFiles) -> None:
    """Remove the files whose rows went. One that cannot be removed is tried again the next time."""
    names = [""]
    while names:
        async with database.read() as conn:
            names = await media.list_gone_unfiltered(conn, names[-1], BATCH)
        gone = await asyncio.to_thread(files.drop_all, names)
        if gone:
            async with database.quiet_write() as conn:
                await media.forget_gone(conn, list(gone))


async def sweep_strays(
    database: Database,
    files: MediaFiles,
    now: datetime,
    *,
    known: ListKnown = media.list_known_unfiltered,
) -> None:
    """Remove files that no row speaks of: a machine went down between the two.

    `known` tells of which of them there is a row.
    """
    before = (now - UNFINISHED_KEPT).timestamp()
    await asyncio.to_thread(files.drop_unfinished, before)
    old = await asyncio.to_thread(
        lambda: sorted({name for name, written_at in files.names() if written_at < before})
    )
    for start in range(0, len(old), BATCH):
        batch = old[start : start + BATCH]
        async with database.read() as conn:
            spoken_of = await known(conn, batch)
        await asyncio.to_thread(files.drop_all, [name for name in batch if name not in spoken_of])


def _look_at(upload: Path) -> tuple[Kind, int]:
    """What it is, and how many bytes. Raises Invalid."""
    with upload.open("rb") as file:
        kind = recognise(file.read(HEAD_BYTES))
    if kind is None:
        raise Invalid("file_kind", field=FIELD)
    most = PICTURE_BYTES if kind.kind == "image" else RECORDING_BYTES
    size = upload.stat().st_size
    if size > most:
        raise Invalid("file_too_large", field=FIELD)
    return kind, size


async def _make_picture(
    files: MediaFiles, pictures: Pictures, upload: Path, name: str
) -> dict[str, Made]:
    directory = files.incoming()
    directory.mkdir(mode=0o700)
    try:
        made = await pictures.make(upload, directory)
        variants = {variant: directory / variant for variant in made}
        await asyncio.to_thread(files.save, name, variants)
    finally:
        await asyncio.to_thread(_remove, directory)
    return made


def _remove(directory: Path) -> None:
    for path in directory.glob("*"):
        path.unlink(missing_ok=True)
    directory.rmdir()


def _medium(prepared: Prepared, owner_id: int, alt: str, now: datetime) -> Medium:
    full = prepared.files.get("full.jpg")
    variants = [
        {
            "name": name,
            "mime": PICTURE_TYPES.get(name.rpartition(".")[2], prepared.kind.mime),
            "width": made.width or None,
            "height": made.height or None,
            "bytes": made.bytes,
        }
        for name, made in prepared.files.items()
    ]
    return Medium(
        id=new_id(now),
        name=prepared.name,
        owner_id=owner_id,
        post_id=None,
        kind=prepared.kind.kind,
        mime="image/jpeg" if full else prepared.kind.mime,
        bytes=sum(made.bytes for made in prepared.files.values()),
        width=full.width if full else None,
        height=full.height if full else None,
        alt=alt.strip()[:ALT_LIMIT],
        variants=variants,
        created_at=now,
    )
