"""Makes HTML safe to show: of other servers, and of our own markdown. Once, before it is stored.

The promise is a fixed point: what comes out is what the sanitiser would make of it again, so no
second parser can see something else in it. Where that does not come about, or would be slow, the
words are kept and the markup is not.
"""

from __future__ import annotations

import re
from html import unescape

import nh3

from forum.text.characters import clean_characters
from forum.text.rewrite import HEADINGS, LINK_REL, LOOSE_BLOCKS, PLAIN_TAGS, escape, rewrite
from forum.text.shape import MOST_CHARACTERS, is_cheap

ALLOWED_TAGS = PLAIN_TAGS | {"a"}
REWRITTEN_TAGS = LOOSE_BLOCKS | set(HEADINGS) | {"img"}
DROPPED = (
    "audio button canvas datalist embed form iframe input label math noembed noframes noscript"
    " object optgroup option plaintext script select style svg template textarea title video xmp"
)
MOST_PASSES = 4
LONGEST_RESULT = 300_000

CLEANER = nh3.Cleaner(
    tags=set(ALLOWED_TAGS | REWRITTEN_TAGS),
    clean_content_tags=set(DROPPED.split()),
    # Without the star the sanitiser lets `title` and `lang` stand on every tag.
    attributes={"*": set(), "a": {"href"}, "img": {"alt"}, "ol": {"start"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel=LINK_REL,
)

# Without one of these the sanitiser's own output is already in the final form.
NEEDS_REWRITING = re.compile(f"<(?:a|pre|ol|{'|'.join(sorted(REWRITTEN_TAGS))})[ >]")
BLOCK_BOUNDARY = re.compile(r"<(?:br|hr|/?(?:p|li|tr|h[1-6]|blockquote|pre|div|summary))\b[^<>]*>")
ANY_TAG = re.compile(r"<[^<>]*>?")


def clean_remote(html: str) -> str:
    """HTML of another server, made safe: few tags, no image, no class, no style, no form."""
    return sanitise(clean_characters(html))


def sanitise(html: str) -> str:
    """Safe HTML. `sanitise(sanitise(x)) == sanitise(x)`."""
    if not is_cheap(html):
        return paragraphs(plain_text(html[:MOST_CHARACTERS]))
    cleaned = CLEANER.clean(html)
    if cleaned == html and len(html) <= LONGEST_RESULT and not NEEDS_REWRITING.search(html):
        return cleaned
    for _ in range(MOST_PASSES):
        if len(cleaned) > LONGEST_RESULT:
            break
        if NEEDS_REWRITING.search(cleaned):
            cleaned = rewrite(cleaned)
        again = CLEANER.clean(cleaned)
        if again == cleaned:
            return cleaned
        cleaned = again
    return paragraphs(plain_text(html))


def plain_text(html: str) -> str:
    """The words of some HTML, with a newline where a block ends."""
    text = unescape(ANY_TAG.sub("", BLOCK_BOUNDARY.sub("\n", html)))
    lines = (line.strip() for line in clean_characters(text).split("\n"))
    return "\n".join(line for line in lines if line)


def paragraphs(text: str) -> str:
    """Plain text as HTML: what is shown when markup can not be trusted or took too long."""
    blocks = re.split(r"\n{2,}", text.strip("\n"))
    return "".join(f"<p>{escape(block).replace(chr(10), '<br>')}</p>" for block in blocks if block)
