"""The author changes a post: the new words stand in its place, the old ones in its history.

Who may read it, where it stands and what it answers never change with an edit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from forum import access, consents, media, polls, remote_pictures
from forum.drafts import POLL_TYPE, check_draft, check_poll, type_with
from forum.errors import NotFound
from forum.events import PostEdited
from forum.outbox import record_event
from forum.standing import community_of, is_blocked, person_behind, require_writer
from forum.text import Draft
from storage import edits, posts
from storage.actors import Actor
from storage.db import Connection
from storage.ids import new_id
from storage.parts import parts_of, to_stored
from storage.polls import read_poll_unfiltered
from storage.threads import Post


async def edit_post(
    conn: Connection,
    author: Actor,
    post: Post,
    draft: Draft,
    *,
    now: datetime,
    at: datetime | None = None,
    source_uri: str | None = None,
) -> Post:
    """Let a post say something else. What it says already, or said later, changes nothing.

    `at` is when the author's server says that it was changed. A poll is changed with its post:
    votes in it are dropped only when it asks something else. One of somebody here stays when the
    draft has none.
    """
    community = await community_of(conn, post)
    answered = [post.thread_id, post.parent_id or post.id]
    blocked = await is_blocked(conn, author, *answered)
    access.require_may_edit(author, post, blocked=blocked)
    await require_writer(conn, author, community, now)
    await consents.require_not_withdrawn(conn, await person_behind(conn, author), community)
    draft = check_draft(draft, is_thread=post.kind == "thread", is_ours=author.is_local)
    known = await posts.hold(conn, post.id, post.thread_id)
    if known is None or known.state != "live":
        raise NotFound
    at = now if at is None else min(at, now)
    if known.edited_at is not None and at < known.edited_at:
        return known
    has_poll, is_other_poll = await _edit_poll(conn, author, known, draft, now)
    edited = _edited(known, draft, has_poll=has_poll)
    if edited == known and not is_other_poll:
        return known
    await edits.keep(conn, new_id(now), known)
    rewritten = await posts.rewrite(conn, replace(edited, edited_at=at))
    if rewritten is None:
        raise NotFound
    if author.is_local:
        await media.change(conn, author, post.id, draft.files)
    elif edited.parts != known.parts:
        await remote_pictures.drop_of_post(conn, post.id, draft.parts)
    await record_event(conn, PostEdited(post.id, source_uri))
    return rewritten


async def _edit_poll(
    conn: Connection, author: Actor, post: Post, draft: Draft, now: datetime
) -> tuple[bool, bool]:
    """Whether the post has a poll from now on, and whether that is another one than before."""
    known = await read_poll_unfiltered(conn, post.id)
    if draft.poll is None:
        is_unread = draft.type == POLL_TYPE  # a question whose answers could not be read
        if known is None or author.is_local or is_unread:
            return known is not None, False
        return False, await polls.replace_poll(conn, post, known, None)
    known_end = known.ends_at if known else None
    poll = check_poll(draft.poll, is_ours=author.is_local, now=now, known_end=known_end)
    return poll is not None, await polls.replace_poll(conn, post, known, poll)


def _edited(post: Post, draft: Draft, *, has_poll: bool) -> Post:
    """The post with the words of the draft; equal to what it was when they are the same."""
    asked = post.type if post.is_local else draft.type
    has_same_parts = parts_of(post.parts) == draft.parts
    return replace(
        post,
        title=draft.title,
        source=draft.source,
        html=draft.html,
        content_note=draft.content_note,
        sensitive=draft.sensitive,
        language=draft.language,
        type=type_with(asked, has_poll=has_poll),
        parts=post.parts if has_same_parts else to_stored(draft.parts),
    )
