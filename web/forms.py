"""A form's fields as typed values, with what is wrong kept beside each field.

Whatever a browser or a script sends becomes text that PostgreSQL can store: no NUL, no lone
surrogates, no control characters, one kind of line end.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from forum.errors import Conflict, Invalid
from forum.text import clean_characters

MAX_FIELDS = 60
WHOLE_FORM = ""
CONFLICT_FIELDS = {"name_taken": "name"}


class Stopped(Exception):
    """The form has errors; nothing after this line of a `checked` block runs."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form, as it came. It is gone when the answer is sent."""

    field: str
    path: Path
    size: int


class Form:
    """Decoded fields. Reading a field that is wrong notes an error and gives an empty value."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values: dict[str, str] = dict(values or {})
        self.errors: dict[str, str] = {}
        self.uploads: list[Upload] = []

    def line(self, name: str, *, most: int, least: int = 0) -> str:
        """One line of text, without space at its ends."""
        value = " ".join(self.values.get(name, "").split())
        return self._measured(name, value, most, least)

    def text(self, name: str, *, most: int, least: int = 0) -> str:
        """Several lines of text."""
        return self._measured(name, self.values.get(name, "").strip(), most, least)

    def secret(self, name: str) -> str:
        """A password, as it was typed."""
        return self.values.get(name, "")

    def choice(self, name: str, options: Container[str]) -> str:
        """One of the options; none is chosen beforehand."""
        value = self.values.get(name, "")
        if value in options and value:
            return value
        self.fail(name, "choose_one")
        return ""

    def whole(self, name: str, *, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.values.get(name, "").strip()
        if value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most:
            return int(value)
        self.fail(name, "number_range")
        return least

    def is_ticked(self, name: str) -> bool:
        return self.values.get(name) == "yes"

    def fail(self, name: str, code: str) -> None:
        """Note what is wrong with a field; the first complaint stays."""
        self.errors.setdefault(name, code)

    def checked(self) -> Checked:
        """Turn refusals of the rules into errors beside the field that they are about."""
        return Checked(self)

    def stop_if_wrong(self) -> None:
        """Raises Stopped when a field read so far is wrong."""
        if self.errors:
            raise Stopped

    def _measured(self, name: str, value: str, most: int, least: int) -> str:
        if len(value) < least:
            self.fail(name, "missing" if not value else "too_short")
        if len(value) > most:
            self.fail(name, "too_long")
        return value


class Checked:
    """The block of `Form.checked`: what it refuses is noted, and the code after it runs."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> bool:
        if isinstance(error, Invalid):
            self._form.fail(error.field, error.code)
        elif isinstance(error, Conflict):
            self._form.fail(CONFLICT_FIELDS.get(error.code, WHOLE_FORM), error.code)
        return isinstance(error, Invalid | Conflict | Stopped)


def decode(body: bytes) -> Form:
    """The fields of an application/x-www-form-urlencoded body; too many are cut off."""
    try:
        pairs = parse_qsl(
            body.decode("ascii", "replace"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="replace",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        return Form()
    return Form({clean_characters(name): clean_characters(value) for name, value in pairs})
