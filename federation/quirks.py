"""What other software needs done differently: the one place that knows its names.

A name is what NodeInfo calls the software. What each one was seen to do with our posts stands in
FEDERATION.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from forum import reach
from storage.audience import Recipient

# These take a group's Announce of an activity. NodeBB stalls on an Announce of the bare post
# and Lemmy answers it with an error.
FORUMS = frozenset(
    {"dazzle", "discourse", "flarum", "kbin", "lemmy", "lotide", "mbin", "nodebb", "piefed"}
)

# These take an Announce of a post as a boost and ignore one of an activity. They believe only
# the author about an edit or a deletion, whatever the group says.
MICROBLOGS = frozenset(
    {
        "akkoma",
        "calckey",
        "catodon",
        "cherrypick",
        "firefish",
        "foundkey",
        "glitchcafe",
        "gotosocial",
        "hollo",
        "hometown",
        "honk",
        "iceshrimp",
        "iceshrimp.net",
        "ktistec",
        "magnetar",
        "mastodon",
        "microblogpub",
        "misskey",
        "mitra",
        "pixelfed",
        "pleroma",
        "sharkey",
        "snac",
        "takahe",
        "wordpress",
    }
)


# To these a private message is a ChatMessage: a Note to a person they take for a comment.
CHATS = frozenset({"lemmy", "lotide", "mbin", "piefed"})

keeps_closed = reach.keeps_closed  # the page that is written on says the same


def wants_chats(software: str | None) -> bool:
    """Whether a direct message goes there as a ChatMessage."""
    return _name(software) in CHATS


def takes_wrapped(software: str | None) -> bool:
    """Whether to send the group's Announce of a whole activity. Unknown software gets it."""
    return _name(software) not in MICROBLOGS


def takes_bare(software: str | None) -> bool:
    """Whether to send the Announce of a bare post and the author's own activities."""
    return _name(software) not in FORUMS


def with_wrapped(recipients: Iterable[Recipient]) -> list[Recipient]:
    return [recipient for recipient in recipients if takes_wrapped(recipient.software)]


def with_bare(recipients: Iterable[Recipient]) -> list[Recipient]:
    return [recipient for recipient in recipients if takes_bare(recipient.software)]


def hides_named_notes(software: str | None, user_agent: str = "") -> bool:
    """Whether a Note must go without `name`: snac takes one with a name for a vote in a poll."""
    return _name(software) == "snac" or user_agent.lower().startswith("snac/")


def takes_acknowledgements(software: str | None) -> bool:
    """Whether it keeps receipts of what was erased: to all others the word means nothing."""
    return _name(software) == "dazzle"


def _name(software: str | None) -> str:
    return (software or "").lower()
