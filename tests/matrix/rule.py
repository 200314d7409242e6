"""Who may learn what, said in words: the rule that every route is compared with.

A secret is a word that stands in one object only. `LEARNS` says which viewers may meet it,
anywhere.
"""

from __future__ import annotations

VIEWERS = (
    "anonymous",
    "non-member",
    "asking",
    "member",
    "ex-member",
    "refused",
    "moderator",
    "admin",
    "unsigned server",
    "member elsewhere",
    "member on a blocked server",
    "member elsewhere of another community",
)
SERVERS = VIEWERS[8:]
# Not of the twelve: they show that what is looked for can be found at all.
WITNESSES = ("author", "confidant")

READERS = frozenset({"member", "moderator", "author", "confidant", "member elsewhere"})
CARD_HOLDERS = READERS | {"asking"}
MODERATORS = frozenset({"moderator", "author"})  # the author made the community and owns it

LEARNS: dict[str, frozenset[str]] = {
    "community": CARD_HOLDERS,
    "thread": READERS,
    "reply": READERS,
    "reply to reply": READERS,
    "poll": READERS,
    "image": READERS,
    "thumbnail": READERS,
    "picture from elsewhere": READERS,
    "thumbnail from elsewhere": READERS,
    "direct message": frozenset({"author", "confidant"}),
    "draft": frozenset({"author"}),
    "held": MODERATORS,
    "deleted": frozenset(),
    "removed": MODERATORS,
    "edited away": READERS,
    "report": MODERATORS,
    "mod note": MODERATORS,
    "answer": MODERATORS | {"asking"},
}
