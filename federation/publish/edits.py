"""Posts that have changed: edited by their author, or polls with new numbers.

An Update takes the ways of the Create that came before it. One of an author elsewhere is passed on
to forums as it came; microblogs believe the author's own server, which tells them itself.
"""

from __future__ import annotations

import msgspec

from federation import quirks
from federation.publish.press import Press
from federation.publish.subject import (
    Subject,
    announce,
    keep_own,
    read_subject,
    recipients_of,
    send_home,
    written,
)
from federation.render import activities as render
from federation.render import posts
from forum.events import PollTallied, PostEdited
from storage.activities import Activity
from storage.audience import Recipient


async def publish_edit(press: Press, event: PostEdited) -> None:
    """The author changed a post."""
    subject = await _subject(press, event.post_id)
    if subject is None:
        return
    if subject.author.is_local:
        await _tell(press, subject)
    elif subject.community.is_local and event.source_uri is not None:
        inner = press.original(event.source_uri) or msgspec.json.encode(event.source_uri)
        announce(press, subject, "Update", inner, await recipients_of(press, subject))


async def publish_tally(press: Press, event: PollTallied) -> None:
    """The numbers of a poll of somebody here have changed (FEP-9967)."""
    subject = await _subject(press, event.post_id)
    if subject is not None and subject.author.is_local:
        await _tell(press, subject)


async def _subject(press: Press, post_id: int) -> Subject | None:
    """None for what is gone, and for what was never sent: if it is still to be, it goes changed."""
    subject = await read_subject(press, post_id)
    if subject is None or subject.post.state != "live" or not await press.was_sent(post_id):
        return None
    return subject


async def _tell(press: Press, subject: Subject) -> None:
    update = await _update(press, subject)
    if not subject.community.is_local:
        send_home(press, subject, update)
        return
    recipients = await recipients_of(press, subject)
    announce(press, subject, "Update", update.body, recipients)
    if subject.is_public:
        await _tell_microblogs(
            press, subject, update, await _microblogs(press, subject, recipients)
        )


async def _tell_microblogs(
    press: Press, subject: Subject, update: Activity, takers: list[Recipient]
) -> None:
    """The author's own Update, as each of them can show it: snac hides a thread with its name."""
    if subject.post.kind == "reply":
        press.send(update, subject.post.id, takers)
        return
    nameless = [one for one in takers if quirks.hides_named_notes(one.software)]
    press.send(update, subject.post.id, [one for one in takers if one not in nameless])
    if nameless:
        press.send(await _update(press, subject, named=False), subject.post.id, nameless)


async def _microblogs(
    press: Press, subject: Subject, recipients: list[Recipient]
) -> list[Recipient]:
    """A thread was boosted to all of them, a reply was sent to those who take part."""
    if subject.post.kind == "thread":
        return quirks.with_bare(recipients)
    return quirks.with_bare(await press.recipients_in_thread(subject.post.thread_id))


async def _update(press: Press, subject: Subject, *, named: bool = True) -> Activity:
    post = posts.document_of(press.site, await written(press, subject), named=named)
    return await keep_own(
        press,
        subject,
        subject.author,
        "Update",
        lambda uri: render.update(uri, subject.community, post, press.now),
    )
