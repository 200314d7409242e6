"""Reads the forms of a page as a browser does: where each is sent, and what stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(slots=True)
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)  # radio groups and selects


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._area: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        if self._form is not None:
            self._read_field(self._form, tag, given)

    def _read_field(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name = given.get("name", "")
        kind = given.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.choices.setdefault(self._select, []).append(given.get("value", ""))
            if "selected" in given:
                form.fields[self._select] = given.get("value", "")
        elif tag == "textarea":
            self._area = name
            form.fields[name] = ""
        elif tag == "input" and name and kind in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(given.get("value", "on"))
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif tag == "input" and name and kind != "submit":
            form.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area and self._form is not None:
            self._form.fields[self._area] += data
        if data.strip():
            self.words.append(data.strip())


@dataclass(slots=True)
class Page:
    """An answer read as a page."""

    status: int
    path: str
    html: str
    forms: list[Form]
    links: list[str]
    text: str

    def form(self, action: str) -> Form:
        """The form whose address ends with, or contains, `action`."""
        exact = [form for form in self.forms if form.action.split("?")[0].endswith(action)]
        found = exact or [form for form in self.forms if action in form.action]
        if not found:
            actions = [form.action for form in self.forms]
            raise AssertionError(f"{self.path} ({self.status}) has no form {action}: {actions}")
        return found[0]


def read_page(status: int, path: str, html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    return Page(status, path, html, reader.forms, reader.links, " ".join(reader.words))
