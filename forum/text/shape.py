"""Whether HTML is cheap to parse, found out in one pass before any parser sees it.

An HTML parser repairs what is badly nested, and the repair can cost the square of the input:
200 KB of `<div>` kept html5ever busy for 15 seconds. What other servers send has been through a
sanitiser and is balanced; a long text that is not balanced is not worth repairing.
"""

from __future__ import annotations

import re

MOST_CHARACTERS = 200_000
MOST_TAGS = 5_000
MOST_UNBALANCED_TAGS = 150  # the square of this is still quick
MOST_DEPTH = 20

TAG = re.compile(
    r"<(/?)([a-zA-Z][a-zA-Z0-9]*)"
    r"""((?:\s+[^\s"'<>/=]+(?:=(?:"[^"<>]*"|'[^'<>]*'))?)*)"""
    r"\s*(/?)>"
)
VOID = frozenset({"area", "br", "col", "hr", "img", "input", "source", "wbr"})

# Inside these a parser reads tags by other rules, so that counting would be wrong.
RAW = "iframe math noembed noframes noscript plaintext script select style svg template textarea"
OTHER_RULES = frozenset(f"{RAW} title xmp".split())


def is_cheap(html: str) -> bool:
    """Whether sanitising this takes a few milliseconds at most."""
    if len(html) > MOST_CHARACTERS:
        return False
    tags = html.count("<")
    if tags <= MOST_UNBALANCED_TAGS:
        return True
    return tags <= MOST_TAGS and _is_balanced(html, tags)


def _is_balanced(html: str, tags: int) -> bool:
    open_tags: list[str] = []
    seen = 0
    for match in TAG.finditer(html):
        seen += 1
        is_end, name, is_closed = match[1], match[2].lower(), match[4]
        if name in OTHER_RULES or (is_closed and name not in VOID):
            return False
        if is_end:
            if not open_tags or open_tags.pop() != name:
                return False
        elif name not in VOID:
            open_tags.append(name)
            if len(open_tags) > MOST_DEPTH:
                return False
    return seen == tags and not open_tags
