"""One post by itself, and what can be done about it: report, block, delete, moderate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from markupsafe import Markup
from starlette.responses import Response

from forum import access, aliases, erasing, moderation, mutes, support
from forum.errors import Invalid, NotFound
from storage.actors import Actor, read_person_by_id, read_unfiltered
from storage.aliases import is_name_of
from storage.audience import moderates
from storage.communities import CommunityView, read_view
from storage.db import Connection
from storage.labels import NO_BADGE, Badge, read_badge
from storage.reactions import count_bands, list_mine
from storage.threads import Post, PostView, read_moderated_post, read_post
from web import respond
from web.pages.blocks import read_until, spans_of
from web.pages.joining import own
from web.pages.threads import activity_address, address_in_thread, why_not_write
from web.thread_view import fragment
from web.visit import Visit

REPORTS_PER_HOUR = 20
SUPPORTS_PER_HOUR = 200


@dataclass(frozen=True, slots=True)
class Support:
    """`band` is the lower bound of how many support it; who does is shown to nobody."""

    band: int
    is_given: bool
    may_give: bool


@dataclass(frozen=True, slots=True)
class PostPage:
    post: Post
    html: Markup
    author: str
    away: str
    spans: list[tuple[str, str]]
    thread_path: str
    link: str
    is_own: bool
    is_alias: bool
    may_report: bool
    may_moderate: bool
    stop: moderation.Stop | None
    is_stopped: bool
    tomorrow: str
    support: Support


Act = Callable[[Visit, Connection, Post], Awaitable[None]]


async def show_post(visit: Visit, conn: Connection) -> Response:
    if visit.member is None and respond.wants_activity(visit.request):
        away = await activity_address(visit, conn, visit.number("id"))
        if away is not None:
            return away
    post = await _post(visit, conn)
    return await _page(visit, conn, post)


async def report(visit: Visit) -> Response:
    """Tell the moderators; nobody else learns of it."""
    return await _act(visit, _report, done="reported")


async def block(visit: Visit) -> Response:
    """Keep the person, or everybody of their server, away."""
    return await _act(visit, _block, done="blocked", onward="/settings/blocks")


async def mute(visit: Visit) -> Response:
    """See less of the person, or of their server."""
    return await _act(visit, _mute, done="muted", onward="/settings/blocks")


async def delete(visit: Visit) -> Response:
    """Take one's own post back; the receipt says who else was told."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        post = await _post(visit, conn)
    async with visit.services.database.write() as conn:
        author = await aliases.own_name(conn, await own(visit, conn), post.author_id)
        secret = await erasing.erase_with_receipt(conn, author, post, visit.now)
    onward = f"?thread={post.thread_id}" if post.kind == "reply" else ""
    return respond.redirect(visit, f"/receipts/{secret}{onward}", done="deleted")


async def remove(visit: Visit) -> Response:
    return await _act(visit, _remove, done="removed")


async def stop(visit: Visit) -> Response:
    return await _act(visit, _stop, done="stopped")


async def let(visit: Visit) -> Response:
    return await _act(visit, _let, done="let")


async def give_support(visit: Visit) -> Response:
    """Support a post, or take that back. Its author learns neither who nor exactly how many."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        post = await _post(visit, conn)
        path, anchor = await address_in_thread(visit, conn, post)
    await visit.count("support", most=SUPPORTS_PER_HOUR, per=timedelta(hours=1))
    is_taken = visit.form.is_ticked("take_back")
    change = support.take_back if is_taken else support.give
    async with visit.services.database.write() as conn:
        await change(conn, await own(visit, conn), post, now=visit.now)
    done = "unsupported" if is_taken else "supported"
    if visit.form.is_ticked("in_thread"):
        return respond.redirect(visit, path, done=done, anchor=anchor)
    return respond.redirect(visit, f"/p/{post.id}", done=done)


async def fragment_of(visit: Visit, conn: Connection, post: Post) -> Markup:
    """A post as it stands in its thread."""
    author = await read_unfiltered(conn, post.author_id)
    if author is None:
        raise NotFound
    badge = None
    if post.community_id is not None:
        badge = await read_badge(conn, visit.viewer, post.community_id, author.id)
    view = _as_view(post, author, badge or NO_BADGE)
    html = fragment(visit.web, visit.words, view, audience=post.audience)
    return Markup(html)  # noqa: S704 - escaped where it was made


async def _act(visit: Visit, act: Act, *, done: str, onward: str = "") -> Response:
    """Do one thing to the post of this path, in one transaction."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        post = await _post(visit, conn)
    with visit.form.checked():
        if act is _report:
            done = "reported_message" if post.audience == "direct" else done
            await visit.count("report", most=REPORTS_PER_HOUR, per=timedelta(hours=1))
        async with visit.services.database.write() as conn:
            await act(visit, conn, post)
        return respond.redirect(visit, onward or f"/p/{post.id}", done=done)
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, post)


async def _report(visit: Visit, conn: Connection, post: Post) -> None:
    reason = visit.form.text("reason", most=moderation.REASON_LENGTH)
    await moderation.report(conn, await own(visit, conn), post, reason, visit.now)


async def _block(visit: Visit, conn: Connection, post: Post) -> None:
    author, me = await _author(visit, conn, post), await own(visit, conn)
    until = read_until(visit)
    if visit.form.values.get("what") == "server":
        await mutes.block_server(conn, me, author.host, now=visit.now, until=until)
    else:
        await moderation.block_person(conn, me, author, visit.now, until)


async def _mute(visit: Visit, conn: Connection, post: Post) -> None:
    author, me = await _author(visit, conn, post), await own(visit, conn)
    until = read_until(visit)
    if visit.form.values.get("what") == "server":
        await mutes.mute_server(conn, me, author.host, now=visit.now, until=until)
    else:
        await mutes.mute_person(conn, me, author, now=visit.now, until=until)


async def _remove(visit: Visit, conn: Connection, post: Post) -> None:
    reason = visit.form.text("reason", most=moderation.REASON_LENGTH)
    await moderation.remove_post(conn, visit.require_member(), post, reason, visit.now)


async def _stop(visit: Visit, conn: Connection, post: Post) -> None:
    until = _read_day(visit.form.values.get("until", ""))
    reason = visit.form.text("reason", most=moderation.REASON_LENGTH)
    community, author = await _community(visit, conn, post), await _author(visit, conn, post)
    await moderation.stop_member(
        conn, visit.require_member(), community, author, until, reason, visit.now
    )


async def _let(visit: Visit, conn: Connection, post: Post) -> None:
    community, author = await _community(visit, conn, post), await _author(visit, conn, post)
    await moderation.let_member(conn, visit.require_member(), community, author, "", visit.now)


async def _post(visit: Visit, conn: Connection) -> Post:
    """The post of this path: one that the visitor may see, or moderates."""
    post_id = visit.number("id")
    post = await read_post(conn, visit.viewer, post_id)
    if post is None and visit.member is not None:
        post = await read_moderated_post(conn, visit.viewer, post_id)
    if post is None:
        raise NotFound
    return post


async def _author(visit: Visit, conn: Connection, post: Post) -> Actor:
    author = await read_person_by_id(conn, visit.viewer, post.author_id)
    if author is None:
        raise NotFound
    return author


async def _community(visit: Visit, conn: Connection, post: Post) -> CommunityView:
    found = None
    if post.community_id is not None:
        found = await read_view(conn, visit.viewer, post.community_id)
    if found is None:
        raise NotFound
    return found


def _read_day(value: str) -> datetime:
    """The end of a day that was picked. Raises Invalid."""
    try:
        return datetime.combine(date.fromisoformat(value), time(23, 59), UTC)
    except ValueError as error:
        raise Invalid("bad_date", field="until") from error


async def _page(visit: Visit, conn: Connection, post: Post) -> Response:
    author = await read_unfiltered(conn, post.author_id)
    is_moderated = post.community_id is not None and await moderates(
        conn, visit.viewer, post.community_id
    )
    community = stop = None
    if post.community_id is not None:
        community = await read_view(conn, visit.viewer, post.community_id)
    if is_moderated and community is not None and author is not None:
        stop = await moderation.read_stop(conn, community, author)
    path, anchor = await address_in_thread(visit, conn, post)
    is_own = await is_name_of(conn, visit.viewer, post.author_id)
    view = PostPage(
        post=post,
        html=await fragment_of(visit, conn, post),
        author="" if author is None else author.display_name or author.name,
        away="" if author is None or author.is_local else author.host,
        spans=spans_of(visit),
        thread_path=f"{path}#{anchor}",
        link=f"{visit.site.origin}/p/{post.id}",
        is_own=is_own,
        is_alias=author is not None and aliases.is_alias_name(author.name),
        may_report=access.may_report(community),
        may_moderate=is_moderated,
        stop=stop,
        is_stopped=stop is not None and (stop.until or visit.now) > visit.now,
        support=await _support(visit, conn, post, community),
        tomorrow=(visit.now + timedelta(days=1)).date().isoformat(),
    )
    status = 422 if visit.form.errors else 200
    is_private = post.audience != "public"
    return await respond.page(visit, conn, "post.html", view, status=status, is_private=is_private)


async def _support(
    visit: Visit, conn: Connection, post: Post, community: CommunityView | None
) -> Support:
    bands = await count_bands(conn, visit.viewer, post.id)
    given = visit.member is not None and any(
        one.kind == "like" for one in await list_mine(conn, visit.viewer, post.id)
    )
    may_give = bool(bands) and why_not_write(visit, community) == ""
    return Support(band=bands.get("like", 0), is_given=given, may_give=may_give)


def _as_view(post: Post, author: Actor, badge: Badge) -> PostView:
    return PostView(
        id=post.id, uri=post.uri, url=post.url, kind=post.kind, author_id=post.author_id,
        community_id=post.community_id, thread_id=post.thread_id, parent_id=post.parent_id,
        path=post.path, title=post.title, html=post.html, content_note=post.content_note,
        sensitive=post.sensitive, language=post.language, is_local=post.is_local,
        published_at=post.published_at, edited_at=post.edited_at, version=post.version,
        author_name=author.name, author_host=author.host, author_is_local=author.is_local,
        author_display=author.display_name, author_url=author.url, about=post.about,
        label=badge.label, professional_until=badge.professional_until,
        is_alias=aliases.is_alias_name(author.name), parts=post.parts,
    )  # fmt: skip
