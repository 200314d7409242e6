"""What becomes of a picture: new pixels, and nothing that stood beside the old ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from forum.pictures.child import Refused, make

SECRET = b"47.1234 N, taken by ada"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def with_marks(path: Path, kind: str) -> Path:
    """A picture lying on its side, 40 wide and 20 high, with a secret wherever one fits."""
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (20, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x010E] = SECRET.decode()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        picture.save(path, kind, exif=exif, pnginfo=text, icc_profile=profile)
    elif kind == "JPEG":
        picture.save(path, kind, exif=exif, xmp=xmp, comment=SECRET, icc_profile=profile)
    else:
        picture.save(path, kind, exif=exif, xmp=xmp, icc_profile=profile)
    return path


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_pat10_upl_04_nothing_but_the_pixels_is_left_and_they_stand_upright(
    kind: str, tmp_path: Path, out: Path
) -> None:
    source = with_marks(tmp_path / "photo", kind)
    assert SECRET in source.read_bytes()
    make(source, out)
    assert len(list(out.iterdir())) == 5
    for path in out.iterdir():
        content = path.read_bytes()
        for mark in (SECRET, b"Exif", b"xmp", b"ICC_PROFILE", b"iCCP", b"Photoshop"):
            assert mark not in content
        with Image.open(path) as made:
            assert made.size == (20, 40)
            assert not dict(made.getexif())
            red, _, blue = made.convert("RGB").getpixel((10, 5))  # type: ignore[misc]
            assert red > 200 > blue


def test_a_large_photo_comes_down_to_two_sizes(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "photo"
    Image.new("RGB", (3000, 1500), "green").save(source, "JPEG")
    made = make(source, out)
    assert made["files"]["full.jpg"]["width"] == 2048  # type: ignore[index]
    assert made["files"]["small.webp"] == {  # type: ignore[index]
        "width": 640,
        "height": 320,
        "bytes": (out / "small.webp").stat().st_size,
    }


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("see-through", lambda: Image.new("RGBA", (30, 20), (0, 0, 0, 0))),
        ("palette", lambda: Image.new("P", (30, 20))),
        ("one bit", lambda: Image.new("1", (30, 20))),
        ("sixteen bits", lambda: Image.new("I;16", (30, 20), 40_000)),
        ("grey and see-through", lambda: Image.new("LA", (30, 20))),
    ],
)
def test_every_kind_of_pixel_is_taken(
    name: str, picture: Callable[[], Image.Image], tmp_path: Path, out: Path
) -> None:
    source = tmp_path / name
    picture().save(source, "PNG")
    make(source, out)
    with Image.open(out / "full.jpg") as made:
        assert made.mode == "RGB"
        if name == "see-through":
            assert made.getpixel((5, 5)) == (255, 255, 255)


def test_of_a_moving_picture_the_first_frame_is_kept(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "moving"
    frames = [Image.new("RGB", (30, 20), color) for color in ("red", "blue")]
    frames[0].save(source, "GIF", save_all=True, append_images=frames[1:])
    make(source, out)
    with Image.open(out / "full.webp") as made:
        assert getattr(made, "n_frames", 1) == 1
        assert made.convert("RGB").getpixel((5, 5))[0] > 200  # type: ignore[index]


@pytest.mark.parametrize("size", [(20_000, 20_000), (13_000, 13_000), (1, 1_000_000)], ids=str)
def test_upl_05_a_bomb_is_refused_from_its_header(
    size: tuple[int, int], tmp_path: Path, out: Path
) -> None:
    source = tmp_path / "bomb"
    Image.new("1", size).save(source, "PNG")
    assert source.stat().st_size < 200_000
    with pytest.raises(Refused, match="picture_too_large"):
        make(source, out)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PPM", "ICO", "PDF"])
def test_upl_01_other_kinds_are_not_decoded(kind: str, tmp_path: Path, out: Path) -> None:
    source = tmp_path / "photo.png"
    Image.new("RGB", (32, 32)).save(source, kind)
    with pytest.raises(Refused, match="picture_broken"):
        make(source, out)


def test_upl_02_what_hangs_behind_a_picture_does_not_come_along(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "photo"
    Image.new("RGB", (32, 32)).save(source, "JPEG")
    with source.open("ab") as file:
        file.write(b"<script>alert(1)</script>PK\x05\x06" + SECRET)
    make(source, out)
    assert all(b"script" not in path.read_bytes() for path in out.iterdir())


def test_upl_05_a_jpeg_that_repeats_its_scans_is_refused(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "photo"
    Image.new("RGB", (64, 64), "teal").save(source, "JPEG", progressive=True)
    make(source, out)
    content = source.read_bytes()
    last = content.rindex(b"\xff\xda")
    source.write_bytes(content[:last] + content[last:-2] * 400 + content[-2:])
    with pytest.raises(Refused, match="picture_too_large"):
        make(source, out)
