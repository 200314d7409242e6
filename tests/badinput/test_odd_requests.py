"""TXT-01, TXT-02, SSRF-09 for visitors: odd letters in paths, queries, headers and cookies."""

from __future__ import annotations

import time

import pytest

from tests.badinput.oracle import Expected, Oracle, in_one_loop
from tests.badinput.world import Answer, World
from tests.server.raw_http import exchange, statuses

pytestmark = in_one_loop()

ODD = {
    "NUL": b"%00",
    "half a character": b"%ed%a0%80",
    "bytes that are no text": b"%ff%fe%80",
    "an overlong letter": b"%c0%ae",
    "a letter cut short": b"%e2%82",
    "an escape that is none": b"%zz",
    "half an escape": b"%",
    "escaped escapes": b"%2500",
    "a line end": b"%0d%0a",
    "digits of another script": b"%d9%a1%d9%a2",
    "a zebra": b"%f0%9f%a6%93",
    "controls": b"%01%1b%7f",
    "2^63": b"9223372036854775808",
    "2^64": b"18446744073709551616",
    "less than none": b"-1",
    "a fraction": b"1.5",
    "very many digits": b"9" * 4000,
    "very many letters": b"a" * 4000,
    "quotes": b"'%22;--",
    "percent and underscore": b"%25_%25",
    "a query of its own": b"x%26resource=y%23z",
    "an address": b"acct:x@y@here.test",
}
PLACES = {
    "id of an actor": b"/ap/actors/%s",
    "id of a post": b"/ap/posts/%s",
    "id of an activity": b"/ap/activities/%s",
    "outbox": b"/ap/actors/%s/outbox?page=1",
    "place in an outbox": b"/ap/actors/1/outbox?before=%s",
    "place in replies": b"/ap/posts/1/replies?after=%s",
    "place in a conversation": b"/ap/posts/1/context?after=%s",
    "resource": b"/.well-known/webfinger?resource=%s",
    "name of a resource": b"/.well-known/webfinger?resource=acct:%s@here.test",
    "host of a resource": b"/.well-known/webfinger?resource=acct:rosa@%s",
    "URL of a resource": b"/.well-known/webfinger?resource=https://here.test/ap/actors/%s",
    "name of a person": b"/u/%s",
    "name of a community": b"/c/%s",
    "id of a thread": b"/t/%s",
    "page of a thread": b"/t/1?page=%s&after=%s",
    "token": b"/i/%s",
    "file": b"/static/%s",
    "any page": b"/%s",
    "any question": b"/about?%s=%s",
}
HEADERS = {
    "cookie": b"Cookie: session=%s; __Host-session=%s; a\r\n",
    "language": b"Accept-Language: %s;q=%s\r\n",
    "kind": b"Accept: %s, */*;q=%s\r\n",
    "tag": b"If-None-Match: %s\r\nIf-Modified-Since: %s\r\n",
    "range": b"Range: bytes=%s-%s\r\n",
    "signature": b'Signature: keyId="https://there.test/%s",signature="%s"\r\n',
    "message signature": b'Signature-Input: s=("@method");keyid="%s"\r\nSignature: s=:%s:\r\n',
    "agent": b"User-Agent: %s %s\r\n",
    "kind of body": b"Content-Type: %s; charset=%s\r\n",
    "coding": b"Accept-Encoding: %s, gzip;q=%s\r\n",
}
RAW = {
    "bytes that are no text": b"\xff\xfe\x80",
    "half a character": b"\xed\xa0\x80",
    "a zebra": b"\xf0\x9f\xa6\x93",
    "a tab": b"a\tb",
    "quotes": b"\"'\\",
    "digits of another script": b"\xd9\xa1",
    "very many letters": b"a" * 4000,
    "very many commas": b"," * 4000,
    "very many semicolons": b";q=" * 1300,
    "a percent": b"%00%ed%a0%80",
    "nothing": b"",
}
VECTORS = [
    *[
        (f"TXT-01 {odd} in {place}", path.replace(b"%s", text), b"")
        for place, path in PLACES.items()
        for odd, text in ODD.items()
    ],
    *[
        (f"TXT-02 {odd} in {name}", path, header.replace(b"%s", text))
        for name, header in HEADERS.items()
        for odd, text in RAW.items()
        for path in (b"/about", b"/ap/instance")
    ],
]
SIZE = 20


async def ask(world: World, path: bytes, header: bytes) -> Answer:
    start = time.perf_counter()
    head = b"GET " + path + b" HTTP/1.1\r\nHost: here.test\r\nConnection: close\r\n"
    found = statuses(await exchange(world.port, head + header + b"\r\n", wait=5))
    assert len(found) == 1
    assert found[0] < 500, path
    return Answer(found[0], time.perf_counter() - start)


ANSWERED = Expected((200, 301, 302, 303, 304, 400, 401, 403, 404, 406, 410, 414, 416), lines=-1)


@pytest.mark.parametrize("first", range(0, len(VECTORS), SIZE))
async def test_a_visitor_with_odd_letters_is_answered_and_changes_nothing(
    world: World, oracle: Oracle, first: int
):
    """A refusal before any route is told of in the log, a page that is not there is not."""
    before = await oracle.digest(frozenset({"limits"}))
    slowest = 0.0
    for _, path, header in VECTORS[first : first + SIZE]:
        answer = await ask(world, path, header)
        assert answer.status in ANSWERED.status  # type: ignore[operator]
        slowest = max(slowest, answer.seconds)
    assert slowest < 15
    assert await oracle.digest(frozenset({"limits"})) == before
    await oracle.require_next()


async def test_ssrf_09_what_somebody_looks_for_is_one_name_in_one_question(world: World):
    for name in ("a&b=c", "a#b", "a%00b", "a b", "a?b", "a/../b", "a\\b", "ä"):
        with world.net.watched() as seen:
            assert await world.fed.resolver.find_community(f"{name}@there.test") is None
        assert len(seen.asks) == 1
        path, _, question = seen.asks[0].partition("?")
        assert path == "there.test/.well-known/webfinger"
        assert question.startswith("resource=acct:a") or question.startswith("resource=acct:%C3")
        assert question.endswith("@there.test")
        assert not set(question) & set("&# /?\\")


@pytest.mark.parametrize("name", ["a\r\nX: y", "a\x00b", "\ud800", "x" * 5000])
async def test_ssrf_09_a_name_that_is_none_is_not_looked_for(world: World, name: str):
    with world.net.watched() as seen:
        assert await world.fed.resolver.find_community(f"{name}@there.test") is None
    assert len(seen.asks) <= 1
    assert not any("\r" in ask or "\x00" in ask for ask in seen.asks)
