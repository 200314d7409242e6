"""Signatures, made and checked, against a witness that shares no code with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from federation.errors import BadSignature
from federation.keys import load_own_key, load_public_key
from federation.signatures import Message, Signed, is_signed_by, read_signature, sign_request
from tests.factories import KEYPAIR
from tests.federation.peer import KEYS, pem_of, signed_headers

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
URL = "https://here.test/inbox"
KEY_URI = "https://there.test/ada#main-key"


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def read(headers: list[tuple[bytes, bytes]], body: bytes | None = None) -> Signed | None:
    return read_signature(Message("POST", "https://here.test", "/inbox", "", headers, body), NOW)


def check(
    headers: dict[str, str],
    *,
    method: str = "post",
    path: str = "/inbox",
    query: str = "",
    body: bytes | None = b"{}",
    now: datetime = NOW,
    pem: str = pem_of(KEYS[0]),
) -> bool:
    message = Message(method, "https://here.test", path, query, raw(headers), body)
    signed = read_signature(message, now)
    assert signed is not None
    return is_signed_by(load_public_key(pem), signed)


def witness(method: str = "post", url: str = URL, body: bytes | None = b"{}", **how: Any):
    return signed_headers(method, url, body, KEY_URI, date=NOW, **how)


def test_what_we_sign_we_accept_and_nothing_else():
    key = load_own_key(KEYPAIR.private_pem)
    headers = sign_request("post", URL, b"{}", KEY_URI, key, NOW)
    assert check(headers, pem=KEYPAIR.public_pem)
    assert not check(headers, path="/other", pem=KEYPAIR.public_pem)
    assert not check(headers, pem=pem_of(KEYS[1]))


def test_a_get_is_signed_over_target_host_and_date_with_the_query():
    key = load_own_key(KEYPAIR.private_pem)
    headers = sign_request(
        "get", "https://There.test:443/a?b=c d".replace(" ", "%20"), None, KEY_URI, key, NOW
    )
    assert headers["host"] == "there.test"
    assert 'headers="(request-target) host date"' in headers["signature"]
    assert check(
        headers, method="get", path="/a", query="b=c%20d", body=None, pem=KEYPAIR.public_pem
    )


def test_the_witness_is_accepted():
    assert check(witness())


@pytest.mark.parametrize("path", ["/a?page=1", "/a"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_r17_a_request_is_accepted_whether_or_not_the_query_is_signed(method: str, path: str):
    body = b"{}" if method == "post" else None
    headers = witness(method, "https://here.test/a?page=1", body, path=path)
    assert check(headers, method=method, path="/a", query="page=1", body=body)
    assert not check(headers, method=method, path="/b", query="page=1", body=body)


def test_r17_another_query_than_the_signed_one_is_refused():
    headers = witness("get", "https://here.test/a?page=1", None)
    assert not check(headers, method="get", path="/a", query="page=2", body=None)


def created(offset: timedelta, **more: str) -> dict[str, str]:
    moment = str(int((NOW + offset).timestamp()))
    headers = witness(
        names="(request-target) (created) host digest",
        values={"(created)": moment, **more},
        algorithm="hs2019",
    )
    headers.pop("(created)")
    extra = "".join(f",{name}={value}" for name, value in more.items())
    headers["signature"] += f",created={moment}{extra}"
    return headers


def test_created_may_stand_for_the_date():
    assert check(created(timedelta()))
    for offset in (timedelta(minutes=-61), timedelta(minutes=6)):
        with pytest.raises(BadSignature):
            check(created(offset))


@pytest.mark.parametrize("offset", [timedelta(minutes=-59), timedelta(minutes=4)])
def test_a_date_within_the_window_is_accepted(offset: timedelta):
    assert check(witness(), now=NOW - offset)


@pytest.mark.parametrize("offset", [timedelta(minutes=-61), timedelta(minutes=6)])
def test_a_date_outside_the_window_is_refused(offset: timedelta):
    with pytest.raises(BadSignature):
        check(witness(), now=NOW - offset)


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Foo 2026 12:00:00 GMT", "0"])
def test_a_date_that_is_none_is_refused(date: str):
    with pytest.raises(BadSignature):
        check(witness(values={"date": date}))


def test_more_than_one_digest_may_be_given_if_ours_is_right():
    right = witness()["digest"]
    assert check(witness(values={"digest": f"sha-512=xyz,{right}"}))
    assert check(witness(values={"digest": right.replace("SHA", "sha")}))
    for wrong in ("SHA-512=xyz", f"{right},{right}", "SHA-256=AAAA", "junk", "", "SHA-256=ü"):
        with pytest.raises(BadSignature):
            check(witness(values={"digest": wrong}))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "junk",
        'keyId="a",signature="!!!"',
        'keyId="a"',
        'signature="AAAA"',
        'keyId="a",keyId="b",signature="AAAA"',
        'keyId="a",KEYID="b",signature="AAAA"',
        'keyId="a",headers="host",headers="date",signature="AAAA"',
        'keyId="a",headers="host host",signature="AAAA"',
        'keyId="a",headers="",signature="AAAA"',
        'keyId="a",created=99999999999999999999,signature="AAAA"',
        'keyId="a",created="x",signature="AAAA"',
        'keyId="a",algorithm="hmac-sha256",signature="AAAA"',
        'keyId="' + "a" * 9000 + '",signature="AAAA"',
    ],
)
def test_a_bent_signature_header_is_refused(header: str):
    with pytest.raises(BadSignature, match=r"signature_header|algorithm"):
        read([(b"signature", header.encode())])


def test_a_request_without_a_signature_is_not_signed():
    assert read([(b"host", b"here.test")]) is None


def test_a_signed_header_that_came_twice_is_refused():
    headers = witness()
    twice = [*raw(headers), (b"date", headers["date"].encode())]
    with pytest.raises(BadSignature):
        read(twice, b"{}")
