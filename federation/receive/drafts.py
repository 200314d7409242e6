"""A post of another server in our own terms: safe HTML, a title, times that can be."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import escape

from federation.errors import Malformed
from federation.vocabulary.types import Poll, Post
from forum.errors import NotAllowed
from forum.text import (
    NOTE_LIMIT,
    TITLE_LIMIT,
    Draft,
    PollDraft,
    clean_characters,
    clean_remote,
    one_line,
    plain_text,
)
from forum.threads import Origin
from storage.communities import Community
from storage.parts import Parts, Tag

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
TITLE_FROM_TEXT = 100
CHAT_TYPE = "ChatMessage"  # how Lemmy, PieFed and Pleroma call a private message
MENTIONS = re.compile(r"^(?:[@!][^\s@]+(?:@\S+)?\s+)+")


def draft_of(post: Post) -> Draft:
    """What the post says. A thread without a name is called by its first line or its picture."""
    is_thread = post.in_reply_to is None
    html = clean_remote(_without_title(post) if is_thread else post.html)
    return Draft(
        title=_title_of(post, html) if is_thread else "",
        source=clean_characters(post.source or ""),
        html=html,
        content_note=one_line(post.content_note, NOTE_LIMIT),
        sensitive=post.sensitive,
        language=post.language,
        type=post.type,
        parts=post.parts,
        poll=None if post.poll is None else poll_of(post.poll),
    )


def message_of(post: Post) -> Draft:
    """What a direct message says: nobody gives it a title, and one in a `name` is not lost."""
    draft = draft_of(replace(post, in_reply_to=post.in_reply_to or post.id))
    tags = tuple(tag for tag in draft.parts.tags if tag.kind == "emoji")
    title = one_line(post.title, TITLE_LIMIT)
    return replace(
        draft,
        html=f"<p><strong>{escape(title, quote=False)}</strong></p>{draft.html}"
        if title
        else draft.html,
        parts=_with_tags(draft.parts, tags),
        poll=None,
    )


def poll_of(poll: Poll) -> PollDraft:
    return PollDraft(
        options=poll.options,
        is_many=poll.is_many,
        ends_at=poll.ends_at,
        closed_at=poll.closed_at,
        votes=poll.votes,
        voters=poll.voters,
    )


def fit(draft: Draft, community: Community) -> Draft:
    """The draft as it may stand there: in a closed community nothing leads out by a hashtag.

    Raises NotAllowed for a private message of a forum, wherever it turns up.
    """
    if draft.type == CHAT_TYPE:
        raise NotAllowed("not_for_us")
    if community.readers == "anyone":
        return draft
    tags = tuple(tag for tag in draft.parts.tags if tag.kind != "hashtag")
    return replace(draft, parts=_with_tags(draft.parts, tags))


def origin_of(post: Post, source_uri: str | None, now: datetime) -> Origin:
    """Where it comes from. A time in the future, or before there was any server, is now.

    When it was changed is kept, else an older edit that comes late would win.
    """
    published, edited = post.published, post.updated
    if edited is not None and published is not None and edited <= published:
        edited = None  # some servers send it with every post
    if published is None or not EARLIEST <= published <= now:
        published = now
    return Origin(post.id, post.url, published, source_uri, edited)


def require_wide_enough(community: Community, is_public: bool) -> None:
    """Raises NotAllowed when a public community would show more people what was said to fewer."""
    if community.readers == "anyone" and not is_public:
        raise NotAllowed("narrower_than_community")


def _without_title(post: Post) -> str:
    """Dazzle begins a thread's content with the title in bold, for those who ignore `name`."""
    return post.html.removeprefix(f"<p><strong>{escape(post.title, quote=False)}</strong></p>")


def _with_tags(parts: Parts, tags: tuple[Tag, ...]) -> Parts:
    return Parts(
        attachments=parts.attachments,
        tags=tags,
        happening=parts.happening,
        quote_uri=parts.quote_uri,
    )


def _title_of(post: Post, html: str) -> str:
    """Raises Malformed if there is no word to call the thread by."""
    named = one_line(post.title, TITLE_LIMIT) or _first_line(html)
    described = (one_line(file.alt, TITLE_FROM_TEXT) for file in post.parts.attachments)
    title = named or next((alt for alt in described if alt), "")
    if not title:
        raise Malformed("no_title")
    return title


def _first_line(html: str) -> str:
    text = plain_text(html).strip()
    line = MENTIONS.sub("", text).partition("\n")[0].strip()
    return line if len(line) <= TITLE_FROM_TEXT else line[: TITLE_FROM_TEXT - 1].rstrip() + "…"
