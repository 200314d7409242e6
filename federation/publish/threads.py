"""Posts: started, answered, taken back.

In a community of this server, forums get the community's Announce of the author's activity;
microblogs get a boost of the bare thread, and from an author here the author's own activities,
because they obey nobody else. Into a community of another server a post goes to its inbox only:
that server announces it.
"""

from __future__ import annotations

import msgspec

from federation import quirks
from federation.publish.erasing import everybody_with_a_copy
from federation.publish.messages import publish_message_erasure
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
from storage import activities, erasures, post_copies
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient


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
    subject = await read_subject(press, event.post_id, is_taken_back=True)
    if subject is not None and await _has_left(press, event.post_id):
        await _publish_erasure(press, subject, event)
    post = await press.post(event.post_id)
    if post is not None and post.audience == "direct":
        await publish_message_erasure(press, post)
    await press.flush()
    await erasures.finish_of_post(press.conn, event.post_id, press.now)


async def _has_left(press: Press, post_id: int) -> bool:
    """Whether anybody elsewhere was sent the post, or came for it."""
    return await press.was_sent(post_id) or bool(
        await post_copies.list_hosts_unfiltered(press.conn, post_id)
    )


async def _publish_erasure(press: Press, subject: Subject, event: PostErased) -> None:
    takers = await everybody_with_a_copy(press, subject)
    delete = None
    if subject.author.is_local:
        delete = await _delete(press, subject, subject.author)
        if not subject.community.is_local:
            send_home(press, subject, delete)
            home = subject.community.host
            press.send(delete, subject.post.id, [one for one in takers if one.host != home])
    if subject.community.is_local:
        original = delete.body if delete else press.original(event.source_uri)
        if original is None:
            original = _foreign_delete(press, subject, event)
        wrapped = _announce_deletion(press, subject, original, takers)
        await _retract_from_microblogs(press, subject, delete, takers)
        delete = wrapped
    if delete is not None:
        await press.flush()
        await erasures.note_blocked(press.conn, subject.post.id, delete.id)


async def publish_removal(press: Press, event: PostRemoved) -> None:
    """A moderator took the post down: told to forums as theirs, to microblogs as the author's."""
    subject = await read_subject(press, event.post_id, is_taken_back=True)
    moderator = await press.actor(event.moderator_id)
    if subject is None or moderator is None or subject.post.state == "live":
        return
    if not await _has_left(press, event.post_id):
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
    takers = await everybody_with_a_copy(press, subject)
    _announce_deletion(press, subject, original, takers)
    own = await _delete(press, subject, subject.author) if subject.author.is_local else None
    await _retract_from_microblogs(press, subject, own, takers)


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


def _announce_deletion(
    press: Press, subject: Subject, inner: bytes, recipients: list[Recipient]
) -> Activity:
    return announce(press, subject, "Delete", inner, recipients)


async def _retract_from_microblogs(
    press: Press, subject: Subject, own_delete: Activity | None, recipients: list[Recipient]
) -> None:
    """The author's own Delete; over somebody else's post, only the boost can be taken back."""
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
