"""Markdown to HTML. Not yet safe: `forum.text.clean` has the last word. No HTML passes through.

Runs in the child process of `forum.text.child` only, because a hostile text can keep it busy.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from forum.text.links import host_of

URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
TRAILING = ".,:;!?'*_~"
DEEPEST_HEADING = 6


def to_html(source: str) -> str:
    """CommonMark with tables and strikethrough; a line break is a line break."""
    rendered: str = PARSER.render(source)
    return rendered


def _finish_inline(state: StateCore) -> None:
    """Headings go two levels down, images become links, bare addresses become links."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(DEEPEST_HEADING, int(token.tag[1]) + 2)}"
        elif token.children:
            token.children = _without_images(token.children)


def _without_images(tokens: list[Token]) -> list[Token]:
    out: list[Token] = []
    depth = 0
    for token in tokens:
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type == "image":
            out += _image_link(token, inside_link=depth > 0)
        elif token.type == "text" and not depth and "://" in token.content:
            out += _with_links(token.content)
        else:
            out.append(token)
    return out


def _image_link(token: Token, *, inside_link: bool) -> list[Token]:
    href = str(token.attrGet("src") or "")
    alt = token.content or host_of(href)
    return [_text(alt)] if inside_link else _link(href, alt)


def _with_links(text: str) -> list[Token]:
    out: list[Token] = []
    end = 0
    for match in URL.finditer(text):
        url = match[0].rstrip(TRAILING)
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(TRAILING)
        out += [_text(text[end : match.start()]), *_link(url, url)]
        end = match.start() + len(url)
    return [*out, _text(text[end:])]


def _link(href: str, text: str) -> list[Token]:
    return [
        Token("link_open", "a", 1, attrs={"href": href}),
        _text(text),
        Token("link_close", "a", -1),
    ]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("js-default", {"html": False, "breaks": True, "maxNesting": 20})
    parser.core.ruler.push("finish_inline", _finish_inline)
    return parser


PARSER = _make_parser()
