"""Polls: a Question's answers with their numbers, and a vote.

The numbers are exact, unlike any other here: other servers show them as they stand, and a band
would be read as a result.
"""

from __future__ import annotations

from federation.render.document import Document, time_text
from storage.actors import Actor
from storage.polls import Poll


def answers(poll: Poll) -> Document:
    """`oneOf` or `anyOf`, the end, and how many voted."""
    document: Document = {
        "anyOf" if poll.is_many else "oneOf": [
            {
                "type": "Note",
                "name": option.name,
                "replies": {"type": "Collection", "totalItems": option.votes},
            }
            for option in poll.options
        ],
        "votersCount": poll.voters,
    }
    ends_at = poll.ends_at or poll.closed_at
    if ends_at is not None:
        document["endTime"] = time_text(ends_at)
    if poll.closed_at is not None:
        document["closed"] = time_text(poll.closed_at)
    return document


def vote(uri: str, voter: Actor, author: Actor, poll_uri: str, choice: str) -> Document:
    """A Create of a Note that is only a name, to the poll's author alone, as Mastodon votes."""
    return {
        "id": uri,
        "type": "Create",
        "actor": voter.uri,
        "to": [author.uri],
        "cc": [],
        "object": {
            "id": f"{uri}#vote",
            "type": "Note",
            "attributedTo": voter.uri,
            "to": [author.uri],
            "cc": [],
            "inReplyTo": poll_uri,
            "name": choice,
        },
    }
