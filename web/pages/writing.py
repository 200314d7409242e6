"""Starting a thread and answering a post."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from markupsafe import Markup
from starlette.responses import Response

from forum import aliases, consents, text, threads
from forum.errors import NotAllowed, NotFound
from forum.keypairs import new_keypair
from forum.reach import require_shown
from forum.text import Draft
from forum.text.fragments import Fragment, find_fragments, mark_of
from storage.communities import CommunityView, read_view
from storage.db import Connection
from storage.threads import Post, read_post
from web import respond
from web.i18n import LOCALES
from web.pages import carrying
from web.pages.asides import Asides, agree, asides_of, read_about
from web.pages.communities import find_community
from web.pages.front import address_of
from web.pages.joining import own
from web.pages.posts import fragment_of
from web.pages.threads import address_in_thread, why_not_write, writing_of
from web.paging import read_id
from web.reach_box import ReachBox
from web.visit import Visit

POSTS_PER_HOUR = 40
LONGEST_KEY = 64
LANGUAGES = (*LOCALES.items(), ("fr", "Français"), ("es", "Español"), ("it", "Italiano"),
             ("nl", "Nederlands"), ("pl", "Polski"), ("pt", "Português"), ("sv", "Svenska"),
             ("tr", "Türkçe"), ("uk", "Українська"), ("ar", "العربية"), ("he", "עברית"),
             ("", ""))  # fmt: skip


@dataclass(frozen=True, slots=True)
class WriteView:
    community: CommunityView
    address: str
    reach: ReachBox
    submission: str
    languages: tuple[tuple[str, str], ...]
    language: str
    parent: Post | None
    parent_html: Markup
    asides: Asides
    fragments: list[Fragment]
    fragments_mark: str
    files: tuple[carrying.Carried, ...]


async def show_new_thread(visit: Visit, conn: Connection) -> Response:
    community = await _writable(visit, conn)
    return await _page(visit, conn, community, None)


async def start_thread(visit: Visit) -> Response:
    """Publish a thread. The same form sent twice makes one."""
    visit.require_member()
    services = visit.services
    async with services.database.read() as conn:
        community = await _writable(visit, conn)
    with visit.form.checked():
        chosen = await carrying.take_in(visit)
        draft = await _draft(visit, community, is_thread=True, has_files=bool(chosen))
        fresh = await _fresh(visit)
        async with services.database.write() as conn:
            await agree(visit, conn, community)
            await require_told(visit, conn, community)
            author, key = await own(visit, conn), _submission(visit)
            draft = await carrying.carry(visit, conn, draft, chosen, key)
            if fresh is not None:
                post = await aliases.start_unnamed_thread(
                    conn, fresh, author, community, draft, now=visit.now, submission=key
                )
            else:
                post = await threads.start_thread(
                    conn, services.site, author, community, draft, now=visit.now, submission=key
                )
        return respond.redirect(visit, f"/t/{post.id}", done="posted")
    async with services.database.read() as conn:
        return await _page(visit, conn, community, None)


async def show_reply(visit: Visit, conn: Connection) -> Response:
    parent = await _parent(visit, conn, visit.query("to"))
    return await _page(visit, conn, await _writable_around(visit, conn, parent), parent)


async def reply(visit: Visit) -> Response:
    """Publish a reply. The same form sent twice makes one."""
    visit.require_member()
    services = visit.services
    async with services.database.read() as conn:
        parent = await _parent(visit, conn, visit.form.values.get("to", ""))
        community = await _writable_around(visit, conn, parent)
    with visit.form.checked():
        chosen = await carrying.take_in(visit)
        draft = await _draft(visit, community, is_thread=False, has_files=bool(chosen))
        fresh = await _fresh(visit)
        async with services.database.write() as conn:
            await agree(visit, conn, community)
            await require_told(visit, conn, community)
            author, key = await own(visit, conn), _submission(visit)
            draft = await carrying.carry(visit, conn, draft, chosen, key)
            if fresh is not None:
                post = await aliases.reply_unnamed(
                    conn, fresh, author, parent, draft, now=visit.now, submission=key
                )
            else:
                post = await threads.reply(
                    conn, services.site, author, parent, draft, now=visit.now, submission=key
                )
        async with services.database.read() as conn:
            path, anchor = await address_in_thread(visit, conn, post)
        return respond.redirect(visit, path, done="replied", anchor=anchor)
    async with services.database.read() as conn:
        return await _page(visit, conn, community, parent)


async def require_told(visit: Visit, conn: Connection, community: CommunityView) -> None:
    """The person was shown everybody who will read it, and agrees that it travels."""
    await require_shown(conn, community, visit.form.values.get("shown", ""))
    await consents.require_or_give(
        conn, visit.require_member().actor_id, community,
        agreed=visit.form.is_ticked("federation"), locale=visit.words.locale, now=visit.now,
    )  # fmt: skip


async def _fresh(visit: Visit) -> aliases.Fresh | None:
    """What a name for one thread needs, if the person wants one."""
    if not visit.form.is_ticked("unnamed"):
        return None
    return aliases.Fresh(visit.services.site, await new_keypair())


def check_fragments(visit: Visit, *texts: str) -> None:
    """Ask once before something goes out that may tell who somebody is."""
    mark = mark_of(find_fragments(*texts))
    if mark and visit.form.values.get("as_it_is") != mark:
        visit.form.fail("check", "tells_much")


def descriptions_in(visit: Visit) -> list[str]:
    return [one.alt for one in carrying.chosen_in(visit.form)]


async def _draft(
    visit: Visit, community: CommunityView, *, is_thread: bool, has_files: bool
) -> Draft:
    """The checked and rendered text of the form; counted, so that nobody floods a community."""
    form = visit.form
    title = form.line("title", most=text.TITLE_LIMIT, least=1) if is_thread else ""
    source = form.text("source", most=text.TEXT_LIMIT, least=0 if has_files else 1)
    note = form.line("content_note", most=text.NOTE_LIMIT)
    language = form.values.get("language", "")
    async with visit.services.database.read() as conn:
        about = read_about(visit, await asides_of(visit, conn, community, is_thread=is_thread))
    form.stop_if_wrong()
    check_fragments(visit, title, source, note, *descriptions_in(visit))
    form.stop_if_wrong()
    await visit.count("post", most=POSTS_PER_HOUR, per=timedelta(hours=1))
    draft = await text.compose(
        visit.services.renderer, title=title, source=source, content_note=note, language=language
    )
    return replace(draft, about=about)


async def _writable(visit: Visit, conn: Connection) -> CommunityView:
    """The community of this path with the visitor's standing in it."""
    found = await find_community(visit, conn)
    visit.require_member()
    community = require_standing(visit, await read_view(conn, visit.viewer, found.id))
    await _require_not_moved(visit, conn)
    return community


async def _writable_around(visit: Visit, conn: Connection, parent: Post) -> CommunityView:
    visit.require_member()
    if parent.community_id is None:
        raise NotAllowed("other_community")
    view = await read_view(conn, visit.viewer, parent.community_id)
    community = require_standing(visit, view)
    await _require_not_moved(visit, conn)
    return community


async def _require_not_moved(visit: Visit, conn: Connection) -> None:
    """As `require_standing`: say it before somebody has written a long text."""
    if (await own(visit, conn)).moved_to is not None:
        raise NotAllowed("moved")


def require_standing(visit: Visit, community: CommunityView | None) -> CommunityView:
    """Say early what forum would say after somebody has written a long text."""
    if community is None:
        raise NotFound
    instead = why_not_write(visit, community)
    if instead:
        raise NotAllowed("stopped" if instead == "stopped" else "not_a_member")
    return community


async def _parent(visit: Visit, conn: Connection, value: str) -> Post:
    """The post to answer, in the thread of this path."""
    thread_id = visit.number("id")
    post = await read_post(conn, visit.viewer, read_id(value) or thread_id)
    if post is None or post.thread_id != thread_id:
        raise NotFound
    return post


def _submission(visit: Visit) -> str | None:
    key = visit.form.values.get("submission", "")
    return key if key and key.isascii() and len(key) <= LONGEST_KEY else None


async def _page(
    visit: Visit, conn: Connection, community: CommunityView, parent: Post | None
) -> Response:
    writing = await writing_of(visit, conn, community, _submission(visit) or "")
    if writing.reach is None:
        withdrawn = writing.instead == "withdrawn"
        raise NotAllowed("federation_withdrawn" if withdrawn else "not_a_member")
    language = (parent.language if parent else "") or visit.words.locale
    files = await carrying.carried_by(visit, conn)
    said = [visit.form.values.get(name, "") for name in ("title", "source", "content_note")]
    said += descriptions_in(visit)
    fragments = find_fragments(*said) if "check" in visit.form.errors else []
    view = WriteView(
        community=community,
        address=address_of(community),
        reach=writing.reach,
        submission=writing.submission,
        languages=languages_for(visit, language),
        language=language,
        parent=parent,
        parent_html=Markup() if parent is None else await fragment_of(visit, conn, parent),
        asides=await asides_of(
            visit,
            conn,
            community,
            is_thread=parent is None,
            thread_id=None if parent is None else parent.thread_id,
        ),
        fragments=fragments,
        fragments_mark=mark_of(fragments),
        files=files,
    )
    template = "thread_new.html" if parent is None else "reply.html"
    status = 422 if visit.form.errors else 200
    return await respond.page(visit, conn, template, view, status=status, is_private=True)


def languages_for(visit: Visit, chosen: str) -> tuple[tuple[str, str], ...]:
    """What can be chosen; the language of the post that is answered, whatever it is, among it."""
    if chosen in dict(LANGUAGES):
        return LANGUAGES
    return ((chosen, visit.words.language_name(chosen)), *LANGUAGES)
