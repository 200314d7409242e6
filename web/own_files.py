"""The files of a post written here, as its page shows them: addresses of ours, in sizes."""

from __future__ import annotations

from dataclasses import dataclass

from forum.media import names_in
from forum.site import Site
from storage.parts import Attachment, Parts

SMALL_SIDE = 640  # of the small variants; forum/pictures/child.py makes them


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A picture has `base` and sizes; a sound or a video is played from `url`."""

    kind: str
    alt: str
    base: str
    url: str
    width: int
    height: int
    small_width: int
    media_type: str


def own_files(site: Site, parts: Parts) -> tuple[OwnFile, ...]:
    """Those of the attachments that are files of this server."""
    return tuple(
        _shown(one, name)
        for one in parts.attachments
        for name in names_in(site, [one])
        if one.kind in ("image", "audio", "video")
    )


def _shown(one: Attachment, name: str) -> OwnFile:
    width, height = one.width or 0, one.height or 0
    longest = max(width, height, 1)
    small = width if longest <= SMALL_SIDE else max(1, round(width * SMALL_SIDE / longest))
    return OwnFile(
        kind=one.kind,
        alt=one.alt,
        base=f"/media/{name}",
        url=f"/media/{name}/{one.url.rpartition('/')[2]}",
        width=width,
        height=height,
        small_width=small,
        media_type=one.media_type,
    )
