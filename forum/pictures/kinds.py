"""What a file is, told by its first bytes: what its sender calls it counts for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 64
MPEG_SYNC = (b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")
MP4_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"MSNV")
M4A_BRANDS = (b"M4A ", b"M4B ")
AVIF_BRANDS = (b"avif", b"avis")


@dataclass(frozen=True, slots=True)
class Kind:
    """`extension` is that of the file we keep; a picture is made anew and has none."""

    kind: Literal["image", "audio", "video"]
    mime: str
    extension: str = ""


PICTURE = {
    "jpeg": Kind("image", "image/jpeg"),
    "png": Kind("image", "image/png"),
    "gif": Kind("image", "image/gif"),
    "webp": Kind("image", "image/webp"),
    "avif": Kind("image", "image/avif"),
}
MP3 = Kind("audio", "audio/mpeg", "mp3")
OGG = Kind("audio", "audio/ogg", "ogg")
WAV = Kind("audio", "audio/wav", "wav")
M4A = Kind("audio", "audio/mp4", "m4a")
MP4 = Kind("video", "video/mp4", "mp4")
WEBM = Kind("video", "video/webm", "webm")


def recognise(head: bytes) -> Kind | None:
    """The kind of a file with these first bytes (at least HEAD_BYTES of a longer one), if known."""
    if head.startswith(b"\xff\xd8\xff"):
        return PICTURE["jpeg"]
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PICTURE["png"]
    if head.startswith((b"GIF87a", b"GIF89a")):
        return PICTURE["gif"]
    if head[:4] == b"RIFF":
        return {b"WEBP": PICTURE["webp"], b"WAVE": WAV}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12])
    return _of_recording(head)


def _of_brand(brand: bytes) -> Kind | None:
    """The files of ISO's base format; what a camera calls `qt` plays in few browsers."""
    if brand in AVIF_BRANDS:
        return PICTURE["avif"]
    if brand in M4A_BRANDS:
        return M4A
    return MP4 if brand in MP4_BRANDS else None


def _of_recording(head: bytes) -> Kind | None:
    if head.startswith(b"OggS") and (b"vorbis" in head or b"OpusHead" in head):
        return OGG
    if head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head:
        return WEBM
    return MP3 if head.startswith((b"ID3", *MPEG_SYNC)) else None
