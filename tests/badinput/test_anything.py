"""Whatever a member elsewhere sends, signed and well formed: it is done, refused or waits, with a
reason of ours, and never troubles the database or the ones behind it.
"""

from __future__ import annotations

import copy
import os
import random
import re
from typing import Any

import pytest

from tests.badinput.oracle import Oracle, in_one_loop
from tests.badinput.world import SITE, World
from tests.federation.peer import PUBLIC

pytestmark = [in_one_loop(), pytest.mark.usefixtures("settled")]

ROUNDS = int(os.environ.get("DAZZLE_TEST_ROUNDS", "6"))
EACH = 40

# A code of ours, or the kind of trouble that passes with its code.
TYPED = re.compile(r"[a-z][a-z0-9_]*|Later: \w+|Unreachable: \w+|Gone: \w+|")

POISON: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53,
    2**63 - 1,
    -(2**63),
    1.5,
    1e300,
    -0.0,
    1e-320,
    "",
    " ",
    "x",
    "x" * 300,
    "x" * 5000,
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udc00",
    "\ufffe",
    "\u202e",
    "\U0010ffff",
    "<",
    "<b>",
    "&",
    "<p>x</p>",
    "javascript:x",
    "%s",
    "{}",
    "[]",
    "null",
    "'; drop table posts; --",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": ""},
    {"id": None},
    {"type": None},
    {"@id": 1},
    {"type": "Link"},
    "https://there.test/x",
    "https://there.test/#\ud800",
    "https://there.test/?\x00",
    "http://x",
    "//x",
    "https://other.test/y",
    "https://10.0.0.1/",
    "https://here.test/ap/posts/1",
    "as:Public",
    PUBLIC,
    "https://there.test/" + "x" * 2028,
    "https://there.test/" + "\u00e9" * 900,
    "mailto:a@b.test",
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "P1D",
    "PT99999H",
    "text/html",
    "text/plain",
    "image/png",
    "en",
    "xx-" + "x" * 40,
    "#",
    "@",
    ":",
    "a@b",
    "Note",
    "Create",
    ["https://there.test/a", "https://there.test/b"],
    {"en": "x", "\ud800": "\x00"},
    {"@value": "x"},
    {"type": "Note", "id": "https://there.test/z"},
    {"type": "Image", "url": "https://there.test/i.png"},
    {"type": "Collection", "totalItems": -1, "items": ["x"]},
    [1, "x", None, {}, []],
]


def templates(world: World) -> list[dict[str, Any]]:
    """One of everything that is understood, as Ada or the group may send it."""
    image = {
        "type": "Image",
        "mediaType": "image/png",
        "url": "https://there.test/i.png",
        "name": "A cat",
        "width": 3,
        "height": 4,
        "focalPoint": [0.1, 0.2],
        "blurhash": "LEHV6",
    }
    rich = {
        "attachment": [image],
        "tag": [
            {"type": "Hashtag", "name": "#x", "href": "https://there.test/t/x"},
            {"type": "Mention", "name": "@rosa@here.test", "href": world.person.uri},
            {"type": "Emoji", "name": ":y:", "icon": image, "updated": "2026-01-01T00:00:00Z"},
        ],
        "summary": "Careful",
        "sensitive": True,
        "source": {"mediaType": "text/markdown", "content": "*x*"},
        "contentMap": {"en": "<p>x</p>"},
        "url": [{"type": "Link", "mediaType": "text/html", "href": "https://there.test/@ada/1"}],
        "updated": "2026-02-01T00:00:00Z",
        "context": "https://there.test/contexts/1",
        "replies": {"type": "Collection", "id": "https://there.test/r", "first": {"items": []}},
        "quoteUrl": "https://there.test/notes/q",
        "language": {"identifier": "en", "name": "English"},
    }
    answers = [{"type": "Note", "name": n, "replies": {"totalItems": 2}} for n in ("yes", "no")]
    poll = {
        "type": "Question",
        "oneOf": answers,
        "endTime": "2036-01-01T00:00:00Z",
        "votersCount": 2,
    }
    event = {
        "type": "Event",
        "startTime": "2026-05-01T00:00:00Z",
        "endTime": "2026-05-02T00:00:00Z",
        "location": {"type": "Place", "name": "Here", "address": {"streetAddress": "1"}},
        "timezone": "Europe/Berlin",
    }
    known, thread = world.known, world.known_in_group
    note = world.in_group(**rich)
    return [
        world.create(world.reply(**rich)),
        world.create(world.note(**rich)),
        world.create(world.reply(**poll)),
        world.create(world.note(**event)),
        world.create(world.note(type="Video", **rich, duration="PT5M")),
        world.activity("Update", known | rich | {"content": f"<p>{random.random()}</p>"}),
        world.activity(
            "Update", {"id": world.ada, "type": "Person", "inbox": f"{world.ada}/inbox"}
        ),
        world.activity("Delete", {"type": "Tombstone", "id": world.new_uri("notes")}),
        world.activity("Like", world.thread.uri),
        world.activity("EmojiReact", world.thread.uri, content=":y:", tag=rich["tag"]),
        world.activity("Undo", world.activity("Like", world.thread.uri)),
        world.activity("Follow", world.community.uri, actor=world.grace),
        world.activity(
            "Undo",
            world.activity("Follow", world.community.uri, actor=world.grace),
            actor=world.grace,
        ),
        world.activity("PollVote", world.thread.uri, choice_text="yes"),
        world.create(world.reply(name="yes", content=...)),
        world.activity("Move", world.ada, target=world.grace),
        world.announce(world.create(note)),
        world.announce(note | poll),
        world.announce(world.activity("Update", world.in_group(id=thread, **rich))),
        world.announce(world.activity("Delete", world.new_uri("notes"))),
        world.announce(world.activity("Like", thread)),
        world.announce(world.activity("Undo", world.activity("Like", thread))),
        world.announce(
            {
                "type": "OrderedCollection",
                "orderedItems": [world.activity("Like", thread), world.activity("Dislike", thread)],
            }
        ),
        world.activity(
            "Accept", SITE.follow_uri(world.person.id, world.group.id), actor=world.group.uri
        ),
    ]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a document with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += [(value, key), *places(inner)]
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            found += [(value, key), *places(inner)]
    return found


def bent(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """With one to three of its values exchanged, but for who speaks and what this is."""
    document = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        spots = [
            (container, key)
            for container, key in places(document)
            if not (container is document and key in {"actor", "id", "type"})
        ]
        container, key = chance.choice(spots)
        container[key] = copy.deepcopy(chance.choice(POISON))
    return document


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_whatever_comes_is_done_refused_or_waits_with_a_reason_of_ours(
    world: World, oracle: Oracle, seed: int
):
    chance = random.Random(seed)
    await world.forget()
    sent: dict[str, dict[str, Any]] = {}
    for _ in range(EACH):
        activity = bent(chance.choice(templates(world)), chance)
        answer = await world.post(activity)
        assert answer.status in {202, 400, 403}, (answer, activity)
        sent[activity["id"]] = activity
    await world.work()
    rows = await world.observer.fetch("select uri, state, reason from inbox order by id")
    odd = [
        (row["state"], row["reason"], sent.get(row["uri"]))
        for row in rows
        if row["state"] == "dead" or not TYPED.fullmatch(row["reason"])
    ]
    assert not odd
    await oracle.require_next()
