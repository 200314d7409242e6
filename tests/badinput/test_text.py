"""TXT: characters, dates, numbers, keys and ids that break a parser or a database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.badinput.cases import LET_IN, REFUSED, Bad, Good, Make
from tests.badinput.oracle import TAKEN, Expected, Oracle, in_one_loop
from tests.badinput.world import SITE, World
from tests.federation.peer import KEYS, PUBLIC, pem_of

pytestmark = in_one_loop()

MALFORMED = Expected(400)
# A refusal at the door or, once it was read as a whole, by the worker.
NOT_TAKEN = Expected((400, 401, 403, 202), "refused|nothing")


def raw(change: Callable[[bytes], bytes]) -> Make:
    """The bytes of a reply of Ada's, changed and then signed."""

    async def make(world: World):
        body = change(json.dumps(world.create(world.reply())).encode())
        return await world.post(body, by=world.ada)

    return make


def top(**changed: Any) -> Make:
    """An activity with other fields."""

    async def make(world: World):
        activity = world.create(world.reply()) | changed
        return await world.post(activity, by=world.ada)

    return make


def inner(**changed: Any) -> Make:
    """A reply with other fields."""

    async def make(world: World):
        return await world.post(world.create(world.reply(**changed)))

    return make


def swap(old: str, new: str) -> Make:
    return raw(lambda body: body.replace(old.encode(), new.encode("utf-8", "surrogatepass"), 1))


def at(host: str, path: str) -> str:
    return f"https://{host}/{path}"


# What a text may hold, and what is left of it.
POISON = {
    "NUL": ("a\x00b", "ab"),
    "many NULs": ("\x00" * 1000 + "ab", "ab"),
    "a high surrogate": ("a\ud800b", "a\ufffdb"),
    "a low surrogate": ("a\udc00b", "a\ufffdb"),
    "surrogates the wrong way round": ("a\udc00\ud800b", "a\ufffd\ufffdb"),
    "a noncharacter": ("a\ufffe\uffff\U0010ffffb", None),
    "text from right to left": ("a\u202eb\u2066c", None),
    "controls": ("a\x01\x08\x0b\x1b\x7f\x85b", None),
    "a byte order mark": ("\ufeffab", None),
    "very many marks": ("a" + "\u0300" * 5000 + "b", None),
    "letters of many bytes": ("\U0001f9ec" * 5000, None),
    "line ends of all kinds": ("a\r\n\u2028\u2029\x0c\x1cb", None),
}

TEXT_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "content": lambda text: {"content": f"<p>x{text}</p>"},
    "summary": lambda text: {"summary": text, "sensitive": True},
    "source": lambda text: {"source": {"content": text, "mediaType": "text/markdown"}},
    "contentMap": lambda text: {"content": ..., "contentMap": {"en": f"<p>x{text}</p>"}},
    "language of contentMap": lambda text: {"contentMap": {text: "<p>x</p>"}},
    "language": lambda text: {"language": {"identifier": text, "name": text}},
    "tag": lambda text: {"tag": [{"type": "Hashtag", "name": "#" + text, "href": "https://x.test/"}]},
    "attachment": lambda text: {
        "attachment": [{"type": "Document", "url": "https://there.test/a.png", "name": text,
                        "mediaType": "image/png", "blurhash": text}]
    },
    "emoji": lambda text: {"tag": [{"type": "Emoji", "name": f":{text}:", "id": "https://x.test/",
                                    "icon": {"type": "Image", "url": "https://there.test/e.png"}}]},
    "mediaType": lambda text: {"mediaType": text},
    "unknown field": lambda text: {"x-" + text: text},
    "type beside Note": lambda text: {"type": ["Note", text]},
    "url": lambda text: {"url": "https://there.test/@ada/" + text},
    "fragment of url": lambda text: {"url": "https://there.test/@ada#" + text},
    "query of url": lambda text: {"url": "https://there.test/@ada?" + text},
    "list of urls": lambda text: {"url": [{"type": "Link", "href": "https://there.test/#" + text}]},
    "cc": lambda text: {"cc": [text, "https://there.test/#" + text]},
    "cc of ours": lambda text: {"cc": [f"{SITE.origin}/ap/actors/{text}"]},
    "audience": lambda text: {"audience": [f"{SITE.origin}/ap/actors/1#{text}"]},
    "published": lambda text: {"published": text},
    "context": lambda text: {"context": "https://there.test/contexts/#" + text},
    "replies": lambda text: {"replies": "https://there.test/replies/#" + text},
    "location": lambda text: {"location": {"type": "Place", "name": text, "address": text}},
    "quote": lambda text: {"quoteUrl": "https://there.test/notes/1#" + text},
}  # fmt: skip

# Fields of which exactly one meaning is needed.
ID_FIELDS: dict[str, Callable[[str], Make]] = {
    "id of the activity": lambda text: top(id=at("there.test", "activities/" + text)),
    "actor": lambda text: top(actor="https://there.test/actors/ada" + text),
    "id of the object": lambda text: inner(id=at("there.test", "notes/" + text)),
    "attributedTo": lambda text: inner(attributedTo="https://there.test/actors/ada" + text),
    "inReplyTo": lambda text: inner(inReplyTo=f"{SITE.origin}/ap/posts/1{text}"),
    "object": lambda text: top(object=at("there.test", "notes/" + text)),
    "object of Follow": lambda text: top(type="Follow", object=SITE.actor_uri(1) + text),
    "object of Delete": lambda text: top(type="Delete", object=at("there.test", "notes/" + text)),
    "object of Undo": lambda text: top(type="Undo", object=at("there.test", "follows/" + text)),
}
ID_POISON = {
    "NUL": "\x00",
    "NUL in the fragment": "#\x00",
    "a surrogate": "\ud800",
    "a surrogate in the fragment": "#\ud800",
    "a surrogate in the query": "?\ud800",
    "a line end": "\r\n",
    "a line end in the fragment": "#\nX: y",
    "a space": " x",
    "a tab": "\tx",
    "a backslash": "\\x",
    "DEL": "\x7f",
}

BODIES: dict[str, Callable[[bytes], bytes]] = {
    "invalid UTF-8": lambda body: body.replace(b"canary", b"can\xffary"),
    "an overlong NUL": lambda body: body.replace(b"canary", b"can\xc0\x80ary"),
    "an overlong slash": lambda body: body.replace(b"canary", b"can\xc0\xafary"),
    "half a character in bytes": lambda body: body.replace(b"canary", b"can\xed\xa0\x80ary"),
    "beyond Unicode": lambda body: body.replace(b"canary", b"can\xf4\x90\x80\x80ary"),
    "a letter cut short": lambda body: body.replace(b"canary", b"canary\xe2\x82"),
    "Latin-1": lambda body: body.replace(b"canary", "cänary".encode("latin-1")),
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda body: body.decode().encode("utf-16-le"),
    "UTF-32": lambda body: body.decode().encode("utf-32"),
    "UTF-7": lambda body: body.replace(b"{", b"+AHs-"),
    "a NUL behind": lambda body: body + b"\x00",
    "a NUL in front": lambda body: b"\x00" + body,
    "a raw NUL in a text": lambda body: body.replace(b"canary", b"can\x00ary"),
    "a raw line end in a text": lambda body: body.replace(b"canary", b"can\nary"),
    "two documents": lambda body: body + body,
    "a document in a list": lambda body: b"[" + body + b"]",
    "a text": lambda body: json.dumps(body.decode()).encode(),
    "nothing": lambda _: b"",
    "a number": lambda _: b"1",
    "null": lambda _: b"null",
    "an open brace": lambda _: b"{",
    "half a document": lambda body: body[: len(body) // 2],
    "a comma too many": lambda body: body[:-1] + b",}",
    "a comment": lambda body: b"/* x */" + body,
    "single quotes": lambda body: body.replace(b'"', b"'"),
    "an escape that is none": lambda body: body.replace(b"canary", b"can\\xary"),
    "a form": lambda _: b"actor=ada&type=Create",
    "XML": lambda _: b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
}

NUMBERS = {
    "2^63": "9223372036854775808",
    "-2^63-1": "-9223372036854775809",
    "2^64": "18446744073709551616",
    "1e400": "1e400",
    "-1e400": "-1e400",
    "1e19": "1e19",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "5,000 digits": "9" * 5000,
    "100,000 digits": "9" * 100_000,
    "hexadecimal": "0x10",
    "a leading zero": "01",
    "a plus": "+1",
    "a bare point": "1.",
}
# Numbers that are none of what they should be, where one is read.
ODD_NUMBERS = (
    -1,
    0,
    2**31,
    2**53,
    2**63 - 1,
    -(2**63),
    1.5,
    1e18,
    -0.0,
    "1",
    "",
    True,
    None,
    [],
    {},
)
NUMBER_FIELDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "width": lambda n: {"attachment": [{"type": "Image", "url": "https://there.test/a.png",
                                        "width": n, "height": n, "mediaType": "image/png"}]},
    "focal point": lambda n: {"attachment": [{"type": "Image", "url": "https://there.test/a.png",
                                              "focalPoint": [n, n], "mediaType": "image/png"}]},
    "votes": lambda n: {"type": "Question", "votersCount": n, "oneOf": [
        {"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": n}}
        for name in ("yes", "no")
    ]},
    "place": lambda n: {"type": "Event", "startTime": "2026-01-01T00:00:00Z", "location": {
        "type": "Place", "name": "x", "latitude": n, "longitude": n}},
    "duration": lambda n: {"duration": n},
    "content": lambda n: {"content": n, "summary": n},
    "sensitive": lambda n: {"sensitive": n},
}  # fmt: skip

DATES = (
    "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "2026-01-01T00:00:60Z",
    "2026-01-01T24:00:00Z", "2026-W01-1", "2026-001T00:00:00Z", "2036-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "-2026-01-01T00:00:00Z", "2026-01-01",
    "20260101T000000Z", "2026-01-01T00:00:00+99:99", "2026-01-01T00:00:00+24:00",
    "2026-01-01 00:00:00", "yesterday", "", "0", "1767225600", "２０２６-01-01T00:00:00Z",
    "2026-01-01T00:00:00.0000000000000000001Z", "2026-01-01T00:00:00Z" + " " * 5000, "Z" * 100_000,
)  # fmt: skip


def long_id(size: int) -> str:
    start = "https://there.test/activities/"
    return start + "x" * (size - len(start))


IDS = {
    "2,049 bytes": long_id(2049),
    "3,000 letters": long_id(3000),
    "10,000 letters": long_id(10_000),
    "2,048 letters of two bytes": "https://there.test/" + "é" * 1500,
    "a space": "https://there.test/a b",
    "no scheme": "there.test/activities/1",
    "a relative path": "/activities/1",
    "a URN": "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "a tag": "tag:there.test,2026:1",
    "a DID": "did:web:there.test",
    "a blank node": "_:b0",
    "a fragment alone": "#1",
    "an account": "acct:ada@there.test",
    "nothing": "",
    "a number": 1,
    "a list": ["https://there.test/1"],
    "a map": {"@id": "https://there.test/1"},
    "true": True,
    "a user": "https://ada@there.test/1",
    "another host": "https://other.test/activities/1",
    "this server": f"{SITE.origin}/ap/activities/1",
    "this server in capitals": "https://HERE.TEST./ap/activities/1",
    "plain http": "http://there.test:443/activities/1",
}
GOOD_IDS = {
    "2,048 bytes": long_id(2048),
    "a fragment": "https://there.test/activities#good",
    "a query": "https://there.test/activities?good=1&x=%20",
    "Unicode": "https://there.test/activities/gräfin-\U0001f9ec",
    "escapes": "https://there.test/activities/%2e%2e/%00/%ff",
    "capitals": "https://There.Test/activities/good",
    "the port": "https://there.test:443/activities/good-port",
    "dots": "https://there.test/../activities/./good",
}

DUPLICATES = {
    "actor": ('"actor":', '"actor": "https://other.test/actors/eve", "actor":'),
    "actor behind": ('"type": "Create"', '"type": "Create", "actor": "https://other.test/e"'),
    "id": ('"id":', '"id": "https://there.test/activities/other", "id":'),
    "type": ('"type": "Create"', '"type": "Delete", "type": "Create"'),
    "object": ('"object":', '"object": "https://there.test/notes/other", "object":'),
    "escaped": ('"actor":', '"\\u0061ctor": "https://other.test/actors/eve", "actor":'),
    "in the object": ('"attributedTo":', '"attributedTo": "https://other.test/e", "attributedTo":'),
    "deep inside": ('"cc": []', '"cc": [], "x": [{"a": 1, "a": 2}]'),
    "empty": ('"cc": []', '"cc": [], "": 1, "": 2'),
}
TWO_TYPES = (["Create", "Delete"], ["Delete", "Update", "Create"], ["as:Create", "Undo"])

BAD = [
    *[Bad(f"TXT-02 {name}", raw(change), MALFORMED) for name, change in BODIES.items()],
    *[
        Bad(f"TXT-01 {poison} in {field}", make(text), NOT_TAKEN)
        for poison, text in ID_POISON.items()
        for field, make in ID_FIELDS.items()
    ],
    *[
        Bad(f"TXT-04 {name} {where}", swap(*place(number)), MALFORMED)
        for name, number in NUMBERS.items()
        for where, place in {
            "above": lambda n: ('"type": "Create"', f'"type": "Create", "x": {n}'),
            "deep inside": lambda n: ('"cc": []', f'"cc": [], "x": [{{"y": [{n}]}}]'),
            "for a text": lambda n: ('"published": "2026-01-02T03:04:05Z"',
                                     f'"published": {n}'),
        }.items()
    ],
    *[Bad(f"TXT-05 {name} twice", swap(*pair), MALFORMED) for name, pair in DUPLICATES.items()],
    *[Bad(f"TXT-05 types {types}", top(type=types), MALFORMED) for types in TWO_TYPES],
    *[Bad(f"TXT-06 {name}", top(id=value), NOT_TAKEN) for name, value in IDS.items()],
    *[
        Bad(f"TXT-06 {name} for the object", inner(id=value), REFUSED)
        for name, value in IDS.items()
    ],
]  # fmt: skip


def number_of(name: str, value: Any) -> str:
    return f"{name} of {type(value).__name__} {value}"


# Taken, with whatever cannot be stored left out or put right.
CLEANED = [
    *[
        Good(f"TXT-01 {poison} in {field}", inner(**change(text)), TAKEN)
        for poison, (text, _) in POISON.items()
        for field, change in TEXT_FIELDS.items()
    ],
    *[Good(f"TXT-03 {date[:40]!r}", inner(published=date)) for date in DATES],
    *[
        Good(f"TXT-03 {date[:40]!r} of an event", inner(type="Event", startTime=date, endTime=date))
        for date in DATES
    ],
    *[
        Good(f"TXT-04 {number_of(name, value)}", inner(**change(value)), TAKEN)
        for name, change in NUMBER_FIELDS.items()
        for value in ODD_NUMBERS
        if not (name == "content" and value != "1")
    ],
    *[Good(f"TXT-06 {name}", top(id=value)) for name, value in GOOD_IDS.items()],
    Good(
        "TXT-02 letters of all kinds",
        raw(lambda body: body.replace(b"canary", "cänary…🦓".encode())),
    ),
    Good("TXT-02 spaces around", raw(lambda body: b" \r\n\t" + body + b"\n")),
    Good("TXT-04 2^63-1", swap('"cc": []', '"cc": [], "x": 9223372036854775807')),
    Good("TXT-04 -2^63", swap('"cc": []', '"cc": [], "x": -9223372036854775808')),
    Good("TXT-05 the same key at two levels", inner(type="Note")),
    Good("TXT-05 keys that differ in capitals", swap('"actor":', '"Actor": "x", "actor":')),
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_what_has_no_one_meaning_is_not_taken(world: World, oracle: Oracle, bad: Bad):
    await oracle.judge(lambda: bad.make(world), bad.expected)


@pytest.mark.parametrize("good", CLEANED, ids=str)
async def test_what_can_be_put_right_is_taken(world: World, oracle: Oracle, good: Good):
    await oracle.accept(lambda: good.make(world), good.expected)


@pytest.mark.parametrize(("text", "left"), POISON.values(), ids=POISON.keys())
async def test_txt_01_what_is_stored_of_a_text_can_be_shown(
    world: World, oracle: Oracle, text: str, left: str | None
):
    note = world.reply(content=f"<p>{text}</p>")
    await oracle.accept(lambda: world.post(world.create(note)))
    html = await world.observer.fetchval("select html from posts where uri = $1", note["id"])
    assert "\x00" not in html
    if left is not None:
        assert html == f"<p>{left}</p>"


@pytest.mark.parametrize("text", [*(text for text, _ in POISON.values()), "x" * 5000])
async def test_txt_01_a_thread_for_odd_names_beside_the_community_is_taken(
    world: World, oracle: Oracle, text: str
):
    """Who is meant is looked up in the order in which they are named."""
    odd = [SITE.origin + "/" + text, f"{SITE.origin}/ap/actors/1#{text}", text]
    note = world.note(to=[*odd, PUBLIC, world.community.uri])
    await oracle.accept(lambda: world.post(world.create(note, to=odd)))


@pytest.mark.parametrize("date", DATES)
async def test_txt_03_a_time_that_cannot_be_is_the_time_it_came(
    world: World, oracle: Oracle, date: str
):
    note = world.reply(published=date)
    before = world.clock.now()
    await oracle.accept(lambda: world.post(world.create(note)))
    published = await world.observer.fetchval(
        "select published_at from posts where uri = $1", note["id"]
    )
    assert published >= before or (published.year >= 2000 and date.startswith("20"))


ACTOR_POISON: dict[str, dict[str, Any]] = {
    f"{poison} in {field}": {field: text}
    for poison, (text, _) in POISON.items()
    for field in ("name", "summary", "preferredUsername", "published", "x")
} | {
    f"{poison} in {field}": {field: "https://there.test/x#" + text}
    for poison, text in (("NUL", "\x00"), ("a surrogate", "\ud800"))
    for field in ("url", "outbox", "featured", "movedTo", "attributedTo", "followers", "image")
}
ACTOR_POISON |= {
    f"{poison} in alsoKnownAs": {"alsoKnownAs": ["https://there.test/x#" + text, text]}
    for poison, (text, _) in POISON.items()
}


@pytest.mark.parametrize("kind", ["Person", "Group"])
@pytest.mark.parametrize("changed", ACTOR_POISON.values(), ids=ACTOR_POISON.keys())
async def test_txt_01_an_actor_with_odd_letters_is_known_without_them(
    world: World, oracle: Oracle, changed: dict[str, Any], kind: str
):
    uri = world.there.actor(f"p{world.new_uri('x').rpartition('/')[2]}", kind=kind)
    page = world.there.pages[uri.removeprefix(world.there.origin)]
    page.body = json.dumps(json.loads(page.body) | changed).encode()
    await oracle.accept(lambda: world.post(world.create(world.reply(uri), actor=uri)), LET_IN)


async def test_txt_06_an_actor_with_the_longest_id_may_answer_without_an_id(
    world: World, oracle: Oracle
):
    """What we call such an answer is a little longer than the longest id."""
    uri = "https://there.test/" + "x" * (2048 - len("https://there.test/#k") - 1)
    key = {"id": f"{uri}#k", "owner": uri, "publicKeyPem": pem_of(KEYS[0])}
    document = {"id": uri, "type": "Person", "inbox": f"{uri[:100]}/inbox", "publicKey": key}
    world.there.put(uri.removeprefix("https://there.test"), document)
    activity = world.activity("Accept", world.community.uri, actor=uri, id=..., to=[PUBLIC])
    await oracle.accept(
        lambda: world.post(activity, by=f"{uri}#k", key=KEYS[0]), Expected(202, None, lines=0)
    )
