"""Reads a page as a browser and a screen reader do: elements, forms, labels, headings."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img", "path", "use", "source"}


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    ancestors: tuple[str, ...]
    text: str = ""


@dataclass(slots=True)
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.forms: list[Form] = []
        self.text = ""
        self._open: list[Element] = []
        self._form: Form | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, tuple(parent.tag for parent in self._open))
        self.elements.append(element)
        if tag == "form":
            self._form = Form(attributes.get("action", ""))
            self.forms.append(self._form)
        self._note_field(tag, attributes)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {n: v or "" for n, v in attrs}, ()))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        closed = self._open.pop()
        if tag == "form":
            self._form = None
        if tag == "textarea" and self._form is not None:
            self._form.fields[closed.attributes["name"]] = closed.text.removeprefix("\n")

    def handle_data(self, data: str) -> None:
        self.text += data
        for element in self._open:
            element.text += data

    def close(self) -> None:
        super().close()
        assert not self._open, f"never closed: {[element.tag for element in self._open]}"

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def form(self, action: str) -> Form:
        found = [form for form in self.forms if form.action.split("?")[0] == action]
        assert found, f"no form {action}: {[form.action for form in self.forms]}"
        return found[0]

    def links(self) -> list[str]:
        return [link.attributes.get("href", "") for link in self.all("a")]

    def _note_field(self, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("name", "")
        if self._form is None or not name:
            return
        kind = attributes.get("type", "text")
        if tag == "input" and kind in ("radio", "checkbox"):
            self._form.choices.setdefault(name, []).append(attributes.get("value", "on"))
            if "checked" in attributes:
                self._form.fields[name] = attributes.get("value", "on")
        elif tag == "input":
            self._form.fields[name] = attributes.get("value", "")
        elif tag == "select":
            self._form.fields[name] = ""
