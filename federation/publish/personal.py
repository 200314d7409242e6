"""What somebody here thinks of a post elsewhere: votes and likes.

It goes to one server only, where the post is at home, addressed to nobody else, and stands in no
list. It never travels through the group: that would tell every server who thinks what.
"""

from __future__ import annotations

from federation import quirks
from federation.publish.press import Press
from federation.publish.subject import Subject, read_subject
from federation.render import activities as render
from federation.render import polls as render_polls
from federation.render.document import Document, to_bytes
from forum.events import PollVoted, Reacted, ReactionTakenBack
from storage import reactions
from storage.actors import Actor
from storage.audience import Recipient, recipients_of_author
from storage.polls import read_choices_unfiltered, read_poll_unfiltered


async def publish_vote(press: Press, event: PollVoted) -> None:
    """A Create of a Note for each choice, to the poll's author."""
    subject = await _live_subject(press, event.post_id)
    voter = await press.actor(event.actor_id)
    poll = await read_poll_unfiltered(press.conn, event.post_id)
    if subject is None or voter is None or poll is None:
        return
    # Where the author asks something else by now, the vote is gone and its numbers mean others.
    chosen = await read_choices_unfiltered(press.conn, event.post_id, event.actor_id)
    takers = await _author_of(press, subject) if chosen else []
    for option in poll.options:
        if takers and option.position in set(event.choices) & set(chosen):
            _send_vote(press, subject, voter, option.name, takers)


async def publish_reaction(press: Press, event: Reacted) -> None:
    """A like of somebody here that they want told. What came from elsewhere goes nowhere."""
    subject = await _live_subject(press, event.post_id)
    actor = await press.actor(event.actor_id)
    if subject is None or actor is None or not actor.is_local:
        return
    takers = await _home(press, subject)
    activity_id = press.new_id()
    uri = press.site.activity_uri(activity_id)
    # The row is gone where it was taken back meanwhile: then nothing is said at all.
    if not takers or not await reactions.set_uri(
        press.conn, event.post_id, event.actor_id, event.kind, event.content, uri
    ):
        return
    reaction = _reaction(subject, actor, event, uri)
    kept = press.keep(
        actor.id,
        reaction["type"],
        event.post_id,
        lambda _: to_bytes(reaction),
        activity_id=activity_id,
    )
    press.send(kept, event.post_id, takers)


async def publish_taking_back(press: Press, event: ReactionTakenBack) -> None:
    """Undo, with the like in it. One that was never told has nothing to undo."""
    subject = await _live_subject(press, event.post_id)
    actor = await press.actor(event.actor_id)
    if subject is None or actor is None or not actor.is_local or event.uri is None:
        return
    undone = _reaction(subject, actor, event, event.uri)
    undo = press.keep(
        actor.id,
        f"Undo {undone['type']}",
        event.post_id,
        lambda uri: to_bytes(render.undo(uri, undone)),
    )
    press.send(undo, event.post_id, await _home(press, subject))


async def _live_subject(press: Press, post_id: int) -> Subject | None:
    subject = await read_subject(press, post_id)
    return subject if subject is not None and subject.post.state == "live" else None


async def _home(press: Press, subject: Subject) -> list[Recipient]:
    """Who hears of a reaction: the community that keeps the post, or else its author."""
    community = subject.community
    if community.is_local:
        return await _author_of(press, subject)
    return [Recipient(community.inbox, community.host, None)]


async def _author_of(press: Press, subject: Subject) -> list[Recipient]:
    takers = await recipients_of_author(press.conn, subject.community.id, subject.author.id)
    if subject.is_public:
        return takers
    return [taker for taker in takers if quirks.keeps_closed(taker.software)]


def _reaction(
    subject: Subject, actor: Actor, event: Reacted | ReactionTakenBack, uri: str
) -> Document:
    community = None if subject.community.is_local else subject.community
    return render.reaction(
        uri, actor, subject.post.uri, community or subject.author, event.kind, event.content
    )


def _send_vote(
    press: Press, subject: Subject, voter: Actor, choice: str, takers: list[Recipient]
) -> None:
    kept = press.keep(
        voter.id,
        "Vote",
        subject.post.id,
        lambda uri: to_bytes(
            render_polls.vote(uri, voter, subject.author, subject.post.uri, choice)
        ),
    )
    press.send(kept, subject.post.id, takers)
