"""SIG with RFC 9421: the same, in the newer form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.badinput.cases import BAD_SIGNATURE, LET_IN, Bad, Good, Make
from tests.badinput.oracle import Expected, Oracle, in_one_loop
from tests.badinput.world import INBOX, World
from tests.federation.peer import KEYS, pem_of
from tests.federation.witness import ED25519_KEYS, any_pem_of, message_headers

pytestmark = in_one_loop()

Headers = dict[str, str]
REFUSED = Expected(401)
ALL = "@method @target-uri content-digest"
MINUTE = timedelta(minutes=1)


def _sign(world: World, *, age: timedelta = timedelta(), **how: Any) -> tuple[bytes, Headers]:
    body = json.dumps(world.create(world.reply())).encode()
    key_uri = how.pop("key_uri", f"{world.ada}#main-key")
    created = how.pop("created", world.clock.now() - age)
    url = how.pop("url", INBOX)
    headers = message_headers(how.pop("method", "post"), url, body, key_uri, created=created, **how)
    return body, headers | {"host": "here.test"}


def signed(**how: Any) -> Make:
    async def make(world: World):
        return await world.send(*_sign(world, **how))

    return make


def bent(change: Callable[[bytes, Headers], tuple[bytes, Any]], **how: Any) -> Make:
    async def make(world: World):
        return await world.send(*change(*_sign(world, **how)))

    return make


def header(name: str, change: Callable[[str], str], **how: Any) -> Make:
    return bent(lambda body, headers: (body, headers | {name: change(headers[name])}), **how)


def both(change: Callable[[str, str], tuple[str, str]]) -> Make:
    """Signature-Input and Signature changed together."""

    def change_both(body: bytes, headers: Headers) -> tuple[bytes, Headers]:
        inputs, values = change(headers["signature-input"], headers["signature"])
        return body, headers | {"signature-input": inputs, "signature": values}

    return bent(change_both)


def without(*names: str, **how: Any) -> Make:
    return bent(
        lambda body, headers: (body, {k: v for k, v in headers.items() if k not in names}), **how
    )


def twice(name: str) -> Make:
    return bent(lambda body, headers: (body, [*headers.items(), (name, headers[name])]))


def body_changed(change: Callable[[bytes], bytes], **how: Any) -> Make:
    return bent(lambda body, headers: (change(body), headers), **how)


def digest_changed(change: Callable[[str], str]) -> Make:
    """A Content-Digest that is signed as it is sent, whatever it says."""

    async def make(world: World):
        body, headers = _sign(world)
        digest = change(headers["content-digest"])
        fresh = message_headers(
            "post", INBOX, body, f"{world.ada}#main-key", created=world.clock.now(),
            values={"content-digest": digest},
        )  # fmt: skip
        return await world.send(body, fresh)

    return make


def beside(other: Callable[[World, bytes], Headers], *, first: bool = True) -> Make:
    """Ada's signature with another one beside it."""

    async def make(world: World):
        body, headers = _sign(world)
        extra = other(world, body)
        pair = (extra, headers) if first else (headers, extra)
        for name in ("signature-input", "signature"):
            headers[name] = ", ".join(one[name] for one in pair)
        return await world.send(body, headers)

    return make


def by_eve(world: World, body: bytes) -> Headers:
    key_uri, now = f"{world.eve}#main-key", world.clock.now()
    return message_headers("post", INBOX, body, key_uri, KEYS[1], created=now, label="sig2")


def over_little(world: World, body: bytes) -> Headers:
    key_uri, now = f"{world.ada}#main-key", world.clock.now()
    return message_headers(
        "post", INBOX, body, key_uri, created=now, label="sig2", covered="@method"
    )


def by_hmac(algorithm: str | None) -> Make:
    """The public key in PEM taken for the secret of an HMAC."""

    async def make(world: World):
        body, headers = _sign(world, algorithm=algorithm)
        parameters = headers["signature-input"].removeprefix("sig1=")
        lines = [
            '"@method": POST',
            f'"@target-uri": {INBOX}',
            f'"content-digest": {headers["content-digest"]}',
            f'"@signature-params": {parameters}',
        ]
        secret, text = pem_of(KEYS[0]).encode(), "\n".join(lines).encode()
        value = base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
        return await world.send(body, headers | {"signature": f"sig1=:{value}:"})

    return make


async def in_the_old_form_too(world: World):
    """A right draft-cavage signature, and a Signature-Input that means another."""
    body, headers = world.sign(world.create(world.reply()))
    _, newer = _sign(world)
    return await world.send(body, headers | {"signature-input": newer["signature-input"]})


async def ed25519(world: World):
    """A person whose only key is an Ed25519 one."""
    name = f"e{world.new_uri('x').rpartition('/')[2]}"
    uri = f"{world.there.origin}/actors/{name}"
    pem = any_pem_of(ED25519_KEYS[0])
    key = {"id": f"{uri}#k", "owner": uri, "publicKeyPem": pem}
    world.there.actor(name, publicKey=key)
    body = json.dumps(world.create(world.reply(uri), actor=uri)).encode()
    return await world.send(
        body,
        message_headers(
            "post", INBOX, body, f"{uri}#k", ED25519_KEYS[0], created=world.clock.now()
        ),
    )


BAD = [
    Bad("SIG-01 no Content-Digest", without("content-digest"), REFUSED),
    Bad(
        "SIG-01 no digest at all",
        without("content-digest", covered="@method @target-uri"),
        REFUSED,
    ),
    Bad(
        "SIG-01 a Digest in its place",
        bent(lambda b, h: (b, {"digest" if k == "content-digest" else k: v for k, v in h.items()})),
        REFUSED,
    ),
    *[
        Bad(f"SIG-01 a digest of {name}", digest_changed(change), REFUSED)
        for name, change in {
            "nothing": lambda _: "",
            "an unknown kind": lambda value: value.replace("sha-256", "sha-1"),
            "text": lambda value: value.replace("=:", '="').rstrip(":") + '"',
            "a number": lambda _: "sha-256=1",
            "two, one of them wrong": lambda value: value + ", sha-512=:AAAA:",
            "the same twice": lambda value: f"{value}, {value}",
            "no dictionary": lambda value: value.partition("=")[2],
            "half": lambda value: value[:-3],
            "other bytes": lambda _: "sha-256=:AAAA:",
            "an inner list": lambda _: "sha-256=(:AAAA:)",
        }.items()
    ],
    Bad("SIG-02 a body with a space more", body_changed(lambda body: body + b" "), REFUSED),
    Bad("SIG-02 no body", body_changed(lambda _: b""), REFUSED),
    Bad(
        "SIG-02 a digest exchanged too",
        header("content-digest", lambda _: "sha-256=:AAAA:"),
        REFUSED,
    ),
    Bad(
        "SIG-02 another content type",
        header("content-type", lambda _: "text/plain", covered=f"{ALL} content-type"),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-02 another date",
        header("date", lambda _: "Sun, 01 Mar 2026 12:00:01 GMT", covered=f"{ALL} date"),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-02 a signature of other bytes",
        header("signature", lambda v: v.replace("=:", "=:AAAA")),
        BAD_SIGNATURE,
    ),
    Bad("SIG-02 an empty signature", header("signature", lambda _: "sig1=::"), BAD_SIGNATURE),
    Bad(
        "SIG-02 a parameter more",
        header("signature-input", lambda v: v + ';nonce="x"'),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-02 components in another order",
        header(
            "signature-input",
            lambda v: v.replace('"@method" "@target-uri"', '"@target-uri" "@method"'),
        ),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-02 one component more",
        header("signature-input", lambda v: v.replace('digest")', 'digest" "date")')),
        BAD_SIGNATURE,
    ),
    Bad("SIG-03 signed for another method", signed(method="put"), BAD_SIGNATURE),
    Bad("SIG-03 signed for another server", signed(url="https://there.test/inbox"), BAD_SIGNATURE),
    Bad("SIG-03 signed for another scheme", signed(url="http://here.test/inbox"), BAD_SIGNATURE),
    Bad(
        "SIG-03 signed for another port", signed(url="https://here.test:8443/inbox"), BAD_SIGNATURE
    ),
    Bad("SIG-03 signed for another path", signed(url="https://here.test/other"), BAD_SIGNATURE),
    Bad("SIG-03 signed with a query", signed(url="https://here.test/inbox?x=1"), BAD_SIGNATURE),
    Bad(
        "SIG-03 signed for another authority",
        signed(url="https://there.test/inbox", covered="@method @authority @path content-digest"),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-03 signed for another target",
        signed(
            url="https://here.test/other",
            covered="@method @authority @request-target content-digest",
        ),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-05 Eve's signature on Ada's activity",
        bent(lambda b, h: (b, h), key_uri="https://other.test/actors/eve#main-key", key=KEYS[1]),
        REFUSED,
    ),
    Bad("SIG-05 Ada's key id, Eve's key", signed(key=KEYS[1]), BAD_SIGNATURE),
    Bad("SIG-05 Eve's signature in front of Ada's", beside(by_eve), REFUSED),
    Bad("SIG-06 no key id", signed(key_uri=""), REFUSED),
    Bad("SIG-06 a key id that is no URL", signed(key_uri="ada@there.test"), REFUSED),
    Bad(
        "SIG-06 a key id that is a token",
        header("signature-input", lambda v: v.replace('keyid="', 'keyid=x;y="')),
        REFUSED,
    ),
    Bad(
        "SIG-06 a key id of this server",
        signed(key_uri="https://here.test/ap/instance#main-key"),
        REFUSED,
    ),
    Bad("SIG-07 61 minutes old", signed(age=61 * MINUTE), REFUSED),
    Bad("SIG-07 6 minutes ahead", signed(age=-6 * MINUTE), REFUSED),
    Bad("SIG-07 created never", signed(created=datetime.min), REFUSED),
    *[
        Bad(
            f"SIG-07 created={value}",
            signed(created=datetime.min, more=f";created={value}"),
            REFUSED,
        )
        for value in ("0", "-1", "999999999999999", '"1"', "1.5", "?1", ":AAAA:", "x", "@1")
    ],
    Bad("SIG-07 expired", signed(age=20 * MINUTE, more=";expires=1"), REFUSED),
    *[
        Bad(f"SIG-07 expires={value}", signed(more=f";expires={value}"), REFUSED)
        for value in ("-999999999999999", '"1"', "1.5", "?0", "x")
    ],
    *[
        Bad(f"SIG-08 signed only {covered!r}", signed(covered=covered), REFUSED)
        for covered in (
            "@method",
            "@target-uri",
            "content-digest",
            "@method @target-uri",
            "@method content-digest",
            "@target-uri content-digest",
            "date content-digest",
            "@method @path content-digest",
            "@method @authority content-digest",
            "@method @query content-digest",
            "@method @scheme @path content-digest",
            "@method @target-uri digest",
        )
    ],
    Bad(
        "SIG-08 nothing",
        header("signature-input", lambda v: "sig1=()" + v.partition(")")[2]),
        REFUSED,
    ),
    Bad("SIG-08 a header that was not sent", signed(covered=f"{ALL} x-y"), REFUSED),
    Bad(
        "SIG-08 a header in capitals", signed(covered="@method @target-uri Content-Digest"), REFUSED
    ),
    *[
        Bad(
            f"SIG-08 a component {name}",
            header(
                "signature-input", lambda v, name=name: v.replace('"@method"', f'"@method" {name}')
            ),
            REFUSED,
        )
        for name in (
            '"@status"',
            '"@signature-params"',
            '"@query-param";name="x"',
            '"content-digest";sf',
            '"content-digest";key="sha-256"',
            '"content-digest";bs',
            '"@method";req',
            '"date";tr',
            '"@x"',
            "method",
            "1",
            '("@method")',
            ":AAAA:",
            '"@method";x=1',
        )
    ],
    Bad("SIG-09 two Signature-Inputs", twice("signature-input"), REFUSED),
    Bad("SIG-09 two Signatures", twice("signature"), REFUSED),
    Bad("SIG-09 two Content-Digests", twice("content-digest"), REFUSED),
    Bad("SIG-09 a label twice", both(lambda i, v: (f"{i}, {i}", v)), REFUSED),
    Bad("SIG-09 a value twice", both(lambda i, v: (i, f"{v}, {v}")), REFUSED),
    Bad("SIG-09 a component twice", signed(covered=f"@method {ALL}"), REFUSED),
    Bad(
        "SIG-09 keyid twice",
        signed(more=';keyid="https://other.test/actors/eve#main-key"'),
        REFUSED,
    ),
    Bad("SIG-09 created twice", signed(more=";created=1"), REFUSED),
    Bad("SIG-09 alg twice", signed(algorithm="rsa-v1_5-sha256", more=';alg="ed25519"'), REFUSED),
    Bad("SIG-09 no Signature", without("signature"), REFUSED),
    Bad("SIG-09 no Signature-Input", without("signature-input"), REFUSED),
    Bad(
        "SIG-09 a value of another label",
        header("signature", lambda v: v.replace("sig1", "sig2")),
        REFUSED,
    ),
    Bad(
        "SIG-09 a value that is text",
        header("signature", lambda v: v.replace("=:", '="').rstrip(":") + '"'),
        REFUSED,
    ),
    Bad(
        "SIG-09 a value that is a list",
        header("signature", lambda v: v.replace("=:", "=(:") + ")"),
        REFUSED,
    ),
    Bad(
        "SIG-09 nine labels",
        both(lambda i, v: (", ".join(i.replace("sig1", f"s{n}") for n in range(9)), v)),
        REFUSED,
    ),
    Bad(
        "SIG-09 41 components",
        signed(covered=" ".join([ALL, *(f"x{n}" for n in range(41))])),
        REFUSED,
    ),
    Bad(
        "SIG-09 a header of 9 kB",
        header("signature-input", lambda v: v + ';x="' + "y" * 9000 + '"'),
        REFUSED,
    ),
    Bad("SIG-09 half a header", header("signature-input", lambda v: v[:29]), REFUSED),
    Bad("SIG-09 no header", header("signature-input", lambda _: ""), REFUSED),
    Bad("SIG-09 junk", header("signature-input", lambda _: "ÿ,;=()"), REFUSED),
    Bad("SIG-09 the older form with the newer name", in_the_old_form_too, REFUSED),
    *[
        Bad(f"SIG-11 alg={name}", signed(algorithm=name), expected)
        for name, expected in (
            ("hmac-sha256", REFUSED),
            ("none", REFUSED),
            ("", REFUSED),
            ("rsa-v1_5-sha1", REFUSED),
            ("rsa-sha256", REFUSED),
            ("ecdsa-p256-sha256", REFUSED),
            ("RSA-V1_5-SHA256", REFUSED),
            ("ed25519", BAD_SIGNATURE),
        )
    ],
    Bad("SIG-11 alg is a token", header("signature-input", lambda v: v + ";alg=ed25519"), REFUSED),
    Bad(
        "SIG-11 PSS said, PKCS made",
        header("signature-input", lambda v: v + ';alg="rsa-pss-sha512"'),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-11 SHA-512 said, SHA-256 made",
        header("signature-input", lambda v: v + ';alg="rsa-v1_5-sha512"'),
        BAD_SIGNATURE,
    ),
    Bad("SIG-11 a public key as the secret", by_hmac(None), BAD_SIGNATURE),
    Bad("SIG-11 the same, and said so", by_hmac("hmac-sha256"), REFUSED),
]

GOOD = [
    Good("SIG-02 as Mastodon does", signed()),
    Good(
        "SIG-02 as Fedify does",
        signed(covered="@method @target-uri @authority host date content-digest"),
    ),
    Good("SIG-03 the URL in parts", signed(covered="@method @authority @path content-digest")),
    Good("SIG-07 55 minutes old", signed(age=55 * MINUTE)),
    Good("SIG-07 4 minutes ahead", signed(age=-4 * MINUTE)),
    Good("SIG-09 a signature over little in front", beside(over_little)),
    Good("SIG-09 Eve's signature behind", beside(by_eve, first=False)),
    Good("SIG-11 no alg", signed()),
    *[
        Good(f"SIG-11 alg={name}", signed(algorithm=name))
        for name in ("rsa-v1_5-sha256", "rsa-v1_5-sha512", "rsa-pss-sha512")
    ],
    Good("SIG-11 ed25519", ed25519, LET_IN),
    Good("SIG-01 a digest by SHA-512", signed(digest="sha-512")),
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_who_is_not_proved_to_speak_is_not_heard(world: World, oracle: Oracle, bad: Bad):
    await oracle.judge(lambda: bad.make(world), bad.expected)


@pytest.mark.parametrize("good", GOOD, ids=str)
async def test_its_good_twin_is_heard(world: World, oracle: Oracle, good: Good):
    await oracle.accept(lambda: good.make(world), good.expected)


async def test_sig_04_a_message_sent_again_is_taken_once_and_refused_when_it_is_old(
    world: World, oracle: Oracle
):
    body, headers = _sign(world)
    await oracle.accept(lambda: world.send(body, headers))
    await oracle.judge(lambda: world.send(body, headers), Expected(202, None, lines=0))

    async def later():
        world.clock.offset = timedelta(hours=2)
        try:
            return await world.send(body, headers)
        finally:
            world.clock.offset = timedelta()

    await oracle.judge(later, REFUSED)
