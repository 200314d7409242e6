"""Which forms take files, how much of them, and reading such a form while it arrives.

A body of megabytes is taken only from somebody who is signed in and whose form is ours: the fields
stand before the files in our pages, and `admit` judges them before the first byte of a file is
kept. What somebody called a file is never read.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from forum.errors import ForumError
from forum.text import clean_characters
from web.forms import MAX_FIELDS, Form, Upload

MEGABYTE = 1_048_576
MULTIPART = "multipart/form-data"
TEXT_BYTES = 262_144  # the longest post, in a script of four bytes a letter, and all other fields
HEADER_BYTES = 8_192  # of one line, as long as the name of a file can be
MOST_PARTS = MAX_FIELDS + 20
FILE_FIELD = "file"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """A file beyond `file_bytes`, and files beyond `files`, are read past and told so."""

    files: int
    file_bytes: int
    total_bytes: int
    text_bytes: int = TEXT_BYTES


POSTS = FileLimits(files=4, file_bytes=40 * MEGABYTE, total_bytes=64 * MEGABYTE)
LISTS = FileLimits(
    files=1, file_bytes=MEGABYTE, total_bytes=3 * MEGABYTE, text_bytes=MEGABYTE + TEXT_BYTES
)

FILE_FORMS: dict[str, FileLimits] = {
    "/c/{name}/new": POSTS,
    "/t/{id}/reply": POSTS,
    "/p/{id}/change": POSTS,
    "/settings/import": LISTS,
}
_PATTERNS = [
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), limits) for path, limits in FILE_FORMS.items()
]


class FormRefused(ForumError):
    """The body is not read any further."""


class FormTooLarge(FormRefused):
    code = "form_too_large"


class FormBroken(FormRefused):
    code = "form_broken"


def is_multipart(content_type: str) -> bool:
    return content_type.split(";", maxsplit=1)[0].strip().lower() == MULTIPART


def limits_for(path: str, content_type: str) -> FileLimits | None:
    """How much the form at this path may bring; None where no form has files."""
    if not is_multipart(content_type):
        return None
    found = (limits for pattern, limits in _PATTERNS if pattern.fullmatch(path))
    return next(found, None)


@dataclass(slots=True)
class _Part:
    """What is known of the part that is arriving."""

    name: str = ""
    is_file: bool = False
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    disposition: bytes = b""
    path: Path | None = None
    file: BinaryIO | None = None
    size: int = 0
    code: str = ""


class FormReader:
    """Takes the pieces of a body; `form` is filled. `close` drops files that nobody took.

    Raises FormTooLarge and FormBroken, and whatever `admit` raises.
    """

    def __init__(
        self,
        content_type: str,
        limits: FileLimits,
        *,
        incoming: Callable[[], Path],
        admit: Callable[[Mapping[str, str]], None],
    ) -> None:
        self.form = Form()
        self._limits, self._incoming, self._admit = limits, incoming, admit
        self._is_admitted = self._is_complete = False
        self._taken = self._text = self._parts = self._files = 0
        self._part = _Part()
        self._header_name = b""
        self._parser = self._open(content_type)

    def feed(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        if self._taken > self._limits.total_bytes:
            raise FormTooLarge
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise FormBroken from error

    def finish(self) -> Form:
        """The form, once all of it has arrived."""
        if not self._is_complete:
            raise FormBroken
        return self.form

    def close(self) -> None:
        if self._part.file is not None:
            with contextlib.suppress(OSError):  # no room for the rest of it
                self._part.file.close()
        for path in (self._part.path, *(upload.path for upload in self.form.uploads)):
            if path is not None:
                path.unlink(missing_ok=True)

    def _open(self, content_type: str) -> MultipartParser:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise FormBroken
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._take_header_name,
                    "on_header_value": self._take_header,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_size=HEADER_BYTES,
            )
        except FormParserError as error:
            raise FormBroken from error

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise FormTooLarge
        self._part = _Part()

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._part.disposition = bytes(self._part.header)
        self._header_name = b""
        self._part.header.clear()

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._part.disposition)
        if kind != b"form-data" or b"name" not in options:
            raise FormBroken
        self._part.name = clean_characters(options[b"name"].decode("utf-8", "replace"))
        self._part.is_file = b"filename" in options

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._take_file(data, start, end)
            return
        self._text += end - start
        if self._text > self._limits.text_bytes:
            raise FormTooLarge
        self._part.value += data[start:end]

    def _take_file(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if not self._is_admitted:
            self._admit(self.form.values)
            self._is_admitted = True
        if not part.size:
            self._begin_file(part)
        part.size += end - start
        if part.size > self._limits.file_bytes:
            part.code = part.code or "file_too_large"
        if not part.code and part.file is not None:
            try:
                part.file.write(data[start:end])
            except OSError as error:
                part.code = _code_of(error)

    def _begin_file(self, part: _Part) -> None:
        self._files += 1
        if self._files > self._limits.files:
            part.code = "too_many_files"
            return
        try:
            part.path = self._incoming()
            part.file = part.path.open("wb")
        except OSError as error:
            part.code = _code_of(error)

    def _end_part(self) -> None:
        part, self._part = self._part, _Part()
        if part.file is not None:
            try:
                part.file.close()
            except OSError as error:  # what was still held back found no room
                part.code = part.code or _code_of(error)
        if not part.is_file:
            value = part.value.decode("utf-8", "replace")
            self.form.values[part.name] = clean_characters(value)
        elif part.code:
            self.form.fail(FILE_FIELD, part.code)
            if part.path is not None:
                part.path.unlink(missing_ok=True)
        elif part.path is not None:
            self.form.uploads.append(Upload(part.name, part.path, part.size))

    def _end(self) -> None:
        self._is_complete = True


def _code_of(error: OSError) -> str:
    return "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "server_busy"
