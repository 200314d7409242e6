"""Direct messages: between those who are named, and nobody else.

A stranger may ask; somebody of a common community is none, and what they write is no request.
Whoever was not answered yet gets a few messages and no more, stranger or not: else it could be
tried out who is in a community. What a person does not want is not told to whoever wants to write:
that somebody does not answer, was asked already, or blocks, comes out as the same few answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from forum import consents, mail
from forum.drafts import check_draft
from forum.errors import Conflict, Invalid, NotAllowed, NotFound, TooMany
from forum.events import MessageSent
from forum.outbox import record_event
from forum.site import Site
from forum.standing import require_active
from forum.text import Draft
from forum.threads import Origin, erase_post
from storage import actors, aliases, conversations, erasures, messages, posts, threads, tombstones
from storage.actors import Actor
from storage.audience import Viewer
from storage.conversations import Conversation, Person
from storage.db import Connection
from storage.ids import first_id, new_id
from storage.parts import to_stored
from storage.sessions import Member
from storage.threads import Post

KEEP_DAYS = (7, 30, 365)
MOST_UNANSWERED = 3  # messages to somebody who has not answered
MOST_BEGUN = 10  # people who have not answered, that one person begins to write to in a day
MOST_PEOPLE = 10
BEGUN_WINDOW = timedelta(days=1)
MAIL_EVERY = timedelta(days=1)
RECEIPT_KEPT = timedelta(days=90)


async def send(
    conn: Connection,
    site: Site,
    author: Actor,
    to: list[Actor],
    draft: Draft,
    *,
    now: datetime,
    origin: Origin | None = None,
    answers: str | None = None,
    submission: str | None = None,
) -> Post:
    """Write to these people, in the one conversation that exactly they and the author have.

    The same form or the same URI a second time returns the first message. `answers` is the URI
    of what it answers; it counts only in that same conversation.
    """
    if submission is not None:
        made = await posts.claim_submission(conn, author.id, submission)
        if made is not None:
            return made
    await _require_author(conn, author, origin)
    people = {one.id: one for one in to if one.id != author.id}
    if not people or len(people) > MOST_PEOPLE:
        raise Invalid("too_many_people", field="to")
    draft = check_draft(replace(draft, poll=None), is_thread=False, is_ours=origin is None)
    thread_id = await conversations.hold_between(conn, [author.id, *people])
    for person in people.values():
        await _require_reachable(conn, author, person)
    if goes_away(people.values()):
        await consents.require_away_not_withdrawn(conn, author)
    if origin is not None:
        known = await threads.read_by_uri_unfiltered(conn, origin.uri)
        if known is not None:
            return _known(author, known)
    if thread_id is None:
        post = await _begin(conn, site, author, list(people.values()), draft, origin, now)
    else:
        await _require_answered(conn, thread_id, author)
        post = await _add(conn, site, author, thread_id, draft, origin, now, answers)
    if submission is not None:
        await posts.keep_submission(conn, author.id, submission, post.id, now)
    if author.is_local:
        await record_event(conn, MessageSent(post.id))
    await _tell_by_mail(conn, site, post.thread_id, author, now)
    return post


def goes_away(people: Iterable[Actor]) -> bool:
    """Whether a message to them leaves this server."""
    return any(not one.is_local for one in people)


async def find_addressee(conn: Connection, viewer: Viewer, actor_id: int) -> Actor | None:
    """Somebody whom the viewer can begin to write to; None also for who is hidden from them.

    Of other servers only those whom the viewer meets here: no number shows whom else we know.
    """
    if actor_id == viewer.actor_id or not await messages.is_known_to(conn, viewer, actor_id):
        return None
    return await actors.read_person_by_id(conn, viewer, actor_id)


async def accept(conn: Connection, person: Actor, talk: Conversation) -> None:
    """The stranger may write from now on."""
    _require_own(talk)
    await conversations.answer(conn, talk.thread_id, person.id)


async def refuse(conn: Connection, person: Actor, talk: Conversation) -> None:
    """The request goes away, and whoever sent it is not told."""
    if talk.state != "asked":
        raise NotFound
    await conversations.set_state(conn, talk.thread_id, person.id, "refused")


async def hide(conn: Connection, person: Actor, talk: Conversation) -> None:
    """What stands there until now is no longer shown to this person; nobody else loses it."""
    last = await conversations.last_of_unfiltered(conn, talk.thread_id)
    await conversations.hide(conn, talk.thread_id, person.id, last)


async def delete_mine(conn: Connection, person: Actor, talk: Conversation, now: datetime) -> str:
    """Erase all that this person said there, for everybody; the secret of the receipt."""
    post_ids = await conversations.list_by_unfiltered(conn, talk.thread_id, person.id)
    erasure_id, secret = await erasures.begin(conn, "post", person.id, now, RECEIPT_KEPT)
    await erasures.add_posts(conn, erasure_id, post_ids)
    for post in await threads.list_unfiltered(conn, post_ids):
        await erase_post(conn, person, post, now=now)
    if not post_ids:
        await erasures.finish(conn, erasure_id, now)
    await conversations.clear_asked(conn, talk.thread_id, person.id)
    return secret


async def ask_to_delete(conn: Connection, person: Actor, talk: Conversation, now: datetime) -> None:
    """Ask the others to delete theirs; each of them is free to."""
    _require_open(talk)
    others = await conversations.list_others(conn, Viewer(person.id), talk.thread_id)
    if not any(one.is_local for one in others):
        raise NotAllowed("ask_in_words")
    await conversations.ask_to_delete(conn, talk.thread_id, person.id, now)


async def decline_to_delete(conn: Connection, person: Actor, talk: Conversation) -> None:
    """The question goes away, without a word to who asked."""
    await conversations.clear_asked(conn, talk.thread_id, person.id)


async def keep_for(conn: Connection, person: Actor, talk: Conversation, days: int | None) -> None:
    """How long the person's own messages stand here. What others said is theirs to keep."""
    _require_open(talk)
    if days is not None and days not in KEEP_DAYS:
        raise Invalid("choose", field="days")
    await conversations.keep_for(conn, talk.thread_id, person.id, days)


async def mark_read(conn: Connection, person_id: int, talk: Conversation, last_id: int) -> None:
    """This person has seen it; nobody else learns when."""
    if last_id > talk.read_before:
        await conversations.mark_read(conn, talk.thread_id, person_id, last_id)


async def choose_mail(conn: Connection, member: Member, now: datetime, *, wants: bool) -> None:
    """Whether a mail tells that there is a message."""
    await messages.choose_mail(conn, member.actor_id, now, wants=wants)


async def erase_due(conn: Connection, *, now: datetime, limit: int) -> int:
    """Erase messages whose time is over; how many there were."""
    post_ids = await conversations.list_due_unfiltered(conn, now, limit)
    for post in await threads.list_unfiltered(conn, post_ids):
        author = await actors.read_unfiltered(conn, post.author_id)
        if author is not None:
            await erase_post(conn, author, post, now=now)
    return len(post_ids)


async def _require_author(conn: Connection, author: Actor, origin: Origin | None) -> None:
    await require_active(conn, author)
    if author.is_local == (origin is not None):
        raise Invalid("bad_origin")
    if origin is not None and not await tombstones.may_come(conn, origin.uri, (author.host,)):
        raise NotAllowed("erased")


async def _require_reachable(conn: Connection, author: Actor, person: Actor) -> None:
    """One answer for everything that keeps somebody from being written to."""
    try:
        await require_active(conn, person)
    except NotAllowed as refusal:
        raise NotAllowed("not_reachable") from refusal
    is_met = await conversations.meets(conn, author.id, person.id)
    is_somebody = person.kind == "person" and not await aliases.is_alias(conn, person.id)
    if not is_somebody or not is_met:
        raise NotAllowed("not_reachable")


async def _require_answered(conn: Connection, thread_id: int, author: Actor) -> None:
    """To whom has not answered, or does not want to, go a few messages and no more."""
    people = await conversations.list_people_unfiltered(conn, thread_id)
    others = [one for one in people if one.actor_id != author.id]
    # To answer is to accept, also for somebody who had refused.
    await conversations.answer(conn, thread_id, author.id)
    if all(one.state == "left" for one in others):
        raise NotAllowed("not_yet_answered")
    for one in others:
        if not one.has_answered and one.state != "left" and await _is_counted(conn, author, one):
            await _require_few_said(conn, author.id, one.actor_id)


async def _is_counted(conn: Connection, author: Actor, person: Person) -> bool:
    """People here count for everybody here: else the fourth message tells who is in a community.

    Another server is told nothing of what becomes of a message, so what it sends to somebody of
    the same community comes in.
    """
    is_told = author.is_local
    return is_told or not await conversations.share_a_community(conn, author.id, person.actor_id)


async def _require_few_said(conn: Connection, author_id: int, person_id: int) -> None:
    """In all conversations together, so that a third person opens no second way."""
    said = await conversations.count_unanswered(conn, author_id, person_id)
    if said >= MOST_UNANSWERED:
        raise NotAllowed("not_yet_answered")


async def _begin(
    conn: Connection,
    site: Site,
    author: Actor,
    people: list[Actor],
    draft: Draft,
    origin: Origin | None,
    now: datetime,
) -> Post:
    if await conversations.is_professional(conn, author.id):
        raise NotAllowed("professional_first")
    # Whether somebody elsewhere wants to read it is decided there.
    standing = [(one.id, "open", True) for one in people if not one.is_local]
    for person in people:
        if person.is_local:
            await _require_few_said(conn, author.id, person.id)
            is_known = await conversations.share_a_community(conn, author.id, person.id)
            standing.append((person.id, "open" if is_known else "asked", False))
    if any(person.is_local for person in people):
        await _require_few_begun(conn, author, now)
    post_id = new_id(now)
    post = await _insert(conn, _post(site, post_id, author, draft, origin, now, parent=None))
    await conversations.begin(conn, post.id, [(author.id, "open", True), *standing])
    return post


async def _require_few_begun(conn: Connection, author: Actor, now: datetime) -> None:
    since = first_id(now - BEGUN_WINDOW)
    if await conversations.count_asked_by(conn, author.id, since) < MOST_BEGUN:
        return
    if author.is_local:
        raise TooMany("too_many", retry_after=3600)
    raise NotAllowed("too_many")


async def _add(
    conn: Connection,
    site: Site,
    author: Actor,
    thread_id: int,
    draft: Draft,
    origin: Origin | None,
    now: datetime,
    answers: str | None,
) -> Post:
    above = None
    if answers is not None:
        above = await threads.read_by_uri_unfiltered(conn, answers)
    if above is None or above.thread_id != thread_id:
        last = await conversations.last_live_unfiltered(conn, thread_id)
        above = await threads.read_unfiltered(conn, last)
    if above is None:
        raise NotFound
    post = await _insert(conn, _post(site, new_id(now), author, draft, origin, now, parent=above))
    await posts.note_reply(conn, thread_id, post.published_at)
    return post


async def _insert(conn: Connection, post: Post) -> Post:
    kept = await posts.insert(conn, post)
    if kept is None:
        raise Conflict("uri_taken")
    return kept


def _post(
    site: Site,
    post_id: int,
    author: Actor,
    draft: Draft,
    origin: Origin | None,
    now: datetime,
    *,
    parent: Post | None,
) -> Post:
    thread_id = post_id if parent is None else parent.thread_id
    return Post(
        id=post_id,
        uri=origin.uri if origin else site.post_uri(post_id),
        url=origin.url if origin else None,
        kind="thread" if parent is None else "reply",
        author_id=author.id,
        community_id=None,
        thread_id=thread_id,
        parent_id=None if parent is None else parent.id,
        path=[post_id] if parent is None else [thread_id, post_id],
        audience="direct",
        state="live",
        title="",
        source=draft.source,
        html=draft.html,
        content_note=draft.content_note,
        sensitive=draft.sensitive,
        language=draft.language,
        is_local=author.is_local,
        published_at=min(origin.published_at, now) if origin else now,
        edited_at=None,
        version=1,
        type="Note",
        parts=to_stored(draft.parts),
    )


def _known(author: Actor, post: Post) -> Post:
    if post.author_id != author.id or post.audience != "direct":
        raise Conflict("uri_taken")
    if post.state == "erased":
        raise NotAllowed("erased")
    return post


async def _tell_by_mail(
    conn: Connection, site: Site, thread_id: int, author: Actor, now: datetime
) -> None:
    """A mail without a word of it, at most one a day, to those who chose that."""
    for person in await conversations.list_people_unfiltered(conn, thread_id):
        if person.actor_id == author.id or person.state not in ("asked", "open"):
            continue
        if await messages.take_mail(conn, person.actor_id, now, now + MAIL_EVERY):
            link = f"{site.origin}/messages"
            await mail.tell(conn, person.actor_id, "new_message", link=link, now=now)


def _require_own(talk: Conversation) -> None:
    if talk.state not in ("asked", "open"):
        raise NotFound


def _require_open(talk: Conversation) -> None:
    if talk.state != "open":
        raise NotAllowed("not_yet_answered")
