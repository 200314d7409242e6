"""Who else is told that something was taken back, and what is said between two Dazzles about it."""

from __future__ import annotations

from federation import messages, quirks
from federation.publish.press import Press
from federation.publish.subject import Subject, announce_of
from federation.render import activities as render
from federation.render import messages as render_message
from federation.render.document import to_bytes, to_bytes_around
from forum.events import AccountClosed, CopiesRecalled, DeletionDone
from forum.outbox import record_event
from storage import activities, actors, closings, erasures, instances, moves, post_copies
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient, recipients_of_retraction
from storage.communities import Community
from storage.threads import Post

RECALLED_AT_ONCE = 100


async def everybody_with_a_copy(press: Press, subject: Subject) -> list[Recipient]:
    """The servers of members, of those who left, and all others that were ever given the post."""
    recipients = []
    if subject.community.is_local:
        recipients = await recipients_of_retraction(press.conn, subject.community.id)
    known = {recipient.host for recipient in recipients}
    copies = await post_copies.recipients_of_post(press.conn, subject.post.id)
    return [*recipients, *(copy for copy in copies if copy.host not in known)]


async def publish_deletion_done(press: Press, event: DeletionDone) -> None:
    """Acknowledge, by this server's own actor, to who passed the deletion on; only to a Dazzle."""
    asker = await press.actor(event.actor_id)
    server = await actors.read_by_uri_unfiltered(press.conn, press.site.instance_uri)
    instance = None if asker is None else await instances.read_instance(press.conn, asker.host)
    if asker is None or server is None or instance is None:
        return
    if not quirks.takes_acknowledgements(instance.software):
        return
    done = press.keep(
        server.id,
        "Acknowledge",
        None,
        lambda uri: to_bytes(render.acknowledge(uri, server, asker, event.source_uri)),
    )
    press.send(done, asker.id, [Recipient(asker.inbox, asker.host, instance.software)])


async def publish_closing(press: Press, event: AccountClosed) -> None:
    """Delete of somebody by themselves, to every server that knew them."""
    actor = await press.actor(event.actor_id)
    if actor is None:
        return
    hosts = await closings.list_hosts_unfiltered(press.conn, event.erasure_id, actor.id)
    recipients = await closings.recipients_on(press.conn, hosts)
    delete = press.keep(
        actor.id,
        "Delete",
        None,
        lambda uri: to_bytes(render.account_deletion(uri, actor, press.now)),
    )
    press.send(delete, actor.id, recipients)
    await press.flush()
    await erasures.note_hosts(press.conn, event.erasure_id, delete.id, hosts)
    await moves.forget(press.conn, actor.id)
    await erasures.finish(press.conn, event.erasure_id, press.now)


async def publish_recall(press: Press, event: CopiesRecalled) -> None:
    """A Delete of each post that one server was given, for that server alone.

    It bears no proof, and nobody can read it at its address: the post stands everywhere else.
    """
    post_ids = await post_copies.list_of_host_unfiltered(
        press.conn, event.host, after=event.after, limit=RECALLED_AT_ONCE
    )
    for post_id in post_ids:
        await _recall_post(press, event, post_id)
    if len(post_ids) == RECALLED_AT_ONCE:
        await record_event(press.conn, CopiesRecalled(event.erasure_id, event.host, post_ids[-1]))
    else:
        await erasures.finish(press.conn, event.erasure_id, press.now)


async def _recall_post(press: Press, event: CopiesRecalled, post_id: int) -> None:
    post = await press.post(post_id)
    author = None if post is None else await press.actor(post.author_id)
    copies = await post_copies.recipients_of_post(press.conn, post_id)
    takers = [copy for copy in copies if copy.host == event.host]
    if post is None or author is None or not takers:
        return
    recall: Activity | None
    if post.audience == "direct" and author.is_local:
        others = await messages.others_in(press.conn, post)
        recall = press.keep(
            author.id,
            "Recall",
            post.id,
            lambda uri: to_bytes(render_message.delete(uri, author, others, post, press.now)),
        )
    else:
        recall = await _recall_of_community(press, post, author, takers[0])
    if recall is not None:
        press.send(recall, post.id, takers)
        await press.flush()
        await erasures.note_hosts(press.conn, event.erasure_id, recall.id, [event.host])


async def _recall_of_community(
    press: Press, post: Post, author: Actor, taker: Recipient
) -> Activity | None:
    """In the form in which that server learns of deletions; None where it has to learn nothing."""
    community = await press.community(post.community_id or 0)
    if community is None:
        return None
    subject = Subject(post, author, community)
    if community.is_local and quirks.takes_wrapped(taker.software):
        return press.keep(
            community.id, "Recall", post.id, lambda uri: _wrapped(press, subject, uri)
        )
    if author.is_local:
        return press.keep(author.id, "Recall", post.id, lambda uri: _bare(press, subject, uri))
    boost = await activities.find_of_post_unfiltered(press.conn, post.id, "Announce")
    if boost is None:
        return None
    return press.keep(
        community.id, "Recall", post.id, lambda uri: _undone(press, subject, boost, uri)
    )


def _wrapped(press: Press, subject: Subject, uri: str) -> bytes:
    """As the community passes a deletion on. The Delete in it stands nowhere else."""
    inner = render.delete(f"{uri}#delete", *_parts(subject), press.now)
    return to_bytes_around(announce_of(press, subject, uri), to_bytes(inner))


def _bare(press: Press, subject: Subject, uri: str) -> bytes:
    return to_bytes(render.delete(uri, *_parts(subject), press.now))


def _undone(press: Press, subject: Subject, boost: Activity, uri: str) -> bytes:
    told = {**announce_of(press, subject, boost.uri), "object": subject.post.uri}
    return to_bytes(render.undo(uri, told))


def _parts(subject: Subject) -> tuple[Actor, Community, Post]:
    return subject.author, subject.community, subject.post
