"""Why documents that other servers published are not read, by peer and by the refusal's code.

A refusal that is not here fails the tests wherever a corpus is at hand.
"""

from __future__ import annotations

FRAGMENT = (
    "A fragment from that project's own tests or papers, made to show another field; no server "
    "sends it so."
)
NOBODY = "It names no actor, so nobody could be asked whether it is true. " + FRAGMENT
NO_AUTHOR = "It has no author, and a post without one belongs to nobody. " + FRAGMENT
NO_INBOX = "An actor without an inbox, to whom nothing could ever be sent. " + FRAGMENT
NO_ID = "It has no id, so it could not be told from another one. " + FRAGMENT
LATER = (
    "Moderation across servers (Add, Remove, Block, Lock, Flag, Warn and their Undo) is answered "
    "with 202 and not acted upon until moderators have that tool here."
)
CONSENT = (
    "Requests for, and proofs of, permission to quote, like or reply: quoting is not offered here, "
    "and a quote is read without them."
)
PART = "An emoji is read where a post uses it; by itself it is nothing that could be shown."
ATTENDING = "Answers to an invitation; events are read, and nobody can say here that they come."
NO_MEANING = "A type with no meaning in a forum: its server shows it to its own kind only."
OSTATUS = "A profile of OStatus times, from before ActivityPub: it leads to no actor."
SITE = "About the server itself (FEP-d556) and not about a name, which is all that is looked up."
NOT_READ = (
    "Never asked for: names are looked up at the one path that WebFinger has, and host-meta could "
    "only send to another one."
)
NO_DOCUMENT = "Test vectors for signatures, proofs and encodings; the tests of those read them."
EXAMPLE = "An example of the vocabulary, not of a server: "

REFUSALS: dict[tuple[str, str], str] = {
    ("bonfire", "inbox"): NO_INBOX,
    ("discourse", "activity_type"): (
        "A conversation of NodeBB as an object of its own kind; its posts are reached by the "
        "`context` that they name, when that is a collection."
    ),
    ("fedify", "actor"): NOBODY,
    ("fedify", "author"): NO_AUTHOR,
    ("fedify", "inbox"): NO_INBOX,
    ("fep", "activity_type"): NO_MEANING + " " + CONSENT + " " + LATER,
    ("fep", "actor"): NOBODY,
    ("fep", "author"): NO_AUTHOR,
    ("fep", "id"): NO_ID + " Two have ids that are no address.",
    ("fep", "inbox"): NO_INBOX,
    ("fep", "no_self_link"): SITE,
    ("fep", "object_type"): NO_MEANING,
    ("gotosocial", "activity_type"): LATER + " " + CONSENT + " " + PART,
    ("gotosocial", "author"): NO_AUTHOR,
    ("gotosocial", "id"): NO_ID,
    ("gotosocial", "object_type"): CONSENT,
    ("host-meta", "json"): NOT_READ,
    ("host-meta", "no_nodeinfo"): NOT_READ,
    ("ktistec", "activity_type"): CONSENT + " " + FRAGMENT,
    ("ktistec", "author"): NO_AUTHOR,
    ("lemmy", "activity_type"): LATER,
    ("lemmy", "object_type"): LATER,
    ("mastodon", "activity_type"): LATER + " An album of music is no post.",
    ("mastodon", "author"): NO_AUTHOR,
    ("mastodon", "inbox"): NO_INBOX,
    ("mbin", "activity_type"): LATER,
    ("mbin", "object_type"): LATER,
    ("mobilizon", "activity_type"): ATTENDING,
    ("other", "activity_type"): "A place, as a thing of its own; it is read as part of an event.",
    ("other", "no_self_link"): OSTATUS,
    ("piefed", "id"): NO_ID,
    ("piefed", "object_type"): "Which communities are in a feed; there are no feeds here.",
    ("pleroma", "activity_type"): "It has only the type Object.",
    ("takahe", "activity_type"): PART,
    ("takahe", "inbox"): NO_INBOX,
    ("vectors", "activity_type"): NO_DOCUMENT,
    ("vectors", "json"): NO_DOCUMENT,
    ("w3c-ap", "author"): EXAMPLE + "one has no author, the other markup around its address.",
    ("w3c-as2", "activity_type"): EXAMPLE + "activities and objects of no use in a forum.",
    ("w3c-as2", "actor"): EXAMPLE + "the actor has a name and no id.",
    ("w3c-as2", "author"): EXAMPLE + "the author is left out, or has a name and no id.",
    ("w3c-as2", "id"): EXAMPLE + "it has no id.",
    ("w3c-as2", "inbox"): EXAMPLE + "the actor has no inbox.",
    ("w3c-as2", "object"): EXAMPLE + "two objects at once, or one without an id.",
    ("w3c-as2", "target"): EXAMPLE + "a post moves between two lists.",
}
