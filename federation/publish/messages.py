"""Direct messages: the author's own Create and Delete, to the inboxes of those who are named.

Never through a community, never to a shared list, and with no proof: what was said in confidence is
no evidence in other hands.
"""

from __future__ import annotations

from federation import messages, quirks
from federation.publish.press import Press
from federation.render import messages as render
from federation.render.document import to_bytes
from forum.events import MessageSent
from storage import conversations, erasures, post_copies
from storage.audience import Recipient
from storage.threads import Post


async def publish_message(press: Press, event: MessageSent) -> None:
    """Nothing is sent of what is already taken back."""
    post = await press.post(event.post_id)
    if post is None or post.state != "live" or post.audience != "direct":
        return
    author = await press.actor(post.author_id)
    takers = await conversations.recipients_of_message(press.conn, post.thread_id, post.author_id)
    if author is None or not author.is_local or not takers:
        return
    document = await messages.document_of(press.conn, press.site, post, author)
    if all(quirks.wants_chats(taker.software) for taker in takers):
        document["type"] = "ChatMessage"
    kept = press.keep(
        author.id, "Create", post.id, lambda uri: to_bytes(render.create(uri, document))
    )
    press.send(kept, post.id, takers)


async def publish_message_erasure(press: Press, post: Post) -> None:
    """The author's Delete, to everybody who was sent it. What others wrote, they delete."""
    author = await press.actor(post.author_id)
    copies = await post_copies.recipients_of_post(press.conn, post.id)
    if author is None or not author.is_local:
        return
    if not copies and not await press.was_sent(post.id):
        return
    named = await conversations.recipients_of_message(press.conn, post.thread_id, author.id)
    others = await messages.others_in(press.conn, post)
    delete = press.keep(
        author.id,
        "Delete",
        post.id,
        lambda uri: to_bytes(render.delete(uri, author, others, post, press.now)),
    )
    press.send(delete, post.id, _once_each(named, copies))
    await press.flush()
    await erasures.note_blocked(press.conn, post.id, delete.id)


def _once_each(named: list[Recipient], copies: list[Recipient]) -> list[Recipient]:
    known = {recipient.host for recipient in named}
    return [*named, *(copy for copy in copies if copy.host not in known)]
