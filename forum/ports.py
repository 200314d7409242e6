"""What the floors above pass in: the clock, another server's things, rendered text.

One edge never imports another: what a page needs from federation comes through these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from forum.pictures import Pictures
from forum.site import Site
from storage.actors import Actor
from storage.db import Database
from storage.media_files import MediaFiles
from storage.smtp import Smtp
from storage.threads import Post


class Clock(Protocol):
    def now(self) -> datetime: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class NoAnswer(Exception):
    """Nothing is known from another server now. `was_asked` is False where it is spared."""

    def __init__(self, *, was_asked: bool) -> None:
        super().__init__()
        self.was_asked = was_asked


class Resolver(Protocol):
    """Finds things of other servers. Speaks to the network: never call it in a transaction."""

    async def find_community(self, address: str) -> int | None:
        """The id of the community at `name@host` or at a URL, stored now if it was unknown.

        None when it cannot be found, is no community, or its server may not be asked.
        """

    async def find_actor(self, address: str) -> int | None:
        """The id of whoever is at `name@host` or at a URL, read there now and stored.

        None when nobody is found, or their server may not be asked.
        """

    async def look_up_actor(self, address: str) -> int | None:
        """As `find_actor`, for addresses by the thousand: no server is asked for too many.

        Raises NoAnswer.
        """

    async def has_moved_to(self, old: Actor, uri: str) -> bool:
        """Whether the server of that account says, asked now, that it is this one by now."""

    async def software_of(self, host: str) -> str | None:
        """What a server says that it runs, asked now and then; None if it says nothing."""


class Renderer(Protocol):
    """Markdown to safe HTML, in a child process that is killed when it takes too long."""

    async def render(self, source: str) -> str: ...


class RemotePictures(Protocol):
    """Pictures of other servers, made anew. Waits for them: never with a connection in hand."""

    async def find(self, post: Post, url: str, variant: str) -> Path | None:
        """The file of a picture that a post carries; None when it cannot be had now.

        The caller has seen to it that the post may be seen. One of a post that is not public is
        asked for in the name of this server.
        """


class NoRemotePictures:
    """Where nothing is fetched."""

    async def find(self, post: Post, url: str, variant: str) -> Path | None:  # noqa: ARG002 - the port's shape
        return None


class MailFailed(Exception):
    """A mail was not taken. `code` says why in one word, `is_final` that asking again is no use."""

    def __init__(self, code: str, *, is_final: bool) -> None:
        super().__init__(code)
        self.code = code
        self.is_final = is_final


class Mailer(Protocol):
    """Hands mail over to another server. Speaks to the network: never call it in a transaction."""

    async def send(self, settings: Smtp, address: str, subject: str, text: str) -> None:
        """Raises MailFailed."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request needs, made once by the composition root."""

    database: Database
    site: Site
    clock: Clock
    renderer: Renderer
    resolver: Resolver
    secret: bytes
    mailer: Mailer
    media: MediaFiles
    pictures: Pictures
    data_dir: Path = Path("data")  # files of people are kept below it
    remote_pictures: RemotePictures = NoRemotePictures()  # noqa: RUF009 - it holds nothing
