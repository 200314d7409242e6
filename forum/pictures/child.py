"""The process that decodes one picture: `python -m forum.pictures.child SOURCE DIRECTORY`.

It holds no secret and no connection, reads one file, and writes new ones beside each other. The
kernel ends it when it takes too much memory or time. Its answer is one line of JSON: the files, or
one word that says why there are none. The size is read from the picture's header, and refused
there: no pixel of one that is too large is decoded.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import resource
import sys
import warnings
from pathlib import Path

from PIL import Image, ImageCms, ImageFile, ImageOps

MOST_PIXELS = 40_000_000
LONGEST_SIDE = 20_000
SIDE = {"full": 2048, "small": 640}
MEMORY = 1024 * 1024 * 1024
CPU_SECONDS = 10  # a photo of twelve million points takes two
MOST_SCANS = 64  # of a JPEG: one that repeats a scan hundreds of times is small and takes minutes
START_OF_SCAN = b"\xff\xda"
FILE_BYTES = 32 * 1024 * 1024
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
WRITTEN = {
    "full": ("avif", "webp", "jpg"),
    "small": ("webp", "jpg"),
}
OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "avif": ("AVIF", {"quality": 60, "speed": 8, "max_threads": 1}),
    "webp": ("WEBP", {"quality": 78, "method": 2}),
    "jpg": ("JPEG", {"quality": 82, "optimize": True, "progressive": True}),
}


class Refused(Exception):
    """In one word, as `forum.pictures.maker` knows it."""


def main(arguments: list[str]) -> int:
    _set_limits()
    warnings.simplefilter("ignore")
    try:
        made = make(Path(arguments[0]), Path(arguments[1]))
    except Refused as refused:
        made = {"refused": str(refused)}
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        made = {"refused": "disk_full" if is_full else "picture_broken"}
    except MemoryError:
        made = {"refused": "picture_too_large"}
    sys.stdout.write(json.dumps(made))
    return 0


def make(source: Path, directory: Path) -> dict[str, object]:
    """Write all variants of the picture in `source`. Raises Refused."""
    picture = _open(source)
    files: dict[str, dict[str, object]] = {}
    for size, extensions in WRITTEN.items():
        picture = _within(picture, SIDE[size])
        for extension in extensions:
            path = directory / f"{size}.{extension}"
            _write(picture, path, extension)
            files[path.name] = {
                "width": picture.width,
                "height": picture.height,
                "bytes": path.stat().st_size,
            }
    return {"files": files}


def _open(source: Path) -> Image.Image:
    """The first frame, upright, in the colours of the web, with nothing that stood beside it."""
    Image.MAX_IMAGE_PIXELS = None  # the limit below is checked first, and is lower
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        if _count(source, START_OF_SCAN) > MOST_SCANS:
            raise Refused("picture_too_large")
        with Image.open(source, formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
                raise Refused("picture_too_large")
            opened.draft("RGB", (SIDE["full"], SIDE["full"]))  # a JPEG is decoded smaller at once
            profile = opened.info.get("icc_profile")
            picture = _within(_plain(opened), SIDE["full"])
            return _bare(_in_srgb(ImageOps.exif_transpose(picture), profile))
    except Refused:
        raise
    except MemoryError:
        raise Refused("picture_too_large") from None
    # Pillow's decoders raise whatever a broken file makes them.
    except Exception:
        raise Refused("picture_broken") from None


def _count(source: Path, mark: bytes) -> int:
    """How often a marker stands in a JPEG, where nothing else can look like one; 0 for others."""
    content = source.read_bytes()
    return content.count(mark) if content.startswith(b"\xff\xd8") else 0


def _plain(picture: Image.Image) -> Image.Image:
    """In one of two modes: RGB, or RGBA where something shines through."""
    if picture.mode.startswith("I"):
        picture = picture.point(lambda value: value / 256).convert("L")
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Its colours without its profile: a telephone's are others than those of the web."""
    if not profile or picture.mode != "RGB":
        return picture
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        web = ImageCms.createProfile("sRGB")
        changed = ImageCms.profileToProfile(picture, space, web, outputMode="RGB")
        return changed or picture
    return picture


def _bare(picture: Image.Image) -> Image.Image:
    """The pixels alone: a new picture has no text, place, profile or other picture in it."""
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    return bare


def _within(picture: Image.Image, side: int) -> Image.Image:
    if max(picture.size) <= side:
        return picture
    ratio = side / max(picture.size)
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _write(picture: Image.Image, path: Path, extension: str) -> None:
    name, options = OPTIONS[extension]
    if extension == "jpg" and picture.mode == "RGBA":
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        picture = white
    picture.save(path, name, **options)


def _set_limits() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "darwin":  # macOS refuses a limit of memory
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
