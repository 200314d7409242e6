"""Changing what one has written: the words, the content note, the files. Not who may read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from forum import aliases, text
from forum.editing import edit_post
from forum.errors import NotAllowed, NotFound
from forum.text import Draft
from forum.text.fragments import Fragment, find_fragments, mark_of
from storage.aliases import is_name_of
from storage.communities import CommunityView, read_view
from storage.db import Connection
from storage.threads import Post, read_post
from web import respond
from web.pages import carrying
from web.pages.joining import own
from web.pages.threads import address_in_thread, writing_of
from web.pages.writing import (
    check_fragments,
    descriptions_in,
    languages_for,
    require_standing,
    require_told,
)
from web.reach_box import ReachBox
from web.visit import Visit

CHANGES_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class ChangeView:
    post: Post
    reach: ReachBox
    languages: tuple[tuple[str, str], ...]
    files: tuple[carrying.Carried, ...]
    fragments: list[Fragment]
    fragments_mark: str


async def show_change(visit: Visit, conn: Connection) -> Response:
    """The form with what the post says now."""
    post, community = await _own_post(visit, conn)
    visit.form.values.update(
        title=post.title,
        source=post.source,
        content_note=post.content_note,
        language=post.language,
    )
    carrying.put_back(visit.form, visit.site, post)
    return await _page(visit, conn, post, community)


async def change(visit: Visit) -> Response:
    """Let the post say what the form says. What it said before is kept in its history."""
    visit.require_member()
    async with visit.services.database.read() as conn:
        post, community = await _own_post(visit, conn)
    with visit.form.checked():
        chosen = await carrying.take_in(visit)
        draft = await _draft(visit, post, has_files=bool(chosen))
        async with visit.services.database.write() as conn:
            await require_told(visit, conn, community)
            author = await aliases.own_name(conn, await own(visit, conn), post.author_id)
            draft = await carrying.change(visit, conn, draft, chosen, post)
            await edit_post(conn, author, post, draft, now=visit.now)
        async with visit.services.database.read() as conn:
            path, anchor = await address_in_thread(visit, conn, post)
        return respond.redirect(visit, path, done="saved", anchor=anchor)
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, post, community)


async def _own_post(visit: Visit, conn: Connection) -> tuple[Post, CommunityView]:
    """The post of this path, if the visitor wrote it, under whatever name. Raises NotFound."""
    post = await read_post(conn, visit.viewer, visit.number("id"))
    if post is None or post.community_id is None or post.kind == "boost":
        raise NotFound
    visit.require_member()
    if not await is_name_of(conn, visit.viewer, post.author_id):
        raise NotAllowed("not_yours_to_change")
    community = await read_view(conn, visit.viewer, post.community_id)
    return post, require_standing(visit, community)


async def _draft(visit: Visit, post: Post, *, has_files: bool) -> Draft:
    form = visit.form
    title = form.line("title", most=text.TITLE_LIMIT, least=1) if post.kind == "thread" else ""
    source = form.text("source", most=text.TEXT_LIMIT, least=0 if has_files else 1)
    note = form.line("content_note", most=text.NOTE_LIMIT)
    form.stop_if_wrong()
    check_fragments(visit, title, source, note, *descriptions_in(visit))
    form.stop_if_wrong()
    await visit.count("change", most=CHANGES_PER_HOUR, per=timedelta(hours=1))
    return await text.compose(
        visit.services.renderer,
        title=title,
        source=source,
        content_note=note,
        language=form.values.get("language", ""),
    )


async def _page(visit: Visit, conn: Connection, post: Post, community: CommunityView) -> Response:
    writing = await writing_of(visit, conn, community)
    if writing.reach is None:
        raise NotAllowed("federation_withdrawn")
    files = await carrying.carried_by(visit, conn, post)
    said = [visit.form.values.get(name, "") for name in ("title", "source", "content_note")]
    said += descriptions_in(visit)
    fragments = find_fragments(*said) if "check" in visit.form.errors else []
    view = ChangeView(
        post=post,
        reach=writing.reach,
        languages=languages_for(visit, visit.form.values.get("language", post.language)),
        files=files,
        fragments=fragments,
        fragments_mark=mark_of(fragments),
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, "post_change.html", view, status=status, is_private=True)
