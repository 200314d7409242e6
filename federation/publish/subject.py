"""A post that may be told of, with everybody who has to do with it, and the ways it travels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from federation import quirks
from federation.proofs import sign_document
from federation.publish.press import Press
from federation.render import activities as render
from federation.render.document import Document, encode, to_bytes_around, with_context
from federation.render.posts import Written, context_uri
from storage.activities import Activity
from storage.actors import Actor
from storage.audience import Recipient
from storage.communities import Community
from storage.polls import Poll, read_poll_unfiltered
from storage.threads import Post


@dataclass(frozen=True, slots=True)
class Subject:
    """A post that may be told of."""

    post: Post
    author: Actor
    community: Community

    @property
    def is_public(self) -> bool:
        return self.post.audience == "public"


async def read_subject(
    press: Press, post_id: int, *, is_taken_back: bool = False
) -> Subject | None:
    """None for what does not travel: no community, or one whose posts stay here.

    What is taken back may have travelled before the community's posts stayed here.
    """
    post = await press.post(post_id)
    if post is None or post.community_id is None or post.audience not in {"public", "community"}:
        return None
    community = await press.community(post.community_id)
    author = await press.actor(post.author_id)
    if community is None or author is None:
        return None
    if community.travels == "nowhere" and not is_taken_back:
        return None
    return Subject(post, author, community)


async def recipients_of(press: Press, subject: Subject) -> list[Recipient]:
    """Who gets what is written in a community of this server."""
    recipients = await press.recipients(subject.community.id)
    if subject.is_public:
        return recipients
    return [taker for taker in recipients if quirks.keeps_closed(taker.software)]


def announce(
    press: Press, subject: Subject, kind: str, inner: bytes, recipients: list[Recipient]
) -> Activity:
    """The community's Announce of an activity, to those who take one (FEP-1b12).

    Kept even when nobody takes it now: it stands in the community's outbox.
    """
    kept = press.keep(
        subject.community.id,
        f"Announce {kind}",
        subject.post.id,
        lambda uri: to_bytes_around(_announce_in_context(press, subject, uri), inner),
    )
    press.send(kept, subject.post.id, quirks.with_wrapped(recipients))
    return kept


def _announce_in_context(press: Press, subject: Subject, uri: str) -> Document:
    """With the conversation, which what somebody elsewhere wrote does not name (FEP-7888)."""
    context = context_uri(press.site, subject.post.thread_id)
    return announce_of(press, subject, uri) | {"context": context}


def announce_of(press: Press, subject: Subject, uri: str) -> Document:
    return render.announce(uri, subject.community, press.now, is_public=subject.is_public)


async def keep_own(
    press: Press, subject: Subject, actor: Actor, kind: str, make: Callable[[str], Document]
) -> Activity:
    """An activity of somebody here about a post.

    A public one carries a proof (FEP-8b32), so that a server that gets it from another one, the
    community's for example, can believe it. One for members never does: whoever holds it could show
    to everybody who wrote it.
    """
    key = await press.proof_key(actor.id) if subject.is_public else None

    def body(uri: str) -> bytes:
        document = with_context(make(uri), is_proved=key is not None)
        return encode(document if key is None else sign_document(document, key, press.now))

    return press.keep(actor.id, kind, subject.post.id, body)


def send_home(press: Press, subject: Subject, activity: Activity) -> None:
    """To the inbox of a community of another server, and nowhere else."""
    community = subject.community
    press.send(activity, subject.post.id, [Recipient(community.inbox, community.host, None)])


async def written(press: Press, subject: Subject) -> Written:
    """The post of somebody here, with all that its document shows."""
    post, parent, parent_author = subject.post, None, None
    if post.parent_id is not None:
        parent = await press.post(post.parent_id)
    if parent is not None:
        parent_author = await press.actor(parent.author_id)
    return Written(
        post,
        subject.author,
        subject.community,
        None if parent is None else parent.uri,
        parent_author,
        await _poll(press, post),
    )


async def _poll(press: Press, post: Post) -> Poll | None:
    """Asked for questions only: a plain reply pays nothing for polls."""
    return await read_poll_unfiltered(press.conn, post.id) if post.type == "Question" else None
