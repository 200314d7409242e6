"""Forms with files, read piece by piece: what is kept, what is read past, what is not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from forum.errors import NotAllowed
from storage.media_files import MediaFiles
from web.file_forms import (
    LISTS,
    MEGABYTE,
    POSTS,
    TEXT_BYTES,
    FileLimits,
    FormBroken,
    FormReader,
    FormTooLarge,
    limits_for,
)

BOUNDARY = "a-line-between"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def field(name: str, value: str) -> bytes:
    return part(f'name="{name}"', value.encode())


def file(data: bytes, filename: str = "photo.jpg", name: str = "file") -> bytes:
    return part(f'name="{name}"; filename="{filename}"', data)


def part(disposition: str, data: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode("utf-8") + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


class Reading:
    """A reader over a directory of its own."""

    def __init__(self, root: Path, limits: FileLimits = POSTS, kind: str = KIND) -> None:
        self.root = root
        self.asked: list[dict[str, str]] = []
        self.reader = FormReader(kind, limits, incoming=MediaFiles(root).incoming, admit=self.admit)

    def admit(self, values: Mapping[str, str]) -> None:
        self.asked.append(dict(values))

    def feed(self, body: bytes, size: int = 1000) -> FormReader:
        for start in range(0, len(body), size):
            self.reader.feed(body[start : start + size])
        return self.reader

    def kept(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_fields_and_files_arrive_whole_however_they_are_cut(reading: Reading, size: int) -> None:
    data = bytes(range(256)) * 20 + b"\r\n--a-line-betwee\r\n"
    body = field("title", "Grüße") + field("source", "one\r\ntwo") + file(data) + END
    form = reading.feed(body, size).finish()
    assert form.values == {"title": "Grüße", "source": "one\ntwo"}
    (upload,) = form.uploads
    assert (upload.field, upload.size, upload.path.read_bytes()) == ("file", len(data), data)
    reading.reader.close()
    assert reading.kept() == []


def test_who_sends_is_judged_before_the_first_byte_of_a_file_is_kept(tmp_path: Path) -> None:
    class Refusing(Reading):
        def admit(self, values: Mapping[str, str]) -> None:
            raise NotAllowed(values["form_token"])

    reading = Refusing(tmp_path)
    with pytest.raises(NotAllowed, match="wrong"):
        reading.feed(field("form_token", "wrong") + file(b"x" * 5000) + END)
    assert reading.kept() == []


def test_a_file_field_left_empty_is_no_file(reading: Reading) -> None:
    form = reading.feed(field("source", "x") + file(b"", filename="") + END).finish()
    assert (form.uploads, form.errors, reading.asked) == ([], {}, [])


def test_a_file_that_is_too_large_is_read_past_and_the_words_are_kept(tmp_path: Path) -> None:
    reading = Reading(tmp_path, replace(POSTS, file_bytes=3000))
    body = file(b"x" * 3001) + file(b"y" * 3000) + field("source", "long text") + END
    form = reading.feed(body).finish()
    assert form.errors == {"file": "file_too_large"}
    assert [upload.size for upload in form.uploads] == [3000]
    assert form.values == {"source": "long text"}
    assert len(reading.kept()) == 1


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_disk_that_is_full_is_told_beside_the_file_and_nothing_stays(
    tmp_path: Path, is_whole: bool
) -> None:
    """A small file finds out only when it is closed."""

    def into_the_full() -> Path:
        path = tmp_path / "incoming"
        path.symlink_to("/dev/full")
        return path

    reader = FormReader(KIND, POSTS, incoming=into_the_full, admit=lambda _: None)
    reader.feed(field("source", "words") + file(b"x" * 100) + (END if is_whole else b""))
    if is_whole:
        form = reader.finish()
        assert (form.errors, form.uploads) == ({"file": "disk_full"}, [])
        assert form.values == {"source": "words"}
    reader.close()
    assert list(tmp_path.iterdir()) == []


def test_more_files_than_a_post_carries_are_left_out(reading: Reading) -> None:
    form = reading.feed(file(b"x") * 6 + END).finish()
    assert (len(form.uploads), form.errors) == (4, {"file": "too_many_files"})
    assert len(reading.kept()) == 4


def test_res_01_of_1001_parts_no_more_are_read_than_a_form_has(reading: Reading) -> None:
    with pytest.raises(FormTooLarge):
        reading.feed(field("x", "y") * 1001 + END)
    assert len(reading.reader.form.values) == 1


def test_res_01_neither_fields_nor_all_together_grow_without_end(tmp_path: Path) -> None:
    with pytest.raises(FormTooLarge):
        Reading(tmp_path).feed(field("source", "x" * (TEXT_BYTES + 1)))
    pasted = Reading(tmp_path, LISTS).feed(field("list", "x" * 1_000_000) + END, 65_536)
    assert len(pasted.finish().values["list"]) == 1_000_000
    reading = Reading(tmp_path, FileLimits(1, MEGABYTE, 5000))
    with pytest.raises(FormTooLarge):
        reading.feed(file(b"x" * 5000))
    reading.reader.close()
    assert reading.kept() == []


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "/etc/passwd", "a\x00b.jpg", "x" * 5000, "CON", "..\\..\\a", "a/b.jpg"],
    ids=["up", "absolute", "nul", "5,000 letters", "a device", "up in Windows", "a folder"],
)
def test_upl_03_what_a_file_is_called_says_nothing_about_where_it_lies(
    reading: Reading, name: str
) -> None:
    form = reading.feed(file(b"data", filename=name) + END)
    kept = reading.kept()
    assert [path.parent for path in kept] == [reading.root / "incoming"]
    assert [upload.path for upload in form.finish().uploads] == kept
    assert len(kept[0].name) == 26


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing of the kind",
        file(b"cut off"),
        part("filename=x", b"no name") + END,
        b"--" + BOUNDARY.encode() + b"\r\nContent-Type: text/html\r\n\r\nx\r\n" + END,
        b"--" + BOUNDARY.encode() + b"\r\n" + b"x" * 20_000,
    ],
    ids=["nothing", "no parts", "cut off", "no name", "no disposition", "an endless header"],
)
def test_a_body_that_is_broken_is_no_form(reading: Reading, body: bytes) -> None:
    with pytest.raises(FormBroken):
        reading.feed(body).finish()
    reading.reader.close()
    assert reading.kept() == []


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 999]
)
def test_a_body_without_a_line_between_its_parts_is_no_form(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FormBroken):
        Reading(tmp_path, kind=kind)


def test_only_some_forms_take_files() -> None:
    assert limits_for("/c/harbour/new", KIND) is POSTS
    assert limits_for("/t/1/reply", "Multipart/Form-Data; boundary=x") is POSTS
    assert limits_for("/c/harbour/new", "application/x-www-form-urlencoded") is None
    assert limits_for("/sign-in", KIND) is None
    assert limits_for("/c/a/b/new", KIND) is None
