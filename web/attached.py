"""What a post carries beside its text, as its page shows it.

Pictures of other servers come from this one (web/pages/pictures.py). A sound, a video or a page
elsewhere is a plain link that names the server it opens at: nothing is asked there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from storage.parts import Attachment, parts_of
from web.i18n import Words

SMALL_SIDE = 640  # of forum/pictures


class Carrier(Protocol):
    """A post or a message, as far as it matters here."""

    @property
    def id(self) -> int: ...
    @property
    def is_local(self) -> bool: ...
    @property
    def version(self) -> int: ...
    @property
    def parts(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Attached:
    """`kind` says what it is: image, video, audio, document or link.

    `src` is a small picture's address, with its width and height if they are known; what has none
    is a link.
    """

    kind: str
    href: str
    alt: str
    src: str = ""
    width: int | None = None
    height: int | None = None
    host: str = ""
    length: str = ""
    size: str = ""


def attached_to(words: Words, post: Carrier, *, is_direct: bool = False) -> tuple[Attached, ...]:
    """What a post of another server carries, in its order.

    A picture in a direct message waits until somebody opens it: that it is fetched would tell the
    other server when the message was read.
    """
    if post.is_local:
        return ()
    found = []
    for place, one in enumerate(parts_of(post.parts).attachments):
        if one.kind == "image":
            found.append(_picture(post, place, one, is_link=is_direct))
        else:
            found.append(_link(words, one))
    return tuple(found)


def _picture(post: Carrier, place: int, one: Attachment, *, is_link: bool) -> Attached:
    # The version is for browsers that keep it: an edit may put another picture in its place.
    path, version = f"/media/remote/{post.id}/{place}", f"?v={post.version}"
    if is_link:
        return Attached("image", path + version, one.alt)
    width, height = _small(one.width, one.height)
    return Attached("image", path + version, one.alt, f"{path}/small{version}", width, height)


def _link(words: Words, one: Attachment) -> Attached:
    return Attached(
        one.kind,
        one.url,
        one.alt,
        host=_host(one.url),
        length=_length(words, one.seconds),
        size=_size(words, one.bytes),
    )


def _small(width: int | None, height: int | None) -> tuple[int | None, int | None]:
    if width is None or height is None:
        return None, None
    longest = max(width, height, SMALL_SIDE)
    return max(1, width * SMALL_SIDE // longest), max(1, height * SMALL_SIDE // longest)


def _host(url: str) -> str:
    """The server that really answers there, in letters that no other name looks like."""
    host = urlsplit(url).netloc.rpartition("@")[2].lower()
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ascii(host)[1:-1]


def _size(words: Words, size: int | None) -> str:
    if size is None:
        return ""
    megabytes = max(1, round(size / 1_000_000))
    return words.ngettext("%(n)s megabyte", "%(n)s megabytes", megabytes) % {"n": megabytes}


def _length(words: Words, seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return words.ngettext("%(n)s second", "%(n)s seconds", round(seconds)) % {
            "n": round(seconds)
        }
    minutes = round(seconds / 60)
    return words.ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
