"""Posts, their replies and conversations, and stored activities, as other servers may see them."""

from __future__ import annotations

from federation import messages, quirks
from federation.door import Ask, Shown
from federation.render import collections as lists
from federation.render import posts
from federation.render.document import to_bytes
from forum.errors import NotFound
from storage import activities, actors, collections, communities, instances, post_copies, threads
from storage.actors import Actor
from storage.collections import Entry
from storage.polls import read_poll
from storage.threads import Post

PAGE = 50


async def show_post(ask: Ask) -> Shown:
    """A post written here; a Tombstone (410) for those who could read what was erased."""
    post = await threads.read_post(ask.conn, ask.viewer, ask.number())
    if post is None:
        return await _show_tombstone(ask)
    if post.is_local and post.audience == "direct":
        return await _show_message(ask, post)
    if not post.is_local or post.community_id is None:
        raise NotFound
    written, named = await _written(ask, post), not await _hides_named(ask)
    await post_copies.note(ask.conn, [post.id], ask.viewer.host)
    document = posts.document_of(ask.site, written, named=named)
    page_url = ask.site.thread_url(post.thread_id, post.id)
    return Shown(to_bytes(document), post.audience == "public", page_url)


async def _show_message(ask: Ask, post: Post) -> Shown:
    """A direct message, to the one who reads it there."""
    author = await actors.read_unfiltered(ask.conn, post.author_id)
    if author is None:
        raise NotFound
    await post_copies.note(ask.conn, [post.id], ask.viewer.host)
    document = await messages.document_of(ask.conn, ask.site, post, author)
    return Shown(to_bytes(document), False, ask.site.thread_url(post.thread_id, post.id))


async def show_replies(ask: Ask) -> Shown:
    """Direct replies, wherever they were written."""
    post = await threads.read_post(ask.conn, ask.viewer, ask.number())
    if post is None:
        raise NotFound
    uri = f"{ask.site.post_uri(post.id)}/replies"
    page_url = ask.site.thread_url(post.thread_id, post.id)
    after = ask.place("after")
    if after is None:
        document = lists.paged(uri, "after=0")
        return Shown(to_bytes(document), post.audience == "public", page_url)
    entries = await collections.list_replies(ask.conn, ask.viewer, post.id, after=after, limit=PAGE)
    return Shown(_page(uri, after, entries), post.audience == "public", page_url)


async def show_context(ask: Ask) -> Shown:
    """A whole conversation, oldest first; it belongs to the community (FEP-7888)."""
    thread_id = ask.number()
    found = await collections.read_conversation(ask.conn, ask.viewer, thread_id)
    if found is None:
        raise NotFound
    uri = posts.context_uri(ask.site, thread_id)
    page_url = ask.site.thread_url(thread_id)
    after = ask.place("after")
    if after is None:
        document = lists.paged(uri, "after=0", owner=found.community_uri)
        return Shown(to_bytes(document), found.is_public, page_url)
    entries = await collections.list_conversation(
        ask.conn, ask.viewer, thread_id, after=after, limit=PAGE
    )
    return Shown(_page(uri, after, entries), found.is_public, page_url)


async def show_activity(ask: Ask) -> Shown:
    """The bytes that were sent."""
    activity = await activities.read_activity(ask.conn, ask.viewer, ask.number())
    if activity is None:
        raise NotFound
    if activity.post_id is not None:
        await post_copies.note(ask.conn, [activity.post_id], ask.viewer.host)
    return Shown(activity.body, activity.is_public)


async def _show_tombstone(ask: Ask) -> Shown:
    erased = await collections.find_erased(ask.conn, ask.viewer, ask.number())
    if erased is None:
        raise NotFound
    tombstone = posts.tombstone(erased.uri, erased.type)
    return Shown(to_bytes(tombstone), erased.is_public, status=410)


async def _written(ask: Ask, post: Post) -> posts.Written:
    author = await actors.read_unfiltered(ask.conn, post.author_id)
    community = await communities.read_unfiltered(ask.conn, post.community_id or 0)
    if author is None or community is None:
        raise NotFound
    parent_uri, parent_author = await _parent(ask, post)
    poll = await read_poll(ask.conn, ask.viewer, post.id) if post.type == "Question" else None
    return posts.Written(post, author, community, parent_uri, parent_author, poll)


async def _parent(ask: Ask, post: Post) -> tuple[str | None, Actor | None]:
    """What was answered keeps its URI and its author in the answer, even if it is gone."""
    if post.parent_id is None:
        return None, None
    parent = await threads.read_unfiltered(ask.conn, post.parent_id)
    if parent is None:
        return None, None
    return parent.uri, await actors.read_unfiltered(ask.conn, parent.author_id)


async def _hides_named(ask: Ask) -> bool:
    software = None
    if ask.viewer.host:
        instance = await instances.read_instance(ask.conn, ask.viewer.host)
        software = None if instance is None else instance.software
    return quirks.hides_named_notes(software, ask.user_agent)


def _page(uri: str, after: int, entries: list[Entry]) -> bytes:
    following = {"after": entries[-1].id} if len(entries) == PAGE else {}
    items = lists.as_items([entry.uri for entry in entries])
    return lists.page(uri, {"after": after}, items, following)
