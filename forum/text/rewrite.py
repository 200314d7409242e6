"""Rewrites HTML that the sanitiser has made well-formed: images, headings, links, loose blocks.

It writes every tag and attribute itself, from a list, in the form in which the sanitiser writes
them, so that sanitising the result again changes nothing.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from forum.text.links import link_label

LINK_REL = "nofollow noopener noreferrer ugc"
HEADINGS = {"h1": "h3", "h2": "h3"}  # the page has the first two levels
LOOSE = (
    "address article aside center dd div dl dt fieldset figcaption figure footer header main nav"
    " section"
)
LOOSE_BLOCKS = frozenset(LOOSE.split())
PLAIN = (
    "b blockquote br code del details em h3 h4 h5 h6 hr i ins kbd li ol p pre q s small strong sub"
    " summary sup table tbody td tfoot th thead tr u ul"
)
PLAIN_TAGS = frozenset(PLAIN.split())
# `https:there.example` is a path of this server's own to a browser that stands on a page of it.
WHOLE_ADDRESS = re.compile(r"https?://[^/?#\\]|mailto:", re.IGNORECASE)
BLOCK_END = re.compile(r"<(br|hr)>|</(p|blockquote|pre|ul|ol|table|details|h[3-6])>")


def escape(text: str) -> str:
    """Text as the sanitiser's serialiser writes it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\xa0", "&nbsp;")


def escape_attribute(value: str) -> str:
    return escape(value).replace('"', "&quot;")


def rewrite(html: str) -> str:
    """Well-formed HTML in, the tags of PLAIN_TAGS and links out."""
    rewriter = _Rewriter()
    rewriter.feed(html)
    rewriter.close()
    return rewriter.result()


class _Rewriter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._href: str | None = None
        self._link_depth = 0
        self._link_start = 0
        self._link_text: list[str] = []
        self._after_pre = False

    def result(self) -> str:
        while self._out and self._out[-1] == "<br>":
            self._out.pop()
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self._start_link(values.get("href") or "")
        elif tag == "img":
            self.handle_data(values.get("alt") or "")
        elif tag in LOOSE_BLOCKS:
            self._break()
        elif HEADINGS.get(tag, tag) in PLAIN_TAGS:
            self._out.append(f"<{HEADINGS.get(tag, tag)}{_start_number(tag, values)}>")
        self._after_pre = tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._after_pre = False
        if tag == "a":
            self._end_link()
        elif tag in LOOSE_BLOCKS:
            self._break()
        elif HEADINGS.get(tag, tag) in PLAIN_TAGS and tag not in ("br", "hr"):
            self._out.append(f"</{HEADINGS.get(tag, tag)}>")

    def handle_data(self, data: str) -> None:
        if self._after_pre:  # a parser drops the first newline there, each time it parses
            data = data.lstrip("\n")
            self._after_pre = False
        if data:
            self._out.append(escape(data))
            if self._link_depth:
                self._link_text.append(data)

    def _break(self) -> None:
        if self._out and not BLOCK_END.fullmatch(self._out[-1]):
            self._out.append("<br>")

    def _start_link(self, href: str) -> None:
        href = href if WHOLE_ADDRESS.match(href) else ""
        self._link_depth += 1
        if self._link_depth == 1:
            self._href, self._link_start, self._link_text = href, len(self._out), []
            if href:
                self._out.append(f'<a href="{escape_attribute(href)}" rel="{LINK_REL}">')

    def _end_link(self) -> None:
        self._link_depth = max(0, self._link_depth - 1)
        if self._link_depth or not self._href:
            return
        text = "".join(self._link_text)
        label = link_label(self._href, text)
        if label.startswith(text):
            self._out.append(escape(label[len(text) :]))
        else:
            self._out[self._link_start + 1 :] = [escape(label)]
        self._out.append("</a>")
        self._href = None


def _start_number(tag: str, values: dict[str, str | None]) -> str:
    """The number that a list begins with; nothing else about a tag is kept."""
    start = values.get("start") or ""
    return f' start="{start}"' if tag == "ol" and re.fullmatch("[0-9]{1,6}", start) else ""
