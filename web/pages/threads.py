"""The page of a thread: read more often than all other pages together.

Nobody in particular gets a page from the cache, checked by one query; a member's page is one read
of the thread, joined from cached fragments.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from forum.consents import why_not_send
from forum.errors import NotFound
from forum.reach import read_reach
from storage.aliases import NameOffer, read_offer
from storage.audience import UNKNOWN_SERVER
from storage.communities import CommunityView, read_view
from storage.conversations import read_conversation
from storage.db import Connection
from storage.threads import (
    Post,
    PostMark,
    count_up_to,
    list_marks,
    list_paths_before,
    read_page_version,
    read_post,
    read_thread,
)
from web import respond
from web.answers import Fact, strip_of
from web.csrf import new_key
from web.pages.front import address_of, hosts_of
from web.paging import read_path
from web.reach_box import ReachBox, box_of
from web.thread_view import Content, content_of, key_of
from web.visit import CachedPage, Visit

POSTS = 200  # on one page
SHOWN_BEFORE = 10  # posts before the one that a link leads to, in a thread of several pages


@dataclass(frozen=True, slots=True)
class ThreadPage:
    id: int
    title: str
    community: CommunityView | None
    address: str
    facts: list[Fact]
    opening: Markup
    replies: Markup
    count: int
    language: str
    is_first: bool
    after: str
    writing: Writing
    name: NameOffer | None


@dataclass(frozen=True, slots=True)
class Writing:
    """The form below a thread, or what has to come before it.

    `instead` is sign_in, join, asked, stopped, withdrawn, or elsewhere.
    """

    instead: str
    stopped_until: str
    reach: ReachBox | None
    submission: str


async def show_thread(visit: Visit, conn: Connection) -> Response:
    thread_id = visit.number("id")
    if visit.member is not None:
        return await _build(visit, conn, thread_id)
    version = await read_page_version(conn, thread_id)
    if version is None:
        raise NotFound
    if respond.wants_activity(visit.request):
        away = await activity_address(visit, conn, thread_id)
        if away is not None:
            return away
    query = visit.request.scope["query_string"]
    key = (thread_id, version.version, version.epoch, visit.words.locale, query)
    is_kept = not query or query.startswith(b"after=")
    cached = visit.web.pages.get(key) if is_kept else None
    if cached is not None:
        return respond.Kept(cached)
    visit.web.facts.expect(version.epoch)
    response = await _build(visit, conn, thread_id)
    if is_kept:
        visit.web.pages.put(key, CachedPage(bytes(response.body), response.raw_headers))
    return response


async def activity_address(visit: Visit, conn: Connection, post_id: int) -> Response | None:
    """Where programs find a post of this server, if anyone may see it there."""
    post = await read_post(conn, UNKNOWN_SERVER, post_id)
    if post is None or not post.is_local:
        return None
    return respond.see_other(visit.site, post.uri)


async def address_in_thread(visit: Visit, conn: Connection, post: Post) -> tuple[str, str]:
    """The page of the thread or conversation on which a post stands, and its anchor there."""
    if post.audience == "direct":
        return f"/messages/{post.thread_id}", f"m{post.id}"
    path = f"/t/{post.thread_id}"
    place = await count_up_to(conn, visit.viewer, post.thread_id, post.path)
    if place > POSTS:
        before = await list_paths_before(
            conn, visit.viewer, post.thread_id, post.path, limit=SHOWN_BEFORE + 1
        )
        path += "?after=" + ".".join(map(str, before[-1]))
    return path, f"p{post.id}"


def audience_of(community: CommunityView | None) -> str:
    """The word beside each post follows from its community."""
    return "public" if community is None or community.readers == "anyone" else "community"


def why_not_write(visit: Visit, community: CommunityView | None) -> str:
    """What has to come before writing here, or what keeps this visitor from it; '' for nothing."""
    if visit.member is None:
        return "sign_in"
    if community is None:
        return "elsewhere"
    if community.my_state != "accepted":
        return "asked" if community.my_state == "asked" else "join"
    until = community.my_stopped_until
    return "stopped" if until is not None and until > visit.now else ""


async def writing_of(
    visit: Visit, conn: Connection, community: CommunityView | None, submission: str = ""
) -> Writing:
    """The form for this visitor, or why there is none."""
    instead = why_not_write(visit, community)
    if community is None:
        return Writing(instead, "", None, "")
    if instead:
        until = community.my_stopped_until if instead == "stopped" else None
        return Writing(instead, visit.words.date(until) if until else "", None, "")
    needed = await why_not_send(conn, visit.require_member().actor_id, community)
    if needed == "withdrawn":
        return Writing("withdrawn", "", None, "")
    reach = await read_reach(conn, community)
    box = box_of(visit.words, community, reach, needs_consent=bool(needed))
    return Writing("", "", box, submission or new_key())


async def read_name_offer(
    visit: Visit, conn: Connection, community: CommunityView, thread_id: int | None
) -> NameOffer | None:
    """Names for one thread are had in communities of this server only."""
    if not community.is_local:
        return None
    return await read_offer(conn, visit.viewer, community.id, thread_id)


async def _build(visit: Visit, conn: Connection, thread_id: int) -> Response:
    after = read_path(visit.query("after")) or []
    after = after if after[:1] == [thread_id] else []
    marks = await list_marks(conn, visit.viewer, thread_id, after=after, limit=POSTS + 1)
    if not marks:
        raise NotFound
    community = None
    if marks[0].community_id is not None:
        community = await read_view(conn, visit.viewer, marks[0].community_id)
    elif await read_conversation(conn, visit.viewer, thread_id) is not None:
        return respond.redirect(visit, f"/messages/{thread_id}")
    content = await _content(visit, conn, thread_id, after, audience_of(community), marks)
    hosts = [] if community is None else await hosts_of(conn, community)
    title = content.title
    if after:
        root = await read_post(conn, visit.viewer, thread_id)
        title = root.title if root is not None else ""
    writing = await writing_of(visit, conn, community)
    name = None
    if writing.reach is not None and community is not None:
        name = await read_name_offer(visit, conn, community, thread_id)
    view = ThreadPage(
        id=thread_id,
        title=title,
        community=community,
        address="" if community is None else address_of(community),
        facts=[] if community is None else strip_of(visit.words, community, hosts),
        opening=Markup(content.opening),  # noqa: S704 - fragments are escaped where they are made
        replies=Markup(content.replies),  # noqa: S704
        count=content.count,
        language=content.language or visit.words.locale,
        is_first=not after,
        after=content.next,
        writing=writing,
        name=name,
    )
    is_indexed = community is not None and community.indexed and community.readers == "anyone"
    return await respond.page(
        visit, conn, "thread.html", view,
        is_private=audience_of(community) != "public", is_indexed=is_indexed,
    )  # fmt: skip


async def _content(
    visit: Visit,
    conn: Connection,
    thread_id: int,
    after: list[int],
    audience: str,
    marks: list[PostMark],
) -> Content:
    """The posts of this page, kept under what this viewer sees. Raises NotFound."""
    web, words = visit.web, visit.words
    kept: Content | None = web.threads.get(key_of(words, audience, thread_id, after, marks))
    if kept is not None:
        return kept
    rows = await read_thread(conn, visit.viewer, thread_id, after=after, limit=POSTS + 1)
    if not rows:
        raise NotFound
    made = content_of(web, words, audience, after, rows, POSTS)
    # Under the posts that were read, not those that were marked: one may have come between, and
    # another viewer, from whom it is hidden, must not find it.
    web.threads.put(key_of(words, audience, thread_id, after, rows), made)
    return made
