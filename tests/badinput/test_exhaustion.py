"""RES-01, 03, 04, 07 to 10: documents that are too long, too deep, too many, or without end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from federation import backfill
from federation.errors import Malformed
from federation.vocabulary.strict import decode_json
from forum.drafts import HTML_LENGTH
from forum.text import clean_remote, plain_text
from storage import backfills
from storage.parts import parts_of
from tests.badinput.cases import REFUSED, Bad, Good, Make
from tests.badinput.oracle import Expected, Oracle, in_one_loop
from tests.badinput.world import Answer, World
from tests.server.raw_http import statuses

pytestmark = in_one_loop()

MALFORMED = Expected(400)
TOO_LARGE = Expected(413)
CPU_SECONDS = 0.1  # what is wanted; a busy machine gets five times as much
PATIENCE = 5

Change = Callable[[World], dict[str, Any]]


def sent(change: Change) -> Make:
    """A reply of Ada's with something in it."""

    async def make(world: World):
        return await world.post(world.create(world.reply(**change(world))))

    return make


def bytes_of(body: bytes) -> Make:
    async def make(world: World):
        return await world.post(body.replace(b"ADA", world.ada.encode()), by=world.ada)

    return make


def with_value(value: bytes) -> bytes:
    return b'{"actor": "ADA", "type": "Create", "id": "https://there.test/1", "x": ' + value + b"}"


DEEP: dict[str, bytes] = {
    "33 lists": b"[" * 32 + b"]" * 32,
    "33 maps": b'{"a":' * 32 + b"1" + b"}" * 32,
    "1,000 lists": b"[" * 1000 + b"]" * 1000,
    "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
    "100,000 open lists": b"[" * 100_000,
    "100,000 open maps": b'{"a":' * 100_000,
    "lists and maps by turns": b'[{"a":' * 50_000,
    "many that are deep": b"[" + b",".join(b"[" * 40 + b"]" * 40 for _ in range(100)) + b"]",
}
WIDE: dict[str, bytes] = {
    "a million zeros": b"[" + b"0," * 500_000 + b"0]",
    "20,001 values": b"[" + b"0," * 20_001 + b"0]",
    "40,000 maps": b"[" + b"{}," * 40_000 + b"{}]",
    "40,000 keys": b"{" + b",".join(b'"k%d":0' % n for n in range(40_000)) + b"}",
    "200,000 empty texts": b"[" + b'"",' * 200_000 + b'""]',
    "lists of lists": b"[" + b"[[],[]]," * 10_000 + b"[]]",
}
COSTLY: dict[str, bytes] = {
    "escapes": b'"' + b"\\u0041" * 150_000 + b'"',
    "surrogate escapes": b'"' + b"\\ud83e\\uddac" * 80_000 + b'"',
    "backslashes": b'"' + b"\\\\" * 400_000 + b'"',
    "a long number": b"1" * 500_000,
    "a long fraction": b"0." + b"1" * 500_000,
    "a long exponent": b"1e" + b"1" * 500_000,
    "spaces": b" " * 900_000 + b"1",
    "an open text": b'"' + b"x" * 900_000,
    "a long key": b'{"' + b"k" * 900_000 + b'":1}',
    "keys of one hash": b"{"
    + b",".join(b'"%d":0' % (n * (2**61 - 1)) for n in range(15_000))
    + b"}",
}


@pytest.mark.parametrize("name", [*DEEP, *WIDE])
async def test_res_03_what_is_too_deep_or_too_wide_is_refused(
    world: World, oracle: Oracle, name: str
):
    body = with_value((DEEP | WIDE)[name])
    await oracle.judge(lambda: bytes_of(body)(world), MALFORMED)


@pytest.mark.parametrize("name", [*DEEP, *WIDE, *COSTLY])
async def test_res_03_it_is_known_at_once(name: str):
    body = with_value((DEEP | WIDE | COSTLY)[name])
    start = time.process_time()
    with contextlib.suppress(Malformed):
        decode_json(body)
    assert time.process_time() - start < CPU_SECONDS * PATIENCE


@pytest.mark.parametrize(
    "value", [b"[" * 30 + b"]" * 30, b"[" + b"0," * 19_000 + b"0]"], ids=["deep", "wide"]
)
async def test_res_03_its_good_twin_is_taken(world: World, oracle: Oracle, value: bytes):
    body = json.dumps(world.create(world.reply())).encode()
    body = body.replace(b'"cc": []', b'"cc": [], "x": ' + value, 1)
    await oracle.accept(lambda: world.post(body, by=world.ada))


# Many of what a post has a few of.


def many(make: Callable[[int], Any], count: int = 4000) -> list[Any]:
    return [make(number) for number in range(count)]


def people(number: int) -> str:
    return f"https://p{number}.test/"


def hashtag(number: int) -> dict[str, str]:
    return {"type": "Hashtag", "name": f"#t{number}", "href": "https://there.test/t"}


def mention(number: int) -> dict[str, str]:
    return {"type": "Mention", "name": f"@a{number}@p.test", "href": people(number)}


def emoji(number: int) -> dict[str, Any]:
    icon = {"type": "Image", "url": "https://there.test/e.png"}
    return {"type": "Emoji", "name": f":e{number}:", "icon": icon}


def image(number: int) -> dict[str, str]:
    return {"type": "Image", "mediaType": "image/png", "url": f"https://there.test/{number}.png"}


CROWDS: dict[str, Change] = {
    "hashtags": lambda _: {"tag": many(hashtag)},
    "mentions": lambda _: {"tag": many(mention)},
    "emoji": lambda _: {"tag": many(emoji, 2000)},
    "attachments": lambda _: {"attachment": many(image)},
    "images": lambda _: {"image": many(image)},
    "to": lambda world: {"to": ["as:Public", world.community.uri, *many(people, 10_000)]},
    "cc": lambda _: {"cc": many(people, 10_000)},
    "audience": lambda _: {"audience": many(people, 10_000)},
    "urls": lambda _: {"url": many(people, 10_000)},
    "types": lambda _: {"type": ["Note", *many(lambda n: f"T{n}", 10_000)]},
    "languages": lambda _: {"contentMap": {f"x{n}": "x" for n in range(10_000)}},
    "contexts": lambda _: {"@context": many(people, 10_000)},
    "links in a link": lambda _: {"url": {"type": "Link", "href": "x", "tag": many(image)}},
    "quotes": lambda _: {"tag": many(lambda n: {"type": "Link", "rel": "x", "href": people(n)})},
}


@pytest.mark.parametrize("name", CROWDS)
async def test_res_04_of_many_some_are_kept_and_nobody_is_asked(
    world: World, oracle: Oracle, name: str
):
    note = world.reply(**CROWDS[name](world))
    verdict = await oracle.accept(lambda: world.post(world.create(note)))
    assert verdict.net.asks == []
    stored = await world.observer.fetchval("select parts from posts where uri = $1", note["id"])
    parts = parts_of(None if stored is None else json.loads(stored))
    assert len(parts.attachments) <= 16
    for kind in ("hashtag", "mention", "emoji"):
        assert sum(tag.kind == kind for tag in parts.tags) <= 50


# Long texts, and texts that cost more than they are long.

LONG: list[Bad | Good] = [
    Bad("RES-07 content of 900 kB", sent(lambda _: {"content": "<p>" + "x" * 900_000}), REFUSED),
    Bad(
        "RES-07 a poll of 4,000 answers",
        sent(lambda _: {"type": "Question", "oneOf": many(lambda n: {"name": f"a{n}"})}),
        REFUSED,
    ),
    Bad(
        "RES-07 a poll of 100,000 answers",
        sent(lambda _: {"type": "Question", "oneOf": many(lambda n: {"name": f"a{n}"}, 30_000)}),
        MALFORMED,
    ),
    Bad("RES-07 an activity over a mebibyte", sent(lambda _: {"x": "y" * 1_100_000}), TOO_LARGE),
    Good("RES-07 a title of 900 kB", sent(lambda _: {"name": "x" * 900_000})),
    Good("RES-07 a summary of 900 kB", sent(lambda _: {"summary": "x" * 900_000})),
    Good(
        "RES-07 a source of 900 kB",
        sent(lambda _: {"source": {"mediaType": "text/markdown", "content": "x" * 900_000}}),
    ),
    Good(
        "RES-07 an answer of 900 kB",
        sent(
            lambda _: {
                "type": "Question",
                "oneOf": [{"type": "Note", "name": n * 400_000} for n in "ab"],
            }
        ),
    ),
    Good(
        "RES-07 a description of 900 kB",
        sent(lambda _: {"attachment": [{**image(1), "name": "x" * 900_000}]}),
    ),
    Good(
        "RES-07 a place of 900 kB",
        sent(
            lambda _: {
                "type": "Event",
                "startTime": "2026-01-01T00:00:00Z",
                "location": {"type": "Place", "name": "x" * 900_000},
            }
        ),
    ),
    Good("RES-07 an unknown field of 900 kB", sent(lambda _: {"x": "y" * 900_000})),
]


@pytest.mark.parametrize("long", LONG, ids=str)
async def test_what_is_too_long_is_cut_or_refused(world: World, oracle: Oracle, long: Bad | Good):
    if isinstance(long, Bad):
        await oracle.judge(lambda: long.make(world), long.expected)
    else:
        await oracle.accept(lambda: long.make(world), long.expected)


PROFILES: dict[str, dict[str, Any]] = {
    "a name of 900 kB": {"name": "x" * 900_000},
    "a summary of 900 kB": {"summary": "<p>" + "x" * 900_000},
    "10,000 fields": {"attachment": many(lambda n: {"type": "PropertyValue", "name": "x"}, 5000)},
    "10,000 icons": {"icon": many(image)},
    "10,000 tags": {"tag": many(hashtag)},
    "10,000 other names": {"alsoKnownAs": many(people, 10_000)},
    "10,000 keys": {"assertionMethod": many(lambda n: {"id": people(n), "type": "Multikey"})},
    "10,000 addresses": {"url": many(people, 10_000)},
}


@pytest.mark.parametrize("kind", ["Person", "Group"])
@pytest.mark.parametrize("name", PROFILES)
async def test_res_07_an_actor_who_says_too_much_is_known_in_short(
    world: World, oracle: Oracle, name: str, kind: str
):
    uri = world.there.actor(f"l{world.new_uri('x').rpartition('/')[2]}", kind=kind)
    page = world.there.pages[uri.removeprefix(world.there.origin)]
    page.body = json.dumps(json.loads(page.body) | PROFILES[name]).encode()
    activity = world.create(world.reply(uri), actor=uri)
    await oracle.accept(lambda: world.post(activity), Expected(202, None, lines=0))
    size = "select octet_length(a::text) from actors a where uri = $1"
    assert await world.observer.fetchval(size, uri) < 20_000
    keys = "select count(*) from actor_keys k join actors a on a.id = k.actor_id where a.uri = $1"
    assert await world.observer.fetchval(keys, uri) <= 20


REPEATED = (
    "<a", "[", "![", "<b>x", "<blockquote>x", "&", "<!--", "<table><tr><td>x", "<a href=x>x",
    "<p>x", "</p>", "<svg><style>x", "&#x1f9ec;", "<p a=b ", "<font><p>x", "<b><i>x", "<a><b></a>x",
    "<select><option>x", "<form><div></form>x", "<math><mi>x", "<template>x", "<b></p>x",
    "<li>x", "<h1>x", "<pre>x", "<ruby><rt>x", "http://x.test/ ", "@a@b.test ", "<img src=x>",
    "<details><summary>x", "<p style='" + "x" * 50 + "'>x", "x&lt;", "<![CDATA[", "<?",
    "<b a='<b'>x",
    "> ", "* ", "`", "**x", "[x](", "|-|\n", "<https://x.test/>", "\\", "#t ", "\u202e", "\u200d",
)  # fmt: skip


@pytest.mark.parametrize("text", REPEATED)
async def test_res_08_markup_that_costs_is_cleaned_at_once_or_shown_as_text(
    world: World, oracle: Oracle, text: str
):
    html = (text * 100_000)[:99_900]
    start = time.process_time()
    cleaned = clean_remote(html)
    plain_text(cleaned)
    assert time.process_time() - start < CPU_SECONDS * PATIENCE
    if len(cleaned) <= HTML_LENGTH:  # of what is longer nothing is kept
        assert clean_remote(cleaned) == cleaned
    note = world.reply(content=html)
    expected = Expected(202, "done|refused", lines=-1, changes=frozenset({"posts", "events"}))
    await oracle.judge(lambda: world.post(world.create(note)), expected)


# Conversations and lists without end.


@pytest.mark.parametrize("length", [1, 2, 3, 10])
async def test_res_09_a_circle_of_answers_is_cut(world: World, oracle: Oracle, length: int):
    uris = [world.new_uri("ring") for _ in range(length)]
    for number, uri in enumerate(uris):
        note = world.in_group(id=uri, inReplyTo=uris[(number + 1) % length])
        world.there.put(uri.removeprefix(world.there.origin), note)
    asks = tuple(uri.removeprefix("https://") for uri in uris)
    expected = replace(REFUSED, asks=asks, reason="circle")
    await oracle.judge(lambda: world.post(world.announce(uris[0])), expected)


@pytest.mark.parametrize("length", [60, 10_000])
async def test_res_09_a_long_chain_of_answers_is_climbed_so_far(
    world: World, oracle: Oracle, length: int
):
    """One activity makes us ask for twenty documents and no more."""
    start = world.new_uri("chain")
    for number in range(min(length, 60)):
        note = world.in_group(id=f"{start}/{number}", inReplyTo=f"{start}/{number + 1}")
        world.there.put(note["id"].removeprefix(world.there.origin), note)
    asks = tuple(f"{start}/{number}".removeprefix("https://") for number in range(20))
    expected = replace(REFUSED, asks=asks, reason="too_many_fetches")
    await oracle.judge(lambda: world.post(world.announce(f"{start}/0")), expected)


async def test_res_09_a_short_chain_is_taken_whole(world: World, oracle: Oracle):
    start = world.new_uri("chain")
    for number in range(6):
        parent = {"inReplyTo": f"{start}/{number + 1}"} if number < 5 else {}
        note = world.in_group(id=f"{start}/{number}", **parent)
        world.there.put(note["id"].removeprefix(world.there.origin), note)
    await oracle.accept(lambda: world.post(world.announce(f"{start}/0")))


READ = frozenset({"backfills", "posts", "events"})


async def read_again(world: World, uri: str, kind: str) -> Answer:
    """What the worker reads again."""
    await world.observer.execute("delete from backfills")
    start = time.perf_counter()
    async with world.database.write() as conn:
        now = world.clock.now()
        await backfills.add(conn, uri, kind, world.group.id, "there.test", now)
    await backfill.step(world.fed)
    return Answer(200, time.perf_counter() - start)


def page(world: World, uri: str, **changed: Any) -> str:
    document = {"id": uri, "type": "OrderedCollectionPage", **changed}
    return world.there.put(uri.removeprefix(world.there.origin), document)


async def endless(world: World, path: str, item: Callable[[int], Any], each: int = 1) -> str:
    """A collection whose pages go on for ever: a hundred are there, each names the next."""
    start = world.new_uri(path)
    for number in range(100):
        items = [item(number * each + place) for place in range(each)]
        page(world, f"{start}/{number}", orderedItems=items, next=f"{start}/{number + 1}")
    return page(world, start, type="OrderedCollection", totalItems=10**18, first=f"{start}/0")


MOST_PAGES = 10
MOST_ITEMS = 500


@pytest.mark.parametrize("kind", ["community", "thread"])
async def test_res_10_a_collection_without_end_is_read_for_ten_pages(
    world: World, oracle: Oracle, kind: str
):
    start = await endless(world, "endless", lambda number: f"https://there.test/none/{number}")
    uri = start
    if kind == "community":
        uri = world.there.actor("group", kind="Group", outbox=start)
    with world.net.watched() as seen:
        await read_again(world, uri, kind)
    pages = [ask for ask in seen.asks if ask.startswith(start.removeprefix("https://"))]
    assert len(pages) <= MOST_PAGES + 2
    assert len(seen.asks) <= 2 * MOST_PAGES + 4
    await oracle.require_next()


async def test_res_10_a_page_of_very_many_items_is_read_to_five_hundred(
    world: World, oracle: Oracle
):
    start = await endless(world, "crowd", lambda n: f"https://there.test/of/{n}", each=2000)
    uri = world.there.actor("group", kind="Group", outbox=start)
    await read_again(world, uri, "community")
    waiting = "select count(*) from backfills where kind = 'thread'"
    assert await world.count(waiting) == MOST_ITEMS
    await world.observer.execute("delete from backfills")
    await oracle.require_next()


CIRCLES: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "next is itself": lambda uri: [{"next": uri, "orderedItems": []}],
    "first is itself": lambda uri: [{"first": uri}],
    "next goes back": lambda uri: [{"next": f"{uri}/1"}, {"next": uri}],
    "first and next go round": lambda uri: [{"first": f"{uri}/1"}, {"next": f"{uri}/1"}],
    "no pages, very many items": lambda uri: [{"totalItems": 10**18}],
    "less than none": lambda uri: [{"totalItems": -1, "orderedItems": None}],
    "items that are none": lambda uri: [{"orderedItems": [1, None, "", [], {}, "x", True]}],
    "items in items": lambda uri: [{"orderedItems": [{"orderedItems": [{"items": ["x"]}]}]}],
    "a page inside itself": lambda uri: [{"first": {"first": {"next": uri}, "next": uri}}],
}


@pytest.mark.parametrize("name", CIRCLES)
@pytest.mark.parametrize("kind", ["community", "thread"])
async def test_res_10_a_collection_that_leads_back_is_read_once(
    world: World, oracle: Oracle, name: str, kind: str
):
    start = world.new_uri("round")
    for number, fields in enumerate(CIRCLES[name](start)):
        page(world, start if number == 0 else f"{start}/{number}", **fields)
    uri = start
    if kind == "community":
        uri = world.there.actor("group", kind="Group", outbox=start)

    async def act() -> Answer:
        with world.net.watched() as seen:
            answer = await read_again(world, uri, kind)
        assert len(seen.asks) <= 4, seen.asks
        return answer

    await oracle.judge(act, Expected(200, lines=-2, changes=READ))


async def test_res_10_its_good_twin_is_read(world: World, oracle: Oracle):
    notes = [world.in_group() for _ in range(3)]
    for note in notes:
        world.there.put(note["id"].removeprefix(world.there.origin), note)
    uris = [note["id"] for note in notes]
    context = page(world, world.new_uri("whole"), type="OrderedCollection", orderedItems=uris)
    await read_again(world, context, "thread")
    assert await world.count("select count(*) from posts where uri = any($1)", uris) == 3


# Bodies that are announced, or not, and are too large.


async def pour(world: World, head: bytes, piece: bytes, pieces: int) -> tuple[int, int]:
    """Send as long as the server takes it; its answer, and how much it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    taken = 0
    with contextlib.suppress(OSError):
        writer.write(head)
        for _ in range(pieces):
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), 5)
            taken += len(piece)
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        answer = await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    return next(iter(statuses(answer)), 0), taken


POURS: dict[str, tuple[str, bytes]] = {
    "declared, to the inbox": ("/inbox", b"Content-Length: 100000000\r\n"),
    "declared, to an actor's inbox": ("/ap/actors/1/inbox", b"Content-Length: 100000000\r\n"),
    "declared, to a form": ("/sign-in", b"Content-Length: 100000000\r\n"),
    "declared, to nothing": ("/nowhere", b"Content-Length: 100000000\r\n"),
    "in chunks, to the inbox": ("/inbox", b"Transfer-Encoding: chunked\r\n"),
    "in chunks, to an actor's inbox": ("/ap/actors/1/inbox", b"Transfer-Encoding: chunked\r\n"),
    "in chunks, to a form": ("/sign-in", b"Transfer-Encoding: chunked\r\n"),
    "in chunks, to nothing": ("/nowhere", b"Transfer-Encoding: chunked\r\n"),
}


@pytest.mark.parametrize("name", POURS)
async def test_res_01_a_hundred_megabytes_are_not_read(world: World, oracle: Oracle, name: str):
    path, size = POURS[name]
    head = f"POST {path} HTTP/1.1\r\nHost: here.test\r\n".encode() + size + b"\r\n"
    piece = b"x" * 65536
    if b"chunked" in size:
        piece = b"10000\r\n" + piece + b"\r\n"

    async def act() -> Answer:
        start = time.perf_counter()
        status, taken = await pour(world, head, piece, 1600)
        assert taken < 12_000_000  # what fits into the buffers of two kernels is not read
        return Answer(status or 413, time.perf_counter() - start)

    await oracle.judge(act, TOO_LARGE)


async def test_res_01_a_form_of_a_thousand_parts_is_no_form(world: World, oracle: Oracle):
    part = b'--x\r\nContent-Disposition: form-data; name="n%d"\r\n\r\nv\r\n'
    body = b"".join(part % number for number in range(1001)) + b"--x--\r\n"
    headers = [
        ("host", "here.test"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("origin", "https://here.test"),
    ]
    expected = Expected((400, 403, 413, 415), lines=0)
    await oracle.judge(lambda: world.send(body, headers, "/sign-in"), expected)
