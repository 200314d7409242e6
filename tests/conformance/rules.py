"""What federation asks of a forum, as 65 rules that can be tested.

A test that shows a rule has its number in its name: `test_r18_…`. docs/conformance.md is made of
both by `make conformance`.
"""

from __future__ import annotations

RULES: dict[int, str] = {
    # Discovery
    1: "In WebFinger each person, each community and the server itself has one `self` link, of"
    " ActivityPub's type, readable from any origin.",
    2: "WebFinger answers 400 without a resource, and 404 for a name that is unknown or of another"
    " host.",
    3: "A person and a community never have the same name, nor that of one who is gone.",
    4: "host-meta points to WebFinger.",
    5: "NodeInfo 2.1 and 2.0 give rounded numbers only and lead to the server's own actor.",
    6: "The server's own actor is fetched without a signature and found from the origin.",
    7: "FEDERATION.md says what the program does.",
    # Actors
    8: "An actor has all the fields without which other software refuses it.",
    9: "A group has the fields of forums; it approves followers only if it is closed.",
    10: "Followers stand at `{id}/followers`, as a rounded number and never as a list.",
    11: "Both media types of ActivityPub are served, a browser gets the page, and `Vary` says so.",
    12: "Nothing that people upload is served as ActivityPub.",
    13: "Nothing that somebody says of their health leaves in a profile; search consent is off"
    " until it is given.",
    # Signatures
    14: "A POST is signed over target, host, date, digest and content type, and verifies in the"
    " libraries of others.",
    15: "Every GET is signed by the server's own actor.",
    16: "`rsa-sha256`, `hs2019` and no algorithm at all are accepted, several digests, any order"
    " and any case of headers.",
    17: "A GET is accepted whether or not its query was signed.",
    18: "A date may be an hour old and five minutes ahead; without date or `created` there is no"
    " signature.",
    19: "A POST whose digest is not signed, or does not fit the body, is refused.",
    20: "A key that does not fit is fetched once more; then the answer is 401.",
    21: "A key is found at a fragment, at a path of its own, and behind a stub of its owner.",
    22: "RFC 9421 is accepted with RSA and Ed25519 if method, target, content digest and time are"
    " covered.",
    23: "Draft-cavage goes first, RFC 9421 after 400 or 401, and what a host took is remembered.",
    24: "A public post needs no signed GET, unless the administrator demands one of everybody.",
    25: "The signed GET of a blocked server is answered 403.",
    # Origins
    26: "Actor, key and activity are of one host; else the thing is asked for at its origin, or"
    " refused.",
    27: "An embedded thing of another origin is stored only after a fetch or with a proof.",
    28: "What is fetched has the right type and its own id as its address; redirects, size, time,"
    " addresses, number and depth are bounded.",
    29: "Proofs (`eddsa-jcs-2022`) are verified as W3C's vectors say, of the right owner only, and"
    " with the old `signature` taken off first.",
    30: "Linked-data signatures prove nothing here and are passed on untouched.",
    31: "Nobody but the owner updates, deletes or takes back, moderators excepted.",
    32: "The Delete of an actor counts when its key is gone (410), and not when it is only missing"
    " (404).",
    # Groups
    33: "A Follow is answered with an Accept that has the Follow and its id inside, each time that"
    " it comes.",
    34: "Undo of a Follow is understood whole and by its id.",
    35: "Who is banned, blocked or has moved is answered with Reject.",
    36: "What somebody writes who is no member is refused and announced to nobody.",
    37: "An announced activity is the one that was received, unknown fields and proofs included.",
    38: "An Announce has an id of its own that can be fetched, and the addressees of its"
    " community.",
    39: "The bare post is announced for threads only, once.",
    40: "Follow, Flag and private messages are never announced.",
    41: "An Announce counts only from the group that the post is in.",
    42: "The Announce of a bare post is understood.",
    43: "An activity that comes twice, to whichever inbox, is processed once.",
    44: "A Delete that comes first keeps its post away for a week at least; an Update that comes"
    " first fetches it.",
    45: "Lock stops replies, here and from elsewhere, until it is undone.",
    46: "Moderators, also those elsewhere, change who moderates and what is pinned; others do not.",
    47: "A ban from a group holds, with its end and with the removal of what was written.",
    48: "A moderator's removal carries its reason, can be undone, and takes the boost back for"
    " microblogs.",
    49: "A report reaches the moderators, and its reporter's name no other server.",
    50: "One vote for each person; its Undo takes back exactly that; neither is addressed to the"
    " public nor listed.",
    51: "A thread passes the checks of Lemmy: a plain title of 200 characters, `source`,"
    " `audience`, `context`, `cc`, no `inReplyTo`.",
    52: "On Mastodon a thread can be read whole, and a content note hides it.",
    53: "A note that names the group becomes a thread called by its first line.",
    54: "Polls: a vote, a late one, a second one, and the totals as Update.",
    # Documents
    55: "Every shape in which others send their fields is read; the documents of all corpora are"
    " read or refused with a reason.",
    56: "`context` is a collection of the group, oldest first, of what the reader may see; it is"
    " followed backwards, then `replies`, within bounds.",
    57: "A deleted post leaves a Tombstone and 410, and is gone from every collection.",
    # Closed communities
    58: "Of a closed group nothing is public, in any document, header, list or feed; its members'"
    " servers read it with a signature.",
    59: "Servers and software that may not be in a closed group are told no, and delivery ends"
    " with a server's last member.",
    60: "What somebody addressed to fewer people than the group has is not announced.",
    # Delivery
    61: "Delivery: shared inboxes once, in order for each object; 4xx is final but 401, 408 and"
    " 429; 410 retires a host; who comes back is sent what they missed.",
    62: "The inbox answers 202 within a second whatever the database does, 413 above 1 MB, 400 for"
    " what is no JSON, and never 500.",
    63: "A blocked server is neither heard, asked, sent to nor shown; a server may also talk to"
    " named ones only.",
    64: "A person who moved is followed to where both accounts say; a group that moved is shown as"
    " such.",
    65: "Follower synchronisation (FEP-8fcf) is answered and checked; in closed groups it takes"
    " out who is no member any more.",
}

# What is to hold now; of the others those hold that have a test.
NOW = frozenset({*range(1, 33), 43, 44, 55, 56, 57, 61, 62})

# Rules of which a test shows only a part: what is missing.
IN_PART: dict[int, str] = {
    35: "who has moved is refused without an answer.",
    40: "there are no reports to other servers and no private messages yet.",
    48: "a removal cannot be undone yet.",
    58: "`is_follower`, by which a third server could ask whether somebody is a member, is not"
    " answered: a closed post is read on the community's server and on its author's.",
    63: "lists of blocked servers cannot be read in yet.",
    64: "a group that moved is not shown as such.",
}

# Rules that are not followed, and why.
DECIDED_AGAINST: dict[int, str] = {}
