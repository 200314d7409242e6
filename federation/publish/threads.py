"""Posts: started, answered, taken back.

In a community of this server, forums get the community's Announce of the author's activity;
microblogs get a boost of the bare thread, and from an author here the author's own activities,
because they obey nobody else. Into a community of another server a post goes to its inbox only:
that server announces it.
"""

from __future__ import annotations

import msgspec

from federation import quirks
from federation.publish.press import Press
from federation.publish.subject import (
    Subject,
    announce,
    announce_of,
    keep_own,
    read_subject,
    recipients_of,
    send_home,
    written,
)
from federation.render import activities as render
from federation.render import posts
from federation.render.document import Document, to_bytes
from forum.events import PostErased, PostRemoved, ReplyPosted, ThreadStarted
from storage import activities
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient, recipients_of_retraction


async def publish_post(press: Press, event: ThreadStarted | ReplyPosted) -> None:
    """A thread was started or answered. Nothing is sent of what is already taken back."""
    subject = await read_subject(press, event.post_id)
    if subject is None or subject.post.state != "live":
        return
    if not subject.community.is_local:
        if subject.author.is_local:
            send_home(press, subject, await _create(press, subject))
    elif subject.author.is_local:
        await _announce_own(press, subject)
    else:
        await _announce_foreign(press, subject, event.source_uri)


async def publish_erasure(press: Press, event: PostErased) -> None:
    """The author took the post back. A post that was never sent has nothing to take back."""
    subject = await read_subject(press, event.post_id)
    if subject is None or not await press.was_sent(event.post_id):
        return
    if subject.author.is_local:
        delete = await _delete(press, subject, subject.author)
        if subject.community.is_local:
            await _announce_deletion(press, subject, delete.body)
            await _retract_from_microblogs(press, subject, delete)
        else:
            send_home(press, subject, delete)
    elif subject.community.is_local:
        original = press.original(event.source_uri)
        if original is None:
            original = _foreign_delete(press, subject, event)
        await _announce_deletion(press, subject, original)
        await _retract_from_microblogs(press, subject, None)


async def publish_removal(press: Press, event: PostRemoved) -> None:
    """A moderator took the post down: told to forums as theirs, to microblogs as the author's."""
    subject = await read_subject(press, event.post_id)
    moderator = await press.actor(event.moderator_id)
    if subject is None or moderator is None or subject.post.state == "live":
        return
    if not await press.was_sent(event.post_id):
        return
    if not subject.community.is_local:
        # What its own server took down needs no word from here.
        if subject.author.is_local and event.source_uri is None:
            send_home(press, subject, await _delete(press, subject, subject.author))
        return
    original = press.original(event.source_uri)
    if original is None:
        actor = moderator if moderator.is_local else await press.actor(subject.community.id)
        removal = await _delete(
            press, subject, actor or moderator, reason=event.reason or "removed"
        )
        original = removal.body
    await _announce_deletion(press, subject, original)
    own = await _delete(press, subject, subject.author) if subject.author.is_local else None
    await _retract_from_microblogs(press, subject, own)


async def _announce_own(press: Press, subject: Subject) -> None:
    create = await _create(press, subject)
    recipients = await recipients_of(press, subject)
    announce(press, subject, "Create", create.body, recipients)
    if subject.post.kind == "thread":
        _boost(press, subject, recipients)
    elif subject.is_public:
        takers = quirks.with_bare(await press.recipients_in_thread(subject.post.thread_id))
        press.send(create, subject.post.id, takers)


async def _announce_foreign(press: Press, subject: Subject, source_uri: str | None) -> None:
    """Wrap the author's own bytes; where they are lost, name the activity or the post by its id."""
    recipients = await recipients_of(press, subject)
    inner = press.original(source_uri) or msgspec.json.encode(source_uri or subject.post.uri)
    announce(press, subject, "Create", inner, recipients)
    if subject.post.kind == "thread":
        _boost(press, subject, recipients)


def _boost(press: Press, subject: Subject, recipients: list[Recipient]) -> None:
    """The Announce of a bare thread. Replies are never boosted: they would flood home feeds."""
    takers = quirks.with_bare(recipients)
    if not takers or not subject.is_public:
        return
    boost = press.keep(
        subject.community.id,
        "Announce",
        subject.post.id,
        lambda uri: to_bytes(_boost_of(press, subject, uri)),
    )
    press.send(boost, subject.post.id, takers)


async def _announce_deletion(press: Press, subject: Subject, inner: bytes) -> None:
    recipients = await recipients_of_retraction(press.conn, subject.community.id)
    announce(press, subject, "Delete", inner, recipients)


async def _retract_from_microblogs(
    press: Press, subject: Subject, own_delete: Activity | None
) -> None:
    """The author's own Delete; over somebody else's post, only the boost can be taken back."""
    recipients = await recipients_of_retraction(press.conn, subject.community.id)
    takers = quirks.with_bare(recipients)
    if not subject.is_public or not takers:
        return
    if own_delete is not None:
        press.send(own_delete, subject.post.id, takers)
        return
    boost = await activities.find_of_post_unfiltered(press.conn, subject.post.id, "Announce")
    if boost is None:
        return
    undo = press.keep(
        subject.community.id,
        "Undo Announce",
        subject.post.id,
        lambda uri: to_bytes(render.undo(uri, _boost_of(press, subject, boost.uri))),
    )
    press.send(undo, subject.post.id, takers)


async def _create(press: Press, subject: Subject) -> Activity:
    post = posts.document_of(press.site, await written(press, subject))
    return await keep_own(
        press,
        subject,
        subject.author,
        "Create",
        lambda uri: render.create(uri, subject.community, post),
    )


async def _delete(press: Press, subject: Subject, actor: Actor, *, reason: str = "") -> Activity:
    return await keep_own(
        press,
        subject,
        actor,
        "Delete",
        lambda uri: render.delete(
            uri, actor, subject.community, subject.post, press.now, reason=reason
        ),
    )


def _foreign_delete(press: Press, subject: Subject, event: PostErased) -> bytes:
    """An author's Delete whose bytes were not kept, told again under its own id."""
    uri = event.source_uri or f"{subject.post.uri}#delete"
    return to_bytes(render.delete(uri, subject.author, subject.community, subject.post, press.now))


def _boost_of(press: Press, subject: Subject, uri: str) -> Document:
    return {**announce_of(press, subject, uri), "object": subject.post.uri}
