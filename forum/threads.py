"""Threads and replies: written by people here and elsewhere under one rule, and taken back.

The audience of a post follows from its community and from nothing that the author sends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from forum import access, consents, media, polls, remote_pictures
from forum.drafts import POLL_TYPE, check_draft, check_poll, type_with
from forum.errors import Conflict, Invalid, NotAllowed, NotFound
from forum.events import Event, PostErased, PostRemoved, ReplyPosted, ThreadStarted
from forum.outbox import record_event
from forum.site import Site
from forum.standing import community_of, is_blocked, person_behind, require_writer
from forum.text import Draft
from storage import (
    activities,
    aliases,
    deliveries,
    edits,
    erased,
    inbox,
    memberships,
    modlog,
    outbox,
    posts,
    reactions,
    threads,
    tombstones,
)
from storage import polls as stored_polls
from storage.actors import Actor
from storage.communities import Community
from storage.db import Connection
from storage.ids import new_id
from storage.modlog import Act
from storage.parts import to_stored
from storage.threads import Post

DEPTH = 50
AUDIENCE = {"anyone": "public", "members": "community"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a post of another server comes from. `source_uri` is the activity that brought it.

    `edited_at` is when it was last changed there, if it was. `is_history`: it was said before
    anybody here could hear it, and takes its place by that time.
    """

    uri: str
    url: str | None
    published_at: datetime
    source_uri: str | None
    edited_at: datetime | None = None
    is_history: bool = False


async def start_thread(
    conn: Connection,
    site: Site,
    author: Actor,
    community: Community,
    draft: Draft,
    *,
    now: datetime,
    origin: Origin | None = None,
    submission: str | None = None,
) -> Post:
    """Start a thread. The same form or the same URI a second time returns the first post.

    For a community elsewhere and an author elsewhere the caller has checked that the community
    itself announced the post: who may write there is decided there.
    """
    if submission is not None:
        made = await posts.claim_submission(conn, author.id, submission)
        if made is not None:
            return made
    await _require_author(conn, author, community, origin, now)
    draft = _check(draft, is_thread=True, is_ours=origin is None, now=now)
    post_id = _new_id(origin, now)
    post = _post(site, post_id, author, community, draft, origin, now)
    event = ThreadStarted(post_id, origin.source_uri if origin else None)
    return await _keep(conn, author, post, draft, event, submission, now)


async def reply(
    conn: Connection,
    site: Site,
    author: Actor,
    parent: Post,
    draft: Draft,
    *,
    now: datetime,
    origin: Origin | None = None,
    submission: str | None = None,
    community: Community | None = None,
) -> Post:
    """Answer a post that the caller read as the author sees it; see `start_thread` for the rest.

    `community` is the parent's, if the caller has read it in this transaction.
    """
    if submission is not None:
        made = await posts.claim_submission(conn, author.id, submission)
        if made is not None:
            return made
    community = community or await community_of(conn, parent)
    await _require_author(conn, author, community, origin, now)
    blocked = await is_blocked(conn, author, parent.thread_id, parent.id)
    if not author.is_local and not community.is_local:
        # Its own server took the answer; what was answered may be gone by now.
        parent = replace(parent, state="live")
    access.require_may_answer(community, parent, blocked=blocked)
    draft = _check(draft, is_thread=False, is_ours=origin is None, now=now)
    post_id = _new_id(origin, now)
    post = _post(site, post_id, author, community, draft, origin, now, parent=parent)
    event = ReplyPosted(post_id, origin.source_uri if origin else None)
    return await _keep(conn, author, post, draft, event, submission, now)


async def erase_post(
    conn: Connection,
    author: Actor,
    post: Post,
    *,
    now: datetime,
    source_uri: str | None = None,
) -> None:
    """The author takes a post back: what it said vanishes everywhere, its id and place stay.

    Replies stay readable under a placeholder. A second time changes nothing.
    """
    access.require_may_erase(author, post)
    if not await posts.erase(conn, post.id, post.thread_id):
        return
    await edits.drop_of_post(conn, post.id)
    await media.drop_of_post(conn, post.id)
    await remote_pictures.drop_of_post(conn, post.id)
    await stored_polls.drop_of_post(conn, post.id)
    await reactions.drop_of_post(conn, post.id)
    await inbox.drop_body_of_post(conn, post.id)
    await activities.drop_bodies_of_post(conn, post.id)
    await outbox.drop_dead_of_post(conn, post.id)
    await deliveries.cancel_post(conn, post.id)
    await tombstones.remember(conn, post.uri, author.host, now)
    await erased.note(conn, post.uri)
    if post.kind == "thread":
        await aliases.forget_thread(conn, post.id, now)
    await record_event(conn, PostErased(post.id, source_uri))


async def receive_removal(
    conn: Connection,
    community: Community,
    post: Post,
    *,
    moderator: Actor,
    reason: str,
    now: datetime,
    source_uri: str | None,
) -> None:
    """A moderator elsewhere took a post down.

    For a community elsewhere the caller has checked that its own server says so; in one of ours
    the moderator needs that role here.
    """
    if post.community_id != community.id:
        raise NotFound
    if community.is_local:
        membership = await memberships.read_membership(conn, community.id, moderator.id)
        access.require_may_moderate(community, membership, None)
    await take_down(conn, post, moderator.id, reason, now, source_uri=source_uri)


async def take_down(
    conn: Connection,
    post: Post,
    moderator_id: int,
    reason: str,
    now: datetime,
    *,
    source_uri: str | None = None,
) -> bool:
    """Hide a post from all but moderators; False when it was not shown. Checks no rule."""
    if not await posts.remove(conn, post.id, post.thread_id):
        return False
    await deliveries.cancel_post(conn, post.id)
    act = Act(
        id=new_id(now),
        moderator_id=moderator_id,
        action="remove_post",
        at=now,
        community_id=post.community_id,
        post_id=post.id,
        actor_id=post.author_id,
        reason=reason,
    )
    await modlog.insert(conn, act)
    await record_event(conn, PostRemoved(post.id, moderator_id, reason, source_uri))
    return True


async def remember_deletion(conn: Connection, uri: str, host: str, now: datetime) -> None:
    """A server deleted something that is not here yet: when it comes late, it stays away."""
    await tombstones.remember(conn, uri, host, now)


async def hold_and_read(conn: Connection, uri: str) -> Post | None:
    """The post that somebody elsewhere deletes; nobody stores it until the transaction ends."""
    await tombstones.hold(conn, uri)
    return await threads.read_by_uri_unfiltered(conn, uri)


async def _require_author(
    conn: Connection, author: Actor, community: Community, origin: Origin | None, now: datetime
) -> None:
    """The rule for writing, and that a post is from where its author is."""
    membership = await require_writer(conn, author, community, now)
    if author.is_local and membership and not access.accepted_rules(community, membership):
        raise Invalid("accept_rules", field="rules")
    await consents.require_not_withdrawn(conn, await person_behind(conn, author), community)
    if author.is_local == (origin is not None):
        raise Invalid("bad_origin")
    if origin is not None and not await tombstones.may_come(
        conn, origin.uri, (author.host, community.host)
    ):
        raise NotAllowed("erased")


def _check(draft: Draft, *, is_thread: bool, is_ours: bool, now: datetime) -> Draft:
    """The draft as it is stored, its poll too."""
    draft = check_draft(draft, is_thread=is_thread, is_ours=is_ours)
    if draft.poll is None and draft.type != POLL_TYPE:
        return draft
    poll = None if draft.poll is None else check_poll(draft.poll, is_ours=is_ours, now=now)
    return replace(draft, poll=poll, type=type_with(draft.type, has_poll=poll is not None))


def _new_id(origin: Origin | None, now: datetime) -> int:
    """By the time of arrival; what is fetched afterwards, by the time when it was said."""
    return new_id(origin.published_at if origin is not None and origin.is_history else now)


def _post(
    site: Site,
    post_id: int,
    author: Actor,
    community: Community,
    draft: Draft,
    origin: Origin | None,
    now: datetime,
    *,
    parent: Post | None = None,
) -> Post:
    thread_id = post_id if parent is None else parent.thread_id
    return Post(
        id=post_id,
        uri=origin.uri if origin else site.post_uri(post_id),
        url=origin.url if origin else site.thread_url(thread_id, post_id),
        kind="thread" if parent is None else "reply",
        author_id=author.id,
        community_id=community.id,
        thread_id=thread_id,
        parent_id=None if parent is None else parent.id,
        path=[post_id] if parent is None else [*parent.path[:DEPTH], post_id],
        audience=AUDIENCE[community.readers],
        state="live",
        title=draft.title,
        source=draft.source,
        html=draft.html,
        content_note=draft.content_note,
        sensitive=draft.sensitive,
        language=draft.language,
        is_local=author.is_local,
        published_at=min(origin.published_at, now) if origin else now,
        edited_at=min(origin.edited_at, now) if origin and origin.edited_at else None,
        version=1,
        type=draft.type,
        parts=to_stored(draft.parts),
        about=draft.about,
    )


async def _keep(
    conn: Connection,
    author: Actor,
    post: Post,
    draft: Draft,
    event: Event,
    submission: str | None,
    now: datetime,
) -> Post:
    kept = await posts.insert(conn, post)
    if kept is None:
        return await _known(conn, author, post.uri)
    if draft.poll is not None:
        await polls.attach(conn, kept, draft.poll)
    if draft.files:
        owner = await person_behind(conn, author)
        await media.bind(conn, owner.id, draft.files, kept.id, author.id)
    if kept.kind == "reply":
        await posts.note_reply(conn, kept.thread_id, kept.published_at)
    if submission is not None:
        await posts.keep_submission(conn, author.id, submission, kept.id, now)
    await record_event(conn, event)
    return kept


async def _known(conn: Connection, author: Actor, uri: str) -> Post:
    """The post that has this URI already, if it is the same person's and was not taken back."""
    known = await threads.read_by_uri_unfiltered(conn, uri)
    if known is None or known.author_id != author.id:
        raise Conflict("uri_taken")
    if known.state == "erased":
        raise NotAllowed("erased")
    return known
