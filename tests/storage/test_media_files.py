"""Where the files of people are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.media_files import MediaFiles, new_name


@pytest.fixture
def files(tmp_path: Path) -> MediaFiles:
    return MediaFiles(tmp_path / "media")


def written(files: MediaFiles, content: bytes = b"pixels") -> Path:
    path = files.incoming()
    path.write_bytes(content)
    return path


def test_what_is_saved_is_there_under_its_name_for_its_owner_only(files: MediaFiles) -> None:
    name = new_name()
    files.save(name, {"full.jpg": written(files), "small.jpg": written(files, b"few")})
    assert files.path(name, "full.jpg").read_bytes() == b"pixels"
    assert files.path(name, "small.jpg").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("../../../etc/passwd", "full.jpg"),
        ("a" * 26, "../x.jpg"),
        ("a" * 26, "full.jpg/.."),
        ("A" * 26, "full.jpg"),
        ("a" * 5000, "full.jpg"),
        ("con", "full.jpg"),
        ("a" * 26, "full.jpg\0"),
        ("a" * 26, "full.html;"),
        ("", ""),
    ],
    ids=lambda value: f"UPL-03-{value[:12]!r}",
)
def test_no_name_leads_outside(files: MediaFiles, name: str, variant: str) -> None:
    with pytest.raises(ValueError, match="not a file of ours"):
        files.path(name, variant)


def test_what_cannot_be_saved_whole_is_not_there_at_all(files: MediaFiles) -> None:
    name = new_name()
    with pytest.raises(FileNotFoundError):
        files.save(name, {"full.jpg": written(files), "small.jpg": files.incoming()})
    assert list(files.names()) == []


def test_dropping_removes_every_variant_and_can_be_done_twice(files: MediaFiles) -> None:
    kept, gone = new_name(), new_name()
    for name in (kept, gone):
        files.save(name, {"full.jpg": written(files), "small.webp": written(files)})
    for _ in range(2):
        files.drop(gone)
    assert {name for name, _ in files.names()} == {kept}


def test_what_was_being_received_when_the_power_went_is_removed(files: MediaFiles) -> None:
    old, directory, new = written(files), files.incoming(), written(files)
    directory.mkdir()
    (directory / "full.jpg").write_bytes(b"half")
    for path in (old, directory):
        os.utime(path, (1000, 1000))
    files.drop_unfinished(2000)
    assert [path.exists() for path in (old, directory, new)] == [False, False, True]
