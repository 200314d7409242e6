"""Parsers and what they promise for anything: a value, or a refusal of their own, and soon."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from federation.address import (
    Target,
    canonical_host,
    is_dialable,
    is_same_origin,
    parse_url,
    resolve,
)
from federation.errors import BadSignature, FederationError, Malformed, Refused
from federation.negotiation import is_activity_json
from federation.outcomes import LONGEST_ASKED, retry_after
from federation.signatures import Message, Signed, read_signature
from federation.sync_header import read_header
from federation.vocabulary.activities import parse_activity
from federation.vocabulary.collections import parse_collection
from federation.vocabulary.strict import MAX_DEPTH, decode_json
from tests.badinput.addresses import ALL
from tests.federation.peer import signed_headers
from tests.federation.witness import message_headers

EXAMPLES = 150
SOON = 0.5  # seconds of CPU; a hundredth of it is usual

few = settings(max_examples=EXAMPLES)
fewer = settings(max_examples=EXAMPLES // 5)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
URL = "https://here.test/inbox"
KEY_URI = "https://there.test/ada#main-key"
BODY = b'{"type": "Note"}'

any_text = st.text(max_size=200)
latin = st.text(st.characters(max_codepoint=255), max_size=200)


def in_time(work: Callable[[], Any]) -> Any:
    start = time.process_time()
    try:
        return work()
    finally:
        assert time.process_time() - start < SOON


# Signature headers.

PIECES = st.sampled_from(
    [
        "keyId",
        "keyid",
        "headers",
        "algorithm",
        "signature",
        "created",
        "expires",
        "=",
        '"',
        ",",
        " ",
        '="',
        '",',
        "(request-target)",
        "host date digest",
        "(created)",
        "hs2019",
        "rsa-sha256",
        "AAAA",
        "1",
        "9" * 30,
        "\t",
        "\\",
        "sig1",
        "sig2",
        "=(",
        ")",
        ";",
        ":",
        '"@method"',
        '"@target-uri"',
        '"content-digest"',
        ";created=1",
        ';keyid="https://there.test/a"',
        ';alg="ed25519"',
        "?1",
        "@1",
        "=:AAAA:",
        "%",
        "\xe9",
        ";sf",
        ";req",
        "*",
    ]
)
HEADER = st.one_of(latin, st.lists(PIECES, max_size=30).map("".join))


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def message(headers: list[tuple[bytes, bytes]], body: bytes | None = BODY) -> Message:
    return Message("POST", "https://here.test", "/inbox", "", headers, body)


def read(headers: list[tuple[bytes, bytes]]) -> Signed | None:
    try:
        return read_signature(message(headers), NOW)
    except BadSignature:
        return None


@few
@given(HEADER)
def test_any_signature_header_is_read_or_refused(header: str):
    headers = raw({"host": "here.test", "date": format_datetime(NOW, True), "signature": header})
    in_time(lambda: read(headers))


@few
@given(HEADER, HEADER, HEADER)
def test_any_signature_input_is_read_or_refused(inputs: str, values: str, digest: str):
    headers = raw({"signature-input": inputs, "signature": values, "content-digest": digest})
    in_time(lambda: read(headers))


def right(kind: str) -> dict[str, str]:
    if kind == "cavage":
        return signed_headers("post", URL, BODY, KEY_URI, date=NOW)
    return message_headers("post", URL, BODY, KEY_URI, created=NOW)


RIGHT = {kind: right(kind) for kind in ("cavage", "rfc9421")}


@few
@given(
    st.sampled_from(sorted(RIGHT)),
    st.sampled_from(["signature", "signature-input", "digest", "content-digest", "date", "host"]),
    st.integers(0, 400),
    st.integers(0, 3),
    st.text(st.characters(max_codepoint=255), max_size=4),
)
def test_a_bent_header_is_refused_or_means_another_text(
    kind: str, name: str, place: int, cut: int, put: str
):
    """What is signed is what was sent: no change of a covered part leaves text, key and value."""
    headers = dict(RIGHT[kind])
    if name not in headers:
        return
    before = headers[name]
    place = min(place, len(before))
    headers[name] = before[:place] + put + before[place + cut :]
    was, now = read(raw(RIGHT[kind])), in_time(lambda: read(raw(headers)))
    assert was is not None
    same = now is not None and (now.texts, now.key_uri, now.value) == (
        was.texts,
        was.key_uri,
        was.value,
    )
    if same and headers[name].strip() != before.strip():
        # A parameter that nobody covers, or white space between them: never what was signed. RFC
        # 9421 covers the URL, and so needs neither Date nor Host.
        uncovered = {"date", "host"} if kind == "rfc9421" else set()
        assert name in {"signature", "signature-input", "digest", "content-digest"} | uncovered


@few
@given(st.text(st.characters(codec="ascii"), max_size=60))
@example("Mon, 01 Jan 0001 00:00:00 -2359")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example(" ")
def test_any_date_is_read_or_refused(date: str):
    with contextlib.suppress(ValueError):
        headers = raw(RIGHT["cavage"] | {"date": date})
        in_time(lambda: read(headers))


DATE_PIECES = st.sampled_from(
    [
        "Mon, ",
        " ",
        "01",
        " Jan ",
        "2026",
        "00:00:00",
        "GMT",
        "+9999",
        "-0000",
        "99999",
        "0001",
        "31",
        "9999",
        "23:59:60",
        ".",
        "-",
        "/",
        ":",
        "(x)",
        ",",
        "\t",
        "１",
        "+2359",
        "EST",
        "12",
        "pm",
        "\x00",
    ]
)


@few
@given(st.lists(DATE_PIECES, max_size=10).map("".join))
@example("Mon, 01 Jan 1 23:59:60999990001")
@example("Mon, 01 Jan 9999912\t-2359999900:00:00")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("9" * 5000)
def test_any_retry_after_is_a_wait_or_nothing(text: str):
    wait = in_time(lambda: retry_after(text, NOW))
    assert wait is None or timedelta() < wait <= LONGEST_ASKED


@few
@given(HEADER)
def test_any_synchronization_header_is_read_or_passed_over(header: str):
    claim = in_time(lambda: read_header(header))
    assert claim is None or len(claim.digest) == 64


# URLs.

HOST_PIECES = st.sampled_from(
    [
        "a",
        "test",
        "there",
        ".",
        "..",
        "-",
        "_",
        "1",
        "127",
        "0x7f",
        "0177",
        "[",
        "]",
        ":",
        "::",
        "@",
        "%",
        "%31",
        "\\",
        "/",
        "ⓐ",
        "①",
        "。",
        "．",
        "\u00ad",
        "\u200d",
        "xn--",
        "xn--a",
        "ß",
        "ſ",
        "ı",
        "443",
        "80",
        "#",
        "?",
        "ü",
        "\u0338",
        "fe80",
        "ffff",
        "v1.",
        "\t",
        " ",
        "localhost",
        "İ",
        "🦓",
    ]
)
HOSTS = st.one_of(
    st.lists(HOST_PIECES, max_size=10).map("".join), any_text, st.ip_addresses().map(str)
)
PATHS = st.one_of(any_text, st.just(""))


async def never(hostname: str, port: int) -> list[str]:
    raise OSError(hostname)


def parsed(url: str) -> Target | None:
    try:
        return parse_url(url)
    except Refused:
        return None


@few
@given(st.sampled_from(["https://", "http://", "HTTPS://", "//", "", "file://"]), HOSTS, PATHS)
def test_a_url_is_refused_or_has_one_meaning(scheme: str, host: str, path: str):
    """What is dialled, sent and compared is the same; reading it again changes nothing."""
    target = in_time(lambda: parsed(f"{scheme}{host}/{path}"))
    if target is None:
        return
    assert parse_url(target.url) == target
    assert target.url.isascii()
    assert not set(target.url) & set(" \t\r\n\\\x00@#" if "@" not in target.path else " \r\n\\#")
    assert target.hostname == target.hostname.lower()
    assert canonical_host(target.url) == target.host
    assert is_same_origin(target.url, target.origin)
    httpx.URL(target.origin)  # the client takes it as well
    assert 0 < target.port < 65536


@few
@given(HOSTS)
def test_no_host_leads_to_a_special_address(host: str):
    target = parsed(f"https://{host}/")
    if target is None:
        return

    async def addresses() -> list[str]:
        return await resolve(target.hostname, 443, allow_loopback=False, lookup=never)

    with contextlib.suppress(OSError, Refused):
        for found in asyncio.run(addresses()):
            assert ipaddress.ip_address(found).is_global
            assert is_dialable(found, allow_loopback=False)


SPECIAL_NUMBERS = st.sampled_from(sorted({vector.address for vector in ALL}))


@few
@given(SPECIAL_NUMBERS, st.integers(-2, 2))
def test_around_the_ends_of_a_range_only_the_rule_decides(address: str, offset: int):
    """Beside a special range there may be another: but nothing private is ever dialled."""
    number = int(ipaddress.ip_address(address)) + offset
    kind = ipaddress.IPv6Address if ":" in address else ipaddress.IPv4Address
    if not 0 <= number < 2 ** (128 if ":" in address else 32):
        return
    found = kind(number)
    if is_dialable(str(found), allow_loopback=False):
        assert found.is_global
        assert not found.is_multicast


@few
@given(HOSTS, HOSTS, PATHS)
def test_two_origins_are_one_or_two_from_either_side(one: str, other: str, path: str):
    first, second = f"https://{one}/{path}", f"https://{other}/"
    assert is_same_origin(first, second) == is_same_origin(second, first)
    assert is_same_origin(first, first) == (parsed(first) is not None)


# JSON.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text, inner, max_size=5),
    max_leaves=15,
)


@few
@given(st.binary(max_size=400) | any_text.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b'{"a":1,"a":2}')
@example(b'{"a":1e999}')
@example(b'{"a":' + b"9" * 5000 + b"}")
@example(b"[" * 100_000)
def test_any_bytes_are_one_object_or_refused(body: bytes):
    with contextlib.suppress(Malformed):
        assert isinstance(in_time(lambda: decode_json(body)), dict)


@fewer
@given(st.dictionaries(any_text, JSON, max_size=6))
def test_what_is_taken_means_the_same_to_any_other_reader(fields: dict[str, Any]):
    body = json.dumps(fields).encode()
    try:
        decoded = decode_json(body)
    except Malformed:
        assert not _is_plain(fields, MAX_DEPTH)
        return
    assert decoded == json.loads(body)


def _is_plain(value: Any, depth: int) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_is_plain(one, depth - 1) for one in inner)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return -(2**63) <= value < 2**63
    return True


NAMES = st.sampled_from(
    [
        "type",
        "@type",
        "id",
        "@id",
        "actor",
        "object",
        "to",
        "cc",
        "tag",
        "attachment",
        "content",
        "contentMap",
        "name",
        "summary",
        "url",
        "href",
        "inReplyTo",
        "attributedTo",
        "published",
        "items",
        "orderedItems",
        "first",
        "next",
        "totalItems",
        "oneOf",
        "anyOf",
        "endTime",
        "source",
        "replies",
        "context",
        "inbox",
        "publicKey",
        "proof",
        "target",
        "mediaType",
        "icon",
        "location",
    ]
)
VALUES = st.recursive(
    st.sampled_from(
        [
            "Create",
            "Note",
            "Announce",
            "Update",
            "Question",
            "Person",
            "Like",
            "Undo",
            "Follow",
            "Collection",
            "https://there.test/1",
            "https://there.test/#\ud800",
            "as:Public",
            "",
            "x" * 300,
            "2026-01-01T00:00:00Z",
            "text/html",
            "\x00",
        ]
    )
    | JSON,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=15,
)


@fewer
@given(st.dictionaries(NAMES, VALUES, max_size=10))
def test_any_document_is_an_activity_or_refused(fields: dict[str, Any]):
    with contextlib.suppress(Malformed):
        in_time(lambda: parse_activity(fields))


@fewer
@given(st.dictionaries(NAMES, VALUES, max_size=10))
def test_any_document_is_a_collection_or_refused(fields: dict[str, Any]):
    fields = {"type": "OrderedCollection", **fields}
    with contextlib.suppress(Malformed):
        found = in_time(lambda: parse_collection(fields))
        assert len(found.items) <= 500
        for url in (found.first, found.next):
            assert url is None or parsed(url) is not None


# Other headers.


@few
@given(latin)
@example("application/ld+json; profile*0*=x")
@example("application/ld+json; profile*=utf-8''%ff")
@example("application/ld+json; profile*1=a; profile*0=b")
@example("; ; =; =?")
@example("application/activity+json" + ";" * 900)
def test_any_content_type_is_one_of_the_two_or_not(content_type: str):
    found = in_time(lambda: is_activity_json(content_type))
    if found:
        kind = content_type.partition(";")[0].strip().lower()
        assert kind in {"application/activity+json", "application/ld+json"}


@pytest.mark.parametrize("size", [64, 1024, 65_536])
@pytest.mark.parametrize(
    "text", ['"', ";", "profile=", '\\"', "=", "(", "*0*=", "%", ",", " ", '";"', "a=b;", "\x00"]
)
def test_a_long_content_type_costs_no_more_than_it_is_long(text: str, size: int):
    value = "application/ld+json; " + (text * size)[:size]
    in_time(lambda: is_activity_json(value))


@few
@given(st.binary(max_size=600))
def test_any_base64_in_a_signature_is_read_or_refused(value: bytes):
    text = base64.b64encode(value).decode()
    header = f'keyId="{KEY_URI}",headers="(request-target) host date digest",signature="{text}"'
    read(raw(RIGHT["cavage"] | {"signature": header}))


@few
@given(any_text)
def test_a_name_in_a_question_stays_one_value(name: str):
    """As finding.py writes it into the question to WebFinger."""
    resource = quote(f"acct:{name}@there.test", safe="@:", errors="replace")
    target = parsed(f"https://there.test/.well-known/webfinger?resource={resource}")
    if target is not None:
        assert not set(target.path.partition("?")[2]) & set("&#")


def test_federation_errors_are_a_family():
    """What the properties above let pass is what the doors answer."""
    assert issubclass(BadSignature, FederationError)
    assert issubclass(Malformed, FederationError)
    assert issubclass(Refused, FederationError)
