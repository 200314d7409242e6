"""The process that makes pictures, and what becomes of its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from PIL import Image

from forum.pictures import PictureMaker, PictureRefused, maker


@pytest.fixture
def out(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


async def test_upl_05_a_child_that_takes_too_much_is_killed_and_the_next_picture_is_made(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "photo"
    Image.new("RGB", (30, 20)).save(source, "PNG")
    pictures = PictureMaker()
    with monkeypatch.context() as patch:
        patch.setattr(maker, "PATIENCE", 0.001)
        with pytest.raises(PictureRefused, match="picture_too_large"):
            await pictures.make(source, out)
    assert not os.listdir(out)  # noqa: PTH208
    assert len(await pictures.make(source, out)) == 5


async def test_too_many_at_once_are_asked_to_come_again(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "MOST_WAITING", 0)
    with pytest.raises(PictureRefused, match="server_busy"):
        await PictureMaker().make(tmp_path / "photo", out)


async def test_who_does_not_wait_for_the_picture_leaves_no_process(
    tmp_path: Path, out: Path
) -> None:
    source = tmp_path / "photo"
    os.mkfifo(source)  # a child that opens it waits for ever
    task = asyncio.create_task(PictureMaker().make(source, out))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not os.listdir(out)  # noqa: PTH208
    assert not [command for command in _commands() if str(source).encode() in command]


def _commands() -> list[bytes]:
    """What runs on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found
