"""A thread's posts as HTML: one cached fragment per post, joined into a tree of lists.

A fragment is the same for everybody who may see the post, so it is kept under the post's id,
version and locale; so is the content of a page, under all of its posts. Pages of a hundred
replies are read all day.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from markupsafe import escape

from storage.parts import parts_of
from storage.threads import PostMark, PostView
from web.answers import Fact, post_fact
from web.attached import Attached, attached_to
from web.i18n import Words
from web.own_files import OwnFile, own_files
from web.visit import Web

FOLDED_FROM = 4  # a branch this deep can be folded away


@dataclass(frozen=True, slots=True)
class Content:
    """The posts of one page of a thread, as HTML. The same for all who may see the same posts."""

    title: str
    language: str
    opening: str
    replies: str
    count: int
    next: str

    def __len__(self) -> int:
        return len(self.opening) + len(self.replies)


@dataclass(frozen=True, slots=True)
class Body:
    """What the template of one post shows."""

    post: PostView
    name: str
    reach: Fact
    files: tuple[OwnFile, ...] = ()
    attached: tuple[Attached, ...] = ()


def fragment(web: Web, words: Words, post: PostView, *, audience: str) -> str:
    """One post as HTML, from the cache if it is there. Whether it is muted is not part of it."""
    key = (post.id, post.version, words.locale, audience, post.author_display)
    found = web.fragments.get(key)
    if found is None:
        name = post.author_display or post.author_name
        files = own_files(web.services.site, parts_of(post.parts)) if post.is_local else ()
        attached = attached_to(words, post, is_direct=audience == "direct")
        body = Body(post, name, post_fact(words, audience), files, attached)
        found = str(web.templates.part(words.locale, "_post.html", "post", body))
        web.fragments.put(key, found)
    return found


def key_of(
    words: Words,
    audience: str,
    thread_id: int,
    after: list[int],
    posts: Iterable[PostMark | PostView],
) -> Hashable:
    """What kept content is found by: two viewers who see the same posts share it."""
    marks = tuple([(post.id, post.version, post.author_display, post.is_muted) for post in posts])
    return (thread_id, words.locale, audience, tuple(after), marks)


def content_of(
    web: Web, words: Words, audience: str, after: list[int], rows: list[PostView], most: int
) -> Content:
    """The posts of a page: the opening and the replies as nested lists.

    `after` is the path at which the page before ended: an ancestor on it was shown there; any
    other ancestor that is not here was taken back or is hidden from this viewer.
    """
    thread_id, shown = rows[0].thread_id, rows[:most]
    first = shown[0] if shown[0].id == thread_id else None
    replies = shown[1:] if first is not None else shown
    opening = "" if first is None else fragment(web, words, first, audience=audience)
    return Content(
        title="" if first is None else first.title,
        language=shown[0].language,
        opening=opening,
        replies=_tree(web, words, audience, thread_id, after, replies),
        count=len(replies),
        next=".".join(map(str, shown[-1].path)) if len(rows) > most else "",
    )


def _tree(
    web: Web, words: Words, audience: str, thread_id: int, after: list[int], posts: list[PostView]
) -> str:
    gap = _paragraph(words.gettext("A reply that is not shown here"))
    earlier = words.gettext("A reply on the page before")
    branches = _Branches([thread_id], words.gettext("Further replies"))
    for post in posts:
        branches.close_beside(post.path)
        for ancestor in post.path[len(branches.ids) : -1]:
            is_earlier = ancestor in after
            branches.open(ancestor, _link(thread_id, ancestor, earlier) if is_earlier else gap)
        html = _muted(words, post) if post.is_muted else ""
        branches.open(post.id, html or fragment(web, words, post, audience=audience))
    return branches.finish()


@dataclass(slots=True)
class _Branches:
    """The list items that are open while the posts go by, from the thread down."""

    ids: list[int]
    fold_words: str
    pieces: list[str] = field(default_factory=list)
    has_list: list[bool] = field(default_factory=lambda: [False])

    def open(self, identifier: int, html: str) -> None:
        if not self.has_list[-1]:
            self.has_list[-1] = True
            if len(self.ids) >= FOLDED_FROM:
                summary = escape(self.fold_words)
                self.pieces.append(f'<details class="branch" open><summary>{summary}</summary>')
            self.pieces.append('<ol class="tree">')
        self.pieces.append("<li>")
        self.pieces.append(html)
        self.ids.append(identifier)
        self.has_list.append(False)

    def close_beside(self, path: list[int]) -> None:
        """Close what is no ancestor of the post at this path."""
        while self.ids != path[: len(self.ids)] or len(self.ids) == len(path):
            self._close()

    def finish(self) -> str:
        while len(self.ids) > 1:
            self._close()
        if self.has_list[0]:
            self.pieces.append("</ol>")
        return "".join(self.pieces)

    def _close(self) -> None:
        if self.has_list.pop():
            self.pieces.append("</ol>")
            if len(self.ids) >= FOLDED_FROM:
                self.pieces.append("</details>")
        self.ids.pop()
        self.pieces.append("</li>")


def _muted(words: Words, post: PostView) -> str:
    """The place of a reply that this viewer has muted; its own page still shows it."""
    text, show = escape(words.gettext("Hidden by your own settings")), escape(words.gettext("Show"))
    link = f'<a href="/p/{post.id}" rel="nofollow">{show}</a>'
    return f'<p class="gap" id="p{post.id}">{text} · {link}</p>'


def _paragraph(text: str) -> str:
    return f'<p class="gap">{escape(text)}</p>'


def _link(thread_id: int, post_id: int, text: str) -> str:
    return f'<p class="gap"><a href="/t/{thread_id}#p{post_id}">{escape(text)}</a></p>'
