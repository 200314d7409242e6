"""Polls: made and changed with their post, voted in by members, counted where their author lives.

A vote is final: it cannot be taken back, and nobody but its voter sees it. What is told to others
are the numbers, at most once a minute, and once more when the poll ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from forum import access
from forum.drafts import check_poll
from forum.errors import Invalid, NotAllowed, NotFound
from forum.events import PollTallied, PollVoted
from forum.outbox import record_event
from forum.standing import is_by, require_participant
from forum.text import PollDraft
from storage import polls, posts
from storage.actors import Actor
from storage.db import Connection
from storage.polls import Option, Poll
from storage.threads import Post

TELL_EVERY = timedelta(seconds=60)


async def vote(
    conn: Connection, voter: Actor, post: Post, choices: Sequence[int], *, now: datetime
) -> Poll:
    """A member here chooses, once. In a poll elsewhere its author's server does the counting.

    `post` was read as the voter sees it; `choices` are positions. Returns the poll as it is now.
    """
    if not voter.is_local:
        raise Invalid("not_here")
    await require_participant(conn, voter, post, now)
    if await is_by(conn, voter, post):
        raise NotAllowed("own_poll")
    poll = await _hold(conn, post)
    voted = await polls.read_choices_unfiltered(conn, post.id, voter.id)
    chosen = sorted(set(choices))
    if not chosen or not set(chosen) <= {option.position for option in poll.options}:
        raise Invalid("choose", field="choices")
    access.require_may_vote(voter, post, poll, has_voted=bool(voted), choices=chosen, now=now)
    await polls.add_votes(conn, post.id, voter.id, chosen, None, now)
    if not post.is_local:
        await record_event(conn, PollVoted(post.id, voter.id, tuple(chosen)))
        return poll
    await polls.count_votes(conn, post.id, chosen, new_voters=1, now=now)
    await posts.touch(conn, post.id, post.thread_id)
    return await polls.read_poll_unfiltered(conn, post.id) or poll


async def receive_vote(
    conn: Connection, voter: Actor, post: Post, choice: str, *, uri: str | None, now: datetime
) -> None:
    """A member elsewhere chose one answer, by its name; a vote for several comes as several.

    The same choice again changes nothing.
    """
    if voter.is_local or not post.is_local:
        raise Invalid("not_elsewhere")
    community = await require_participant(conn, voter, post, now)
    if not community.is_local and not _is_vouched(voter, post, community.host):
        raise NotAllowed("not_a_member")
    poll = await _hold(conn, post)
    position = next((o.position for o in poll.options if o.name == choice.strip()), None)
    if position is None:
        raise Invalid("unknown_option")
    voted = await polls.read_choices_unfiltered(conn, post.id, voter.id)
    if position in voted:
        return
    has_voted = bool(voted) and not poll.is_many
    access.require_may_vote(voter, post, poll, has_voted=has_voted, choices=[position], now=now)
    await polls.add_votes(conn, post.id, voter.id, [position], uri, now)
    await polls.count_votes(conn, post.id, [position], new_voters=0 if voted else 1, now=now)
    await posts.touch(conn, post.id, post.thread_id)


async def receive_totals(
    conn: Connection, author: Actor, post: Post, poll: PollDraft, *, now: datetime
) -> None:
    """The numbers of a poll elsewhere, from its author's server. Other options are an edit."""
    access.require_may_edit(author, post)
    if post.is_local:
        raise Invalid("not_elsewhere")
    known = await _hold(conn, post)
    checked = check_poll(poll, is_ours=False, now=now)
    if checked is not None and is_same_question(known, checked):
        await _take_totals(conn, post, checked)


async def close_ended(conn: Connection, *, now: datetime, limit: int = 100) -> int:
    """Close what has ended and have changed numbers told; how many polls that were.

    Called by a worker again and again; two at once take different polls.
    """
    tallies = await polls.settle_due(conn, now, TELL_EVERY, limit)
    for tally in tallies:
        if tally.has_ended:
            await posts.touch(conn, tally.post_id, tally.thread_id)
        if tally.is_told:
            await record_event(conn, PollTallied(tally.post_id))
    return len(tallies)


async def attach(conn: Connection, post: Post, poll: PollDraft) -> None:
    """Give a post its poll, which `check_poll` has checked."""
    await polls.insert(conn, _stored(post.id, poll))


async def replace_poll(
    conn: Connection, post: Post, known: Poll | None, poll: PollDraft | None
) -> bool:
    """Make the poll of an edited post the one that `check_poll` has checked.

    False when it asks what it asked before. Only another question drops the votes. The caller
    holds the post.
    """
    if poll is not None and known is not None and is_same_question(known, poll):
        if not post.is_local:
            await _take_totals(conn, post, poll)
            return False
        if poll.ends_at == known.ends_at:
            return False
        await polls.set_end(conn, post.id, poll.ends_at)
        return True
    await polls.drop_of_post(conn, post.id)
    if poll is not None:
        await attach(conn, post, poll)
    return (known, poll) != (None, None)


def is_same_question(known: Poll, poll: PollDraft) -> bool:
    """Whether votes for the one are votes for the other. Some servers sort options by votes."""
    return known.is_many == poll.is_many and set(known.names) == set(poll.options)


async def _hold(conn: Connection, post: Post) -> Poll:
    """The poll as it is now, and nobody votes until the transaction ends. Raises NotFound."""
    held = await posts.hold(conn, post.id, post.thread_id)
    poll = await polls.read_poll_unfiltered(conn, post.id)
    if held is None or held.state != "live" or poll is None:
        raise NotFound
    return poll


async def _take_totals(conn: Connection, post: Post, poll: PollDraft) -> None:
    if await polls.set_totals(conn, _stored(post.id, poll)):
        await posts.touch(conn, post.id, post.thread_id)


def _is_vouched(voter: Actor, post: Post, host: str) -> bool:
    """Of a community elsewhere: anybody votes in a public one, its own server says who is in."""
    return post.audience == "public" or voter.host == host


def _stored(post_id: int, poll: PollDraft) -> Poll:
    options = [
        Option(position, name, votes)
        for position, (name, votes) in enumerate(zip(poll.options, poll.votes, strict=True))
    ]
    return Poll(post_id, poll.is_many, poll.ends_at, poll.closed_at, poll.voters or 0, options)
