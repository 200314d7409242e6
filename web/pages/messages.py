"""Direct messages: the list, a conversation, and the three ways to delete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response

from forum import consents, messages, text
from forum.errors import NotAllowed, NotFound
from storage import addresses, conversations
from storage import messages as stored
from storage.actors import Actor, read_person_by_id
from storage.audience import Viewer
from storage.conversations import Conversation, Other
from storage.db import Connection
from storage.ids import MAX_ID
from storage.messages import Line
from storage.threads import Post
from web import respond
from web.attached import Attached, attached_to
from web.consent_words import text_of
from web.csrf import new_key
from web.pages.joining import own
from web.pages.writing import LANGUAGES, LONGEST_KEY
from web.paging import read_id
from web.visit import Visit

LINES = 50
MESSAGES = 50
MESSAGES_PER_HOUR = 60
STRANGERS_PER_DAY = 20
ASKS_PER_HOUR = 30


@dataclass(frozen=True, slots=True)
class ListPage:
    lines: list[Line]
    requests: list[Line]
    older: str
    may_have_mail: bool
    wants_mail: bool


@dataclass(frozen=True, slots=True)
class Said:
    id: int
    author_id: int
    name: str
    is_own: bool
    html: Markup
    content_note: str
    language: str
    published_at: object
    attached: tuple[Attached, ...]


@dataclass(frozen=True, slots=True)
class TalkPage:
    """A conversation; `talk` is None before the first message."""

    talk: Conversation | None
    path: str
    names: list[str]
    hosts: list[str]
    consent: str
    is_withdrawn: bool
    has_local: bool
    said: list[Said]
    older: str
    to: int | None
    submission: str
    language: str
    languages: tuple[tuple[str, str], ...]


async def show_messages(visit: Visit, conn: Connection) -> Response:
    """One's own conversations, and what strangers ask."""
    member = visit.require_member()
    before = read_id(visit.query("before")) or MAX_ID
    found = await stored.list_conversations(conn, visit.viewer, before=before, limit=LINES + 1)
    older = ""
    if len(found) > LINES:
        older = "/messages?" + urlencode({"before": found[LINES - 1].last_id})
    shown = found[:LINES]
    view = ListPage(
        lines=[line for line in shown if line.state == "open"],
        requests=[line for line in shown if line.state == "asked"],
        older=older,
        may_have_mail=await addresses.read_of_account(conn, member.actor_id) is not None,
        wants_mail=await stored.wants_mail(conn, member.actor_id),
    )
    return await respond.page(visit, conn, "messages.html", view, here="messages", is_private=True)


async def choose_mail(visit: Visit) -> Response:
    """Whether a mail tells that there is a message."""
    member = visit.require_member()
    async with visit.services.database.write() as conn:
        wants = visit.form.is_ticked("mail")
        await messages.choose_mail(conn, member, visit.now, wants=wants)
    return respond.redirect(visit, "/messages", done="saved")


async def show_new(visit: Visit, conn: Connection) -> Response:
    """The form for a first message; a conversation that there is already is shown instead."""
    visit.require_member()
    person = await _person(visit, conn, visit.query("to"))
    known = await conversations.find_between(conn, [visit.viewer.actor_id or 0, person.id])
    if known is not None and await conversations.read_conversation(conn, visit.viewer, known):
        return respond.redirect(visit, f"/messages/{known}")
    return await _page(visit, conn, None, [_as_other(person)], to=person.id)


async def send_first(visit: Visit) -> Response:
    visit.require_member()
    async with visit.services.database.read() as conn:
        person = await _person(visit, conn, visit.form.values.get("to", ""))
    with visit.form.checked():
        await visit.count("stranger", most=STRANGERS_PER_DAY, per=timedelta(days=1))
        return await _send(visit, [person.id])
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, None, [_as_other(person)], to=person.id)


async def show_talk(visit: Visit, conn: Connection) -> Response:
    talk = await _talk(visit, conn)
    others = await conversations.list_others(conn, visit.viewer, talk.thread_id)
    return await _page(visit, conn, talk, others)


async def answer(visit: Visit) -> Response:
    async with visit.services.database.read() as conn:
        talk = await _talk(visit, conn)
        others = await conversations.list_others(conn, visit.viewer, talk.thread_id)
    with visit.form.checked():
        return await _send(visit, [other.actor_id for other in others])
    async with visit.services.database.read() as conn:
        return await _page(visit, conn, talk, others)


async def act(visit: Visit) -> Response:
    """What can be done with a conversation as a whole."""
    async with visit.services.database.read() as conn:
        talk = await _talk(visit, conn)
    form, here = visit.form, f"/messages/{talk.thread_id}"
    with form.checked():
        chosen = form.choice("act", ACTS)
        form.stop_if_wrong()
        if chosen == "ask":
            await visit.count("ask_to_delete", most=ASKS_PER_HOUR, per=timedelta(hours=1))
        async with visit.services.database.write() as conn:
            secret = await _act(visit, conn, chosen, talk)
        if secret:
            return respond.redirect(visit, f"/receipts/{secret}", done="deleted")
        path = "/messages" if chosen in ("refuse", "hide") else here
        return respond.redirect(visit, path, done=ACTS[chosen])
    async with visit.services.database.read() as conn:
        others = await conversations.list_others(conn, visit.viewer, talk.thread_id)
        return await _page(visit, conn, talk, others)


# What is asked for, and what is said when it is done.
ACTS = {
    "accept": "message_accepted",
    "refuse": "message_refused",
    "hide": "message_hidden",
    "delete": "deleted",
    "ask": "message_asked",
    "decline": "message_declined",
    "keep": "saved",
}


async def _act(visit: Visit, conn: Connection, chosen: str, talk: Conversation) -> str:
    """Do it; the secret of the receipt, if there is one."""
    person = await own(visit, conn)
    if chosen == "accept":
        await messages.accept(conn, person, talk)
    elif chosen == "refuse":
        await messages.refuse(conn, person, talk)
    elif chosen == "hide":
        await messages.hide(conn, person, talk)
    elif chosen == "delete":
        return await messages.delete_mine(conn, person, talk, visit.now)
    elif chosen == "ask":
        await messages.ask_to_delete(conn, person, talk, visit.now)
    elif chosen == "decline":
        await messages.decline_to_delete(conn, person, talk)
    else:
        await messages.keep_for(conn, person, talk, read_id(visit.form.values.get("days", "")))
    return ""


async def _send(visit: Visit, person_ids: list[int]) -> Response:
    form, services = visit.form, visit.services
    source = form.text("source", most=text.TEXT_LIMIT, least=1)
    form.stop_if_wrong()
    await visit.count("message", most=MESSAGES_PER_HOUR, per=timedelta(hours=1))
    draft = await text.compose(
        services.renderer, title="", source=source, language=form.values.get("language", "")
    )
    try:
        post = await _store(visit, person_ids, draft)
    except NotAllowed as refusal:
        form.fail("source", refusal.code)  # so that what was typed is not lost
        form.stop_if_wrong()
        raise
    return respond.redirect(
        visit, f"/messages/{post.thread_id}", done="message_sent", anchor=f"m{post.id}"
    )


async def _store(visit: Visit, person_ids: list[int], draft: text.Draft) -> Post:
    async with visit.services.database.write() as conn:
        people = []
        for person_id in person_ids:
            person = await read_person_by_id(conn, Viewer(visit.viewer.actor_id), person_id)
            if person is not None:
                people.append(person)
        if len(people) < len(person_ids):
            raise NotAllowed("not_reachable")
        if messages.goes_away(people):
            await consents.require_or_give_away(
                conn, visit.require_member().actor_id, agreed=visit.form.is_ticked("federation"),
                locale=visit.words.locale, now=visit.now,
            )  # fmt: skip
        return await messages.send(
            conn, visit.site, await own(visit, conn), people, draft,
            now=visit.now, submission=_submission(visit) or None,
        )  # fmt: skip


async def _person(visit: Visit, conn: Connection, value: str) -> Actor:
    person = await messages.find_addressee(conn, visit.viewer, read_id(value) or 0)
    if person is None:
        raise NotFound
    return person


async def _talk(visit: Visit, conn: Connection) -> Conversation:
    if visit.member is None:
        raise NotFound  # as of what is closed: not even that there is something to sign in for
    talk = await conversations.read_conversation(conn, visit.viewer, visit.number("id"))
    if talk is None:
        raise NotFound
    return talk


def _submission(visit: Visit) -> str:
    key = visit.form.values.get("submission", "")
    return key if key.isascii() and len(key) <= LONGEST_KEY else ""


async def _page(
    visit: Visit,
    conn: Connection,
    talk: Conversation | None,
    others: list[Other],
    *,
    to: int | None = None,
) -> Response:
    said: list[Said] = []
    older = ""
    if talk is not None:
        said, older = await _said(visit, conn, talk)
    hosts = sorted({other.host for other in others if not other.is_local})
    needed = ""
    if hosts:
        needed = await consents.why_not_send_away(conn, visit.require_member().actor_id)
    view = TalkPage(
        talk=talk,
        path="/messages/new" if talk is None else f"/messages/{talk.thread_id}",
        names=[_name(other) for other in others],
        hosts=hosts,
        consent=text_of(visit.words, "federation") if needed == "ask" else "",
        is_withdrawn=needed == "withdrawn",
        has_local=any(other.is_local for other in others),
        said=said,
        older=older,
        to=to,
        submission=_submission(visit) or new_key(),
        language=visit.words.locale,
        languages=LANGUAGES,
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "conversation.html", view, here="messages", status=status, is_private=True
    )


async def _said(visit: Visit, conn: Connection, talk: Conversation) -> tuple[list[Said], str]:
    """What was said, the oldest on top, and where earlier messages are."""
    before = read_id(visit.query("before")) or MAX_ID
    found = await stored.list_messages(
        conn, visit.viewer, talk.thread_id, before=before, limit=MESSAGES + 1
    )
    older = ""
    if len(found) > MESSAGES:
        older = f"/messages/{talk.thread_id}?" + urlencode({"before": found[MESSAGES - 1].id})
    said = [
        Said(
            id=one.id,
            author_id=one.author_id,
            name=one.author_name,
            is_own=one.author_id == visit.viewer.actor_id,
            html=Markup(one.html),  # noqa: S704 - cleaned when it was stored
            content_note=one.content_note,
            language=one.language,
            published_at=one.published_at,
            attached=attached_to(visit.words, one, is_direct=True),
        )
        for one in reversed(found[:MESSAGES])
    ]
    if said and visit.viewer.actor_id is not None:
        await messages.mark_read(conn, visit.viewer.actor_id, talk, said[-1].id)
    return said, older


def _name(other: Other) -> str:
    name = other.display_name or other.name
    return name if other.is_local else f"{name} ({other.name}@{other.host})"


def _as_other(person: Actor) -> Other:
    return Other(person.id, person.name, person.host, person.is_local, person.display_name, "open")
