"""Makes the copies that people ask for: one file with what they wrote, chose and agreed to.

A page to read, ActivityStreams for other programs, and lists as Mastodon takes them. It is written
beside its final name and moved there when it is whole, so that a copy is there or is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import msgspec

from federation.render.document import PUBLIC, Document, time_text, with_context
from forum import exporting, mail, media
from forum.ports import Services
from storage import actors, belongings, exports
from storage.actors import Actor
from storage.audience import Viewer
from storage.belongings import Place
from storage.db import Connection
from storage.exports import Export
from storage.media import Medium, list_own
from storage.parts import Attachment, parts_of
from storage.threads import Post
from web.assets import Assets
from web.templating import Templates

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
BATCH = 100
LOOK_SECONDS = 5.0
NOTE_EVERY = 200  # posts


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says beside the posts."""

    name: str
    host: str
    made_at: datetime
    memberships: list[belongings.OwnMembership]
    reading: list[belongings.OwnReading]
    consents: list[belongings.OwnConsent]
    blocked: list[belongings.OwnPerson]
    muted: list[belongings.OwnPerson]
    hosts: list[belongings.OwnHost]
    words: list[belongings.OwnWord]
    marks: list[belongings.OwnMark]


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file of the post, by where it is in the copy."""

    kind: str
    path: str
    alt: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One post on the page."""

    post: Post
    community: str
    files: list[ShownFile]
    name: str  # for one thread only; empty for one's own


class NotWanted(Exception):
    """The account went, or another worker took over."""


class Exporter:
    """`directory` is where the finished files are."""

    def __init__(self, services: Services, directory: Path) -> None:
        self._services = services
        self._directory = directory
        self._templates = Templates(Assets())

    async def run(self, stop: asyncio.Event) -> None:
        """Make copies, and throw old ones away, until `stop` is set."""
        while not stop.is_set():
            if not await self.step():
                await self.tidy()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    async def step(self) -> bool:
        """Make the next copy that somebody waits for; False when nobody does."""
        now = self._services.clock.now()
        async with self._services.database.quiet_write() as conn:
            export = await exports.claim(conn, now, now + LEASE)
        if export is None:
            return False
        try:
            await self._make(export)
        except NotWanted:
            pass
        except Exception:
            log.exception("a copy could not be made")
            async with self._services.database.write() as conn:
                await exports.fail(conn, export.id)
        return True

    async def tidy(self) -> None:
        """Throw away every file that is nobody's any more."""
        async with self._services.database.quiet_write() as conn:
            await exports.drop_old(conn, self._services.clock.now())
            kept = {one.file for one in await exports.list_files_unfiltered(conn)}
        if self._directory.is_dir():
            for path in self._directory.iterdir():
                if path.name not in kept and _age(path, self._services.clock.now()) > LEASE * 2:
                    path.unlink(missing_ok=True)

    async def _make(self, export: Export) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{secrets.token_urlsafe(24)}.zip"
        rough = self._directory / f"{name}.part"
        try:
            with rough.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                await self._write(export, file)
                file.flush()
                os.fsync(file.fileno())
            rough.rename(self._directory / name)
            async with self._services.database.write() as conn:
                if not await exports.finish(conn, export.id, name):
                    (self._directory / name).unlink(missing_ok=True)
                    return
                await mail.tell_if_wanted(
                    conn, export.account_id, "export_ready",
                    link=f"{self._services.site.origin}/settings/export",
                    now=self._services.clock.now(),
                )  # fmt: skip
        finally:
            rough.unlink(missing_ok=True)

    async def _write(self, export: Export, file: IO[bytes]) -> None:
        viewer = Viewer(export.account_id)
        async with self._services.database.read() as conn:
            owner = await actors.read_unfiltered(conn, export.account_id)
            locale = await belongings.read_locale(conn, viewer)
            if owner is None or locale is None:
                raise NotWanted
            total = 2 * await belongings.count_posts(conn, viewer)
            told = await self._gather(conn, viewer, owner)
        progress = _Progress(export, total, self._note)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("actor.json", _json(actor_of(owner)))
            following = exporting.following_csv(told.memberships, told.reading)
            archive.writestr("following_accounts.csv", following)
            archive.writestr("blocked_accounts.csv", exporting.blocked_csv(told.blocked))
            archive.writestr("muted_accounts.csv", exporting.muted_csv(told.muted))
            archive.writestr("blocked_domains.csv", exporting.blocked_hosts_csv(told.hosts))
            archive.writestr("everything_else.json", _json(msgspec.to_builtins(_plain(told))))
            await self._write_page(archive, told, locale, self._posts(viewer), progress)
            await self._write_outbox(archive, owner, self._posts(viewer), progress)
            await self._write_files(archive, viewer, progress)

    async def _gather(self, conn: Connection, viewer: Viewer, owner: Actor) -> Told:
        return Told(
            name=owner.name,
            host=owner.host,
            made_at=self._services.clock.now(),
            memberships=await belongings.list_memberships(conn, viewer),
            reading=await belongings.list_reading(conn, viewer),
            consents=await belongings.list_consents(conn, viewer),
            blocked=await belongings.list_blocked(conn, viewer),
            muted=await belongings.list_muted(conn, viewer),
            hosts=await belongings.list_blocked_hosts(conn, viewer),
            words=await belongings.list_muted_words(conn, viewer),
            marks=await belongings.list_marks(conn, viewer),
        )

    async def _posts(self, viewer: Viewer) -> AsyncIterator[tuple[Post, Place]]:
        """All of them, batch by batch, so that thousands need no more memory than a hundred."""
        after = 0
        while True:
            async with self._services.database.read() as conn:
                batch = await belongings.list_posts(conn, viewer, after=after, limit=BATCH)
                found = await belongings.list_places(conn, viewer, [post.id for post in batch])
            places = {place.post_id: place for place in found}
            for post in batch:
                if post.id in places:
                    yield post, places[post.id]
            if len(batch) < BATCH:
                return
            after = batch[-1].id

    async def _write_page(
        self,
        archive: zipfile.ZipFile,
        told: Told,
        locale: str,
        posts: AsyncIterator[tuple[Post, Place]],
        progress: _Progress,
    ) -> None:
        def part(macro: str, *arguments: object) -> bytes:
            return str(self._templates.part(locale, "export_page.html", macro, *arguments)).encode()

        with archive.open("index.html", "w") as page:
            page.write(part("opening", told))
            async for post, place in posts:
                files = [ShownFile(one.kind, one.url, one.alt) for one in self._files_of(post)]
                name = "" if place.name == told.name else place.name
                page.write(part("post", Shown(post, place.community, files, name)))
                await progress.one_more()
            page.write(part("closing"))

    async def _write_outbox(
        self,
        archive: zipfile.ZipFile,
        owner: Actor,
        posts: AsyncIterator[tuple[Post, Place]],
        progress: _Progress,
    ) -> None:
        """One collection with every Create, as an outbox would hold them.

        Without what was written under a name for one thread: other programs would show the two
        names together.
        """
        head = with_context({"id": "outbox.json", "type": "OrderedCollection", "actor": owner.uri})
        with archive.open("outbox.json", "w") as out:
            out.write(msgspec.json.encode(head)[:-1] + b',"orderedItems":[')
            count = 0
            async for post, place in posts:
                await progress.one_more()
                if post.author_id != owner.id:
                    continue
                create = create_of(owner, post, place, self._files_of(post))
                out.write((b",\n" if count else b"\n") + _json(create))
                count += 1
            out.write(b'\n],"totalItems":%d}\n' % count)

    async def _write_files(
        self, archive: zipfile.ZipFile, viewer: Viewer, progress: _Progress
    ) -> None:
        """Pictures as JPEG, recordings as they came. What is erased meanwhile is left out."""
        async for medium in self._media(viewer):
            variant = "full.jpg" if medium.kind == "image" else medium.variants[0]["name"]
            path = self._services.media.path(medium.name, variant)
            await progress.tell()
            with contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread(
                    archive.write, path, _path_of(medium.name, variant), zipfile.ZIP_STORED
                )

    async def _media(self, viewer: Viewer) -> AsyncIterator[Medium]:
        after = 0
        while True:
            async with self._services.database.read() as conn:
                batch = await list_own(conn, viewer, after=after, limit=BATCH)
            for medium in batch:
                yield medium
            if len(batch) < BATCH:
                return
            after = batch[-1].id

    def _files_of(self, post: Post) -> list[Attachment]:
        """What a post carries, each file of ours by where it is in the copy."""
        site, shown = self._services.site, []
        for one in parts_of(post.parts).attachments:
            file = media.own_file(site, one)
            path = _path_of(*file) if file else one.url
            shown.append(msgspec.structs.replace(one, url=path, preview_url=None))
        return shown

    async def _note(self, export: Export, done: int, total: int) -> None:
        until = self._services.clock.now() + LEASE
        async with self._services.database.quiet_write() as conn:
            if not await exports.note_progress(conn, export.id, done, total, until):
                raise NotWanted


def _age(path: Path, now: datetime) -> timedelta:
    """How long nothing was written to it; one that was just made may not be named yet."""
    try:
        return now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return timedelta()


class _Progress:
    """Tells the database now and then how far it is."""

    def __init__(
        self,
        export: Export,
        total: int,
        note: Callable[[Export, int, int], Awaitable[None]],
    ) -> None:
        self._export, self._total, self._note, self._done = export, total, note, 0

    async def one_more(self) -> None:
        self._done += 1
        if self._done % NOTE_EVERY == 0:
            await self.tell()
            await asyncio.sleep(0)

    async def tell(self) -> None:
        """However slow the disk is, nobody else begins the same copy for a while from now on."""
        await self._note(self._export, min(self._done, self._total), self._total)


def actor_of(owner: Actor) -> Document:
    """Who it is. A key that signs is in no copy."""
    return with_context(
        {
            "id": owner.uri,
            "type": owner.type,
            "preferredUsername": owner.name,
            "name": owner.display_name or owner.name,
            "url": owner.url,
            "alsoKnownAs": owner.also_known_as,
            "outbox": "outbox.json",
        }
    )


def create_of(owner: Actor, post: Post, place: Place, files: Sequence[Attachment] = ()) -> Document:
    """The Create of one post, with its source, for a program that reads an outbox."""
    to = [PUBLIC] if post.audience == "public" else []
    cc = [] if place.community_uri is None else [place.community_uri]
    note: Document = {
        "id": post.uri,
        "type": post.type,
        "attributedTo": owner.uri,
        "to": to,
        "cc": cc,
        "content": post.html,
        "source": {"content": post.source, "mediaType": "text/markdown"},
        "sensitive": post.sensitive,
        "published": time_text(post.published_at),
        "url": post.url,
    }
    optional = {
        "name": post.title,
        "summary": post.content_note,
        "inReplyTo": place.parent_uri,
        "audience": place.community_uri,
        "updated": None if post.edited_at is None else time_text(post.edited_at),
    }
    if files:
        note["attachment"] = [_document_of(file) for file in files]
    note |= {key: value for key, value in optional.items() if value}
    return {
        "id": f"{post.uri}/activity",
        "type": "Create",
        "actor": owner.uri,
        "to": to,
        "cc": cc,
        "published": note["published"],
        "object": note,
    }


def _document_of(file: Attachment) -> Document:
    """As Mastodon writes it in its own copies: a path in the archive for an address."""
    return {
        "type": "Document",
        "mediaType": file.media_type,
        "url": file.url,
        "name": file.alt or None,
    }


def _path_of(name: str, variant: str) -> str:
    return f"media/{name}.{variant}"


def _plain(told: Told) -> dict[str, object]:
    return {
        "memberships": told.memberships,
        "communities_read_along": told.reading,
        "consents": told.consents,
        "words_servers_and_topics_not_wanted": told.words,
        "likes_and_votes": told.marks,
    }


def _json(document: object) -> bytes:
    return msgspec.json.encode(document)
