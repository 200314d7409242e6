"""Pictures that posts of other servers carry, fetched for a reader here and kept as files of ours.

A reader's browser asks this server only, so the other one learns that somebody here looked, and
not who. What is shown was made anew, as with a picture of ours. However slow other servers are,
each of them holds few places, and a page never waits for a picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from federation.address import canonical_host
from federation.client import Client
from federation.errors import FederationError, Gone, Malformed, Refused, Unreachable
from forum.errors import Invalid
from forum.media import PICTURE_BYTES, Prepared, prepare
from forum.pictures import HEAD_BYTES, Pictures, recognise
from forum.policy import may_federate
from forum.ports import Clock
from storage import instances, keys, media_cache
from storage.db import Connection, Database
from storage.media_files import MediaFiles, new_name
from storage.threads import Post

log = logging.getLogger(__name__)

KEPT_BYTES = 2 * 1024 * 1024 * 1024
AT_ONCE = 8
PER_SERVER = 2
# How many browsers wait, in all and for one server: beyond that they see the description at once.
# Each holds one of the places that all requests share.
MOST_WAITING = 60
MOST_WAITING_FOR_ONE = 20
MADE_AT_ONCE = 2  # so that what members upload soon has its turn
PATIENCE = 20.0  # seconds that a browser waits; what comes later is there the next time
LOOK_SECONDS = 0.5
TRY_AGAIN = frozenset({"server_busy", "disk_full"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture of a post. `host` is the server of the post, hence of its author."""

    key: bytes
    post_id: int
    url: str
    host: str
    picture_host: str
    is_public: bool


class Places:
    """How much is fetched at once: in all, and for the posts of one server."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._of = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(PER_SERVER))
        self._used = Counter[str]()

    def is_full(self, host: str) -> bool:
        """Whether enough waits for this server already, however few browsers still do."""
        return self._used[host] >= MOST_WAITING_FOR_ONE

    @contextlib.asynccontextmanager
    async def take(self, host: str) -> AsyncIterator[None]:
        self._used[host] += 1
        try:
            async with self._of[host], self._all:
                yield
        finally:
            self._used[host] -= 1
            if not self._used[host]:
                del self._used[host], self._of[host]


class RemotePictures:
    """Implements the port of that name. Speaks to the network: never with a connection in hand."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        client: Client,
        files: MediaFiles,
        pictures: Pictures,
    ) -> None:
        self._database = database
        self._clock = clock
        self._client = client
        self._files = files
        self._pictures = pictures
        self._places = Places()
        self._making = asyncio.Semaphore(MADE_AT_ONCE)
        self._fetching: dict[bytes, asyncio.Task[str | None]] = {}
        self._waiting = Counter[str]()

    async def find(self, post: Post, url: str, variant: str) -> Path | None:
        """The file of a picture; see forum.ports."""
        try:
            wanted = Wanted(
                key=media_cache.key_of(post.id, url),
                post_id=post.id,
                url=url,
                host=canonical_host(post.uri),
                picture_host=canonical_host(url),
                is_public=post.audience == "public",
            )
        except Refused:
            return None
        async with self._database.read() as conn:
            if not await self._may_show(conn, wanted):
                return None
            known = await media_cache.read_unfiltered(conn, wanted.key)
        if known is not None and known.is_settled(self._clock.now()):
            name = await self._use(wanted.key, known)
            if known.state != "kept" or name is not None:
                return self._path(name, variant)
        return self._path(await self._wait_for(wanted), variant)

    async def close(self) -> None:
        """What is being fetched is given up."""
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    def _path(self, name: str | None, variant: str) -> Path | None:
        return None if name is None else self._files.path(name, variant)

    async def _may_show(self, conn: Connection, wanted: Wanted) -> bool:
        """Whether anything is exchanged with its author's server, and its own is not blocked.

        Where only named servers are asked, theirs often keep pictures under a name of its own.
        """
        author_is_at = await instances.read_standing(conn, wanted.host)
        picture_is_at = await instances.read_standing(conn, wanted.picture_host)
        return may_federate(author_is_at) and picture_is_at.policy != "refused"

    async def _use(self, key: bytes, known: media_cache.Cached) -> str | None:
        """The name of one that is here. A file that somebody removed is fetched again."""
        if known.name is None or known.state != "kept":
            return None
        if not self._files.path(known.name, "small.jpg").exists():
            async with self._database.quiet_write() as conn:
                await media_cache.drop_lost(conn, key, known.name)
            return None
        now = self._clock.now()
        if known.used_at <= now - media_cache.USE_NOTED_EVERY:
            async with self._database.quiet_write() as conn:
                await media_cache.note_use(conn, key, now)
        return known.name

    async def _wait_for(self, wanted: Wanted) -> str | None:
        """Its name when it is here; one fetch for all who ask for it."""
        host, task = wanted.host, self._fetching.get(wanted.key)
        if self._waiting[host] >= MOST_WAITING_FOR_ONE or self._waiting.total() >= MOST_WAITING:
            return None
        if task is None and self._places.is_full(host):
            return None
        self._waiting[host] += 1
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(task or self._begin(wanted))
        except TimeoutError:
            return None
        finally:
            self._waiting[host] -= 1
            if not self._waiting[host]:
                del self._waiting[host]

    def _begin(self, wanted: Wanted) -> asyncio.Task[str | None]:
        task = asyncio.create_task(self._fetch(wanted))
        self._fetching[wanted.key] = task
        task.add_done_callback(lambda _: self._fetching.pop(wanted.key, None))
        return task

    async def _fetch(self, wanted: Wanted) -> str | None:
        async with self._places.take(wanted.host):
            claimed_at, name = self._clock.now(), new_name()
            async with self._database.quiet_write() as conn:
                is_ours = await media_cache.claim(
                    conn, wanted.key, wanted.post_id, claimed_at, name
                )
            if is_ours:
                return await self._bring(wanted, claimed_at, name)
        return await self._wait_for_another(wanted)

    async def _wait_for_another(self, wanted: Wanted) -> str | None:
        """Another process fetches it, or has just done so. Holds no place meanwhile.

        Whoever asked may be gone before it ends, so that nobody would hear of an error.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    async with self._database.read() as conn:
                        known = await media_cache.read_unfiltered(conn, wanted.key)
                    if known is None or known.state != "fetching":
                        return None if known is None or known.state != "kept" else known.name
                    await asyncio.sleep(LOOK_SECONDS)
        return None

    async def _bring(self, wanted: Wanted, claimed_at: datetime, name: str) -> str | None:
        key = wanted.key
        try:
            made = await self._download(wanted, name)
        except (FederationError, Invalid) as error:
            async with self._database.quiet_write() as conn:
                if error.code in TRY_AGAIN:
                    await media_cache.give_back(conn, key, claimed_at)
                else:
                    await media_cache.fail(conn, key, claimed_at, self._clock.now())
            return None
        except OSError as error:  # this server's own disk: the picture is as good as it was
            log.warning("a picture from elsewhere cannot be written here (%s)", error.strerror)
            async with self._database.quiet_write() as conn:
                await media_cache.give_back(conn, key, claimed_at)
            return None
        except BaseException:  # the process ends: whoever looks next need not wait for it
            async with self._database.quiet_write() as conn:
                await media_cache.give_back(conn, key, claimed_at)
            raise
        size = sum(file.bytes for file in made.files.values())
        async with self._database.quiet_write() as conn:
            is_kept = await media_cache.keep(conn, key, claimed_at, size)
            await media_cache.make_room(conn, KEPT_BYTES)
        if is_kept:
            return name
        await asyncio.to_thread(self._files.drop, name)  # the post was erased meanwhile
        return None

    async def _download(self, wanted: Wanted, name: str) -> Prepared:
        """Raises FederationError, Invalid when no picture can be made of it, or OSError."""
        upload = self._files.incoming()
        signed_by = None
        if not wanted.is_public:
            async with self._database.read() as conn:
                signed_by = await keys.read_instance_key(conn)
        try:
            with upload.open("wb") as file:
                response = await self._client.download_picture(
                    wanted.url,
                    file,
                    most=PICTURE_BYTES,
                    signed_by=signed_by,
                    ask_first=self._ask_first,
                )
            _require_success(response.status)
            _require_picture(upload)
            async with self._making:
                return await prepare(self._files, self._pictures, upload, name)
        finally:
            upload.unlink(missing_ok=True)

    async def _ask_first(self, host: str) -> None:
        async with self._database.read() as conn:
            standing = await instances.read_standing(conn, host)
        if standing.policy == "refused":
            raise Refused("host_refused")


def _require_success(status: int) -> None:
    if status in (404, 410):
        raise Gone(is_final=status == 410)
    if status != 200:
        raise Unreachable(f"status_{status}")


def _require_picture(upload: Path) -> None:
    """Raises Malformed for sounds and videos too: a member's are kept as they are."""
    with upload.open("rb") as file:
        kind = recognise(file.read(HEAD_BYTES))
    if kind is None or kind.kind != "image":
        raise Malformed("media_type")
