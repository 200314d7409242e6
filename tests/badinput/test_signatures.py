"""SIG with draft-cavage: who is believed to have sent a request, and who is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.badinput.cases import ADA, BAD_SIGNATURE, LET_IN, Bad, Good, Make
from tests.badinput.oracle import Expected, Oracle, in_one_loop
from tests.badinput.world import INBOX, World
from tests.federation.peer import KEYS, pem_of, signed_headers

pytestmark = in_one_loop()

Headers = dict[str, str]
Pairs = list[tuple[str, str]]
ALL = "(request-target) host date digest content-type"
REFUSED = Expected(401)


def bent(change: Callable[[World, bytes, Headers], tuple[bytes, Any]], **how: Any) -> Make:
    """A signed reply of Ada's, changed after it was signed."""

    async def make(world: World):
        body, headers = world.sign(world.create(world.reply()), **how)
        return await world.send(*change(world, body, headers))

    return make


def signed(**how: Any) -> Make:
    return bent(lambda _, body, headers: (body, headers), **how)


def without(*names: str, **how: Any) -> Make:
    return bent(
        lambda _, body, headers: (body, {k: v for k, v in headers.items() if k not in names}), **how
    )


def with_header(change: Callable[[str], str], name: str = "signature") -> Make:
    return bent(lambda _, body, headers: (body, headers | {name: change(headers[name])}))


def twice(name: str, change: Callable[[str], str] = lambda value: value) -> Make:
    """A header a second time, in front of or behind itself."""
    return bent(lambda _, body, headers: (body, [*headers.items(), (name, change(headers[name]))]))


def body_changed(change: Callable[[bytes], bytes]) -> Make:
    return bent(lambda _, body, headers: (change(body), headers))


def aged(age: timedelta, *, created: bool = False, **more: timedelta) -> Make:
    """Signed so long ago, by Date or by (created)."""

    async def make(world: World):
        now = world.clock.now()
        if not created:
            return await world.post(world.create(world.reply()), date=now - age)
        times = {"(created)": now - age} | {f"({k})": now - v for k, v in more.items()}
        values = {name: str(int(moment.timestamp())) for name, moment in times.items()}
        names = f"(request-target) {' '.join(values)} host digest"
        body, headers = world.sign(world.create(world.reply()), names=names, values=values)
        for name, value in values.items():
            del headers[name]
            headers["signature"] += f",{name.strip('()')}={value}"
        return await world.send(body, headers)

    return make


def dated(date: str) -> Make:
    return signed(values={"date": date})


def elsewhere(host: str, path: str | None = None) -> Make:
    """Signed for another server, or another path, and sent to us."""
    return bent(
        lambda _, body, headers: (body, headers | {"host": "here.test"}),
        values={"host": host},
        path=path,
    )


def as_actor(actor: str, by: str, key: int) -> Make:
    async def make(world: World):
        named = getattr(world, actor)
        activity = world.create(world.reply(named), actor=named)
        return await world.post(activity, by=getattr(world, by), key=KEYS[key])

    return make


def made_with(algorithm: str, make_value: Callable[[bytes], bytes]) -> Make:
    """A signature that the sender made in some other way, correctly."""

    async def make(world: World):
        body = json.dumps(world.create(world.reply())).encode()
        headers = {
            "host": "here.test",
            "date": format_datetime(world.clock.now(), True),
            "digest": "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        lines = ["(request-target): post /inbox", *(f"{k}: {v}" for k, v in headers.items())]
        value = base64.b64encode(make_value("\n".join(lines).encode())).decode()
        headers["signature"] = (
            f'keyId="{world.ada}#main-key",algorithm="{algorithm}",'
            f'headers="(request-target) {" ".join(headers)}",signature="{value}"'
        )
        return await world.send(body, headers | {"content-type": "application/activity+json"})

    return make


def by_rsa(algorithm: hashes.HashAlgorithm) -> Callable[[bytes], bytes]:
    return lambda text: KEYS[0].sign(text, padding.PKCS1v15(), algorithm)


def by_hmac(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def keyed(document: Callable[[World, str], Any], *, key: int = 1) -> Make:
    """A key on the other server whose document says that it is somebody's there."""

    async def make(world: World):
        uri = world.new_uri("keys", "other.test")
        found = document(world, uri)
        world.other.put(uri.removeprefix(world.other.origin), found)
        activity = world.create(world.reply())
        body = json.dumps(activity).encode()
        headers = signed_headers("post", INBOX, body, uri, KEYS[key], date=world.clock.now())
        answer = await world.send(body, headers)
        world.net.seen.asks[:] = [
            ask.replace(uri.removeprefix("https://"), "other.test/key")
            for ask in world.net.seen.asks
        ]
        return answer

    return make


def key_of(owner: str) -> Callable[[World, str], Any]:
    def document(world: World, uri: str) -> Any:
        named = getattr(world, owner)
        return {"id": uri, "type": "Key", "owner": named, "publicKeyPem": pem_of(KEYS[1])}

    return document


def false_actor(**changed: Any) -> Callable[[World, str], Any]:
    """An actor document on the other server, which says to be Ada, or to have her key."""

    def document(world: World, uri: str) -> Any:
        fields = {
            "id": world.ada,
            "type": "Person",
            "preferredUsername": "ada",
            "inbox": f"{world.ada}/inbox",
            "publicKey": {"id": uri, "owner": world.ada, "publicKeyPem": pem_of(KEYS[1])},
        }
        return fields | {name: value(world, uri) for name, value in changed.items()}

    return document


def linked_data(shape: Callable[[World, Any, Any], Any], *, by: str | None = None) -> Make:
    """An activity with a Linked Data signature of Ada's, over HTTP unsigned or signed by Eve."""

    async def make(world: World):
        proof = {
            "type": "RsaSignature2017",
            "creator": f"{world.ada}#main-key",
            "created": "2026-01-01T00:00:00Z",
            "signatureValue": base64.b64encode(b"x" * 256).decode(),
        }
        document = shape(world, world.create(world.reply()), proof)
        body = json.dumps(document).encode()
        if by is None:
            return await world.send(body, {"host": "here.test"})
        return await world.post(body, by=getattr(world, by))

    return make


def unwrapped(world: World, activity: Any, proof: Any) -> Any:
    return {**activity, "signature": proof}


def graph(name: str, **top: Any) -> Callable[[World, Any, Any], Any]:
    def shape(world: World, activity: Any, proof: Any) -> Any:
        inside = [activity] if name != "@reverse" else {"object": activity}
        outside = {key: getattr(world, value) for key, value in top.items()}
        return {"@context": activity["@context"], name: inside, "signature": proof, **outside}

    return shape


def say(value: str, what: str = "headers") -> Callable[[str], str]:
    """The Signature header with a parameter said again, in front."""
    return lambda header: f'{what}="{value}",{header}'


HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
KEY = Expected(401, asks=("other.test/key",))
KEY_AND_ADA = Expected(401, asks=("other.test/key", ADA))

BAD = [
    Bad("SIG-01 no digest header", without("digest"), REFUSED),
    Bad("SIG-01 no digest at all", without("digest", names="(request-target) host date"), REFUSED),
    Bad("SIG-01 an empty digest", signed(values={"digest": ""}), REFUSED),
    Bad("SIG-01 a digest of another kind", signed(values={"digest": "SHA-512=xyz"}), REFUSED),
    Bad("SIG-01 a digest by MD5", signed(values={"digest": "MD5=xyz"}), REFUSED),
    Bad("SIG-01 no signature", without("signature"), REFUSED),
    Bad("SIG-02 a body with a space more", body_changed(lambda body: body + b" "), REFUSED),
    Bad(
        "SIG-02 a body with other words",
        body_changed(lambda b: b.replace(b"cana", b"Cana")),
        REFUSED,
    ),
    Bad("SIG-02 a body cut short", body_changed(lambda body: body[:-1]), REFUSED),
    Bad("SIG-02 no body", body_changed(lambda _: b""), REFUSED),
    Bad("SIG-02 a digest exchanged too", with_header(lambda _: "SHA-256=AAAA", "digest"), REFUSED),
    Bad(
        "SIG-02 a signed digest of other bytes", signed(values={"digest": "SHA-256=AAAA"}), REFUSED
    ),
    Bad(
        "SIG-02 a Date exchanged",
        with_header(lambda _: "Thu, 01 Jan 2026 00:00:00 GMT", "date"),
        REFUSED,
    ),
    Bad(
        "SIG-02 another content type",
        with_header(lambda _: "text/plain", "content-type"),
        BAD_SIGNATURE,
    ),
    Bad(
        "SIG-02 a bit of the signature",
        with_header(lambda h: h.replace('signature="', 'signature="AAAA')),
        BAD_SIGNATURE,
    ),
    Bad("SIG-03 signed for another server", elsewhere("there.test"), BAD_SIGNATURE),
    Bad("SIG-03 signed for another port", elsewhere("here.test:8443"), BAD_SIGNATURE),
    Bad("SIG-03 signed for a path of its own", elsewhere("here.test", "/other"), BAD_SIGNATURE),
    Bad(
        "SIG-03 signed for the inbox with a query",
        elsewhere("here.test", "/inbox?x=1"),
        BAD_SIGNATURE,
    ),
    Bad("SIG-05 another actor of the same server", as_actor("grace", "ada", 0), REFUSED),
    Bad("SIG-05 an actor of another server", as_actor("ada", "eve", 1), REFUSED),
    Bad("SIG-05 another's key id, own signature", as_actor("ada", "ada", 1), BAD_SIGNATURE),
    Bad("SIG-06 a key that says it is Ada's", keyed(key_of("ada")), KEY),
    Bad(
        "SIG-06 a key that says it is Eve's",
        keyed(key_of("eve")),
        Expected(401, asks=("other.test/key", "other.test/actors/eve")),
    ),
    Bad("SIG-06 an actor that says to be Ada", keyed(false_actor()), KEY_AND_ADA),
    Bad("SIG-06 an actor with a key of Ada's", keyed(false_actor(id=lambda w, u: u)), KEY),
    Bad(
        "SIG-06 an actor with keys of two",
        keyed(
            false_actor(
                id=lambda w, u: u,
                publicKey=lambda w, u: [
                    {"id": u, "owner": u, "publicKeyPem": pem_of(KEYS[1])},
                    {"id": u, "owner": u, "publicKeyPem": pem_of(KEYS[0])},
                ],
            )
        ),
        KEY,
    ),
    Bad("SIG-06 a key id that is no URL", signed(by="acct:ada@there.test#"), REFUSED),
    Bad("SIG-06 a key id of this server", signed(by="https://here.test/ap/instance"), REFUSED),
    Bad(
        "SIG-06 a key id of this server in capitals",
        signed(by="https://HERE.test./ap/instance"),
        REFUSED,
    ),
    Bad("SIG-07 61 minutes old", aged(HOUR + MINUTE), REFUSED),
    Bad("SIG-07 a day old", aged(24 * HOUR), REFUSED),
    Bad("SIG-07 6 minutes ahead", aged(-6 * MINUTE), REFUSED),
    Bad("SIG-07 a year ahead", aged(-365 * 24 * HOUR), REFUSED),
    Bad("SIG-07 created 61 minutes ago", aged(HOUR + MINUTE, created=True), REFUSED),
    Bad("SIG-07 created 6 minutes ahead", aged(-6 * MINUTE, created=True), REFUSED),
    Bad("SIG-07 expired", aged(10 * MINUTE, created=True, expires=6 * MINUTE), REFUSED),
    Bad("SIG-07 no time", signed(names="(request-target) host digest"), REFUSED),
    Bad("SIG-07 no Date", without("date"), REFUSED),
    *[
        Bad(f"SIG-07 a Date of {date!r}", dated(date), REFUSED)
        for date in (
            "",
            "0",
            "yesterday",
            "Sun, 99 Foo 2026 12:00:00 GMT",
            "2026-01-01T00:00:00Z",
            "Mon, 01 Jan 10000 00:00:00 GMT",
            "Mon, 01 Jan 0001 00:00:00 +2359",
            "1" * 400,
            "Mon, 01 Jan 2026 25:61:61 GMT",
            "Mon, 01 Jan 2026 00:00:00 +99999999",
            ",,,,",
            "Jan",
            "Thu, 32 Jan 2026 00:00:00",
            "(comment",
            '"',
            "Mon, 01 Jan 2026",
            "-1",
            "12:00:00",
        )
    ],
    *[
        Bad(f"SIG-08 signed only {names!r}", signed(names=names), REFUSED)
        for names in (
            "host date digest",
            "(request-target) date digest",
            "(request-target) host date",
            "(request-target) host digest",
            "date",
            "(request-target)",
            "host",
            "digest",
            "content-type",
            "(request-target) host date content-type",
        )
    ],
    Bad(
        "SIG-08 says that it signed nothing",
        with_header(lambda h: h.replace(f'headers="{ALL}"', 'headers=""')),
        REFUSED,
    ),
    Bad(
        "SIG-08 does not say what it signed",
        with_header(lambda h: h.replace(f'headers="{ALL}",', "")),
        REFUSED,
    ),
    Bad(
        "SIG-08 (created) without a value",
        with_header(lambda h: h.replace("host date", "host (created)")),
        REFUSED,
    ),
    Bad(
        "SIG-08 a header that was not sent",
        with_header(lambda h: h.replace("host date", "host date x-y")),
        REFUSED,
    ),
    Bad(
        "SIG-09 keyId twice",
        with_header(say("https://other.test/actors/eve#main-key", "keyId")),
        REFUSED,
    ),
    Bad(
        "SIG-09 keyId twice, in capitals",
        with_header(say("https://other.test/k", "KEYID")),
        REFUSED,
    ),
    Bad("SIG-09 headers twice", with_header(say("date")), REFUSED),
    Bad("SIG-09 algorithm twice", with_header(say("hs2019", "algorithm")), REFUSED),
    Bad("SIG-09 signature twice", with_header(say("AAAA", "signature")), REFUSED),
    Bad("SIG-09 two Signature headers", twice("signature"), REFUSED),
    Bad(
        "SIG-09 two Signature headers, one of Eve's",
        twice("signature", lambda h: h.replace("there.test/actors/ada", "other.test/actors/eve")),
        REFUSED,
    ),
    Bad("SIG-09 two Dates", twice("date"), REFUSED),
    Bad("SIG-09 two Digests", twice("digest"), REFUSED),
    Bad(
        "SIG-09 two digests of one kind",
        signed(values={"digest": "SHA-256=AAAA,SHA-256=AAAA"}),
        REFUSED,
    ),
    Bad(
        "SIG-09 a header named twice",
        with_header(lambda h: h.replace("host date", "host host date")),
        REFUSED,
    ),
    Bad("SIG-09 two in one header", with_header(lambda h: f"{h},{h}"), REFUSED),
    Bad("SIG-09 half a header", with_header(lambda h: h[:40]), REFUSED),
    Bad("SIG-09 a header of nothing", with_header(lambda _: ""), REFUSED),
    Bad("SIG-09 a header of 9 kB", with_header(lambda h: h + ',x="' + "y" * 9000 + '"'), REFUSED),
    Bad(
        "SIG-09 a signature that is no base64",
        with_header(lambda h: h.replace('signature="', 'signature="!')),
        REFUSED,
    ),
    Bad(
        "SIG-09 an Authorization in its place",
        bent(
            lambda _, body, h: (
                body,
                {"authorization" if k == "signature" else k: v for k, v in h.items()},
            )
        ),
        REFUSED,
    ),
    *[
        Bad(f"SIG-11 {name}", made_with(name, value), expected)
        for name, value, expected in (
            ("hmac-sha256", by_hmac(pem_of(KEYS[0]).encode()), REFUSED),
            ("hmac-sha512", by_hmac(pem_of(KEYS[0]).encode()), REFUSED),
            ("hs2019", by_hmac(pem_of(KEYS[0]).encode()), BAD_SIGNATURE),
            ("rsa-sha256", by_hmac(pem_of(KEYS[0]).encode()), BAD_SIGNATURE),
            ("rsa-sha1", by_rsa(hashes.SHA1()), REFUSED),
            ("hs2019", by_rsa(hashes.SHA1()), BAD_SIGNATURE),
            ("rsa-sha256", by_rsa(hashes.SHA1()), BAD_SIGNATURE),
            ("rsa-sha256", by_rsa(hashes.SHA512()), BAD_SIGNATURE),
            ("rsa-sha512", by_rsa(hashes.SHA256()), BAD_SIGNATURE),
            ("ed25519", by_rsa(hashes.SHA256()), BAD_SIGNATURE),
            ("none", lambda _: b"", REFUSED),
            ("none", by_rsa(hashes.SHA256()), REFUSED),
            ("hs2019", lambda _: b"", BAD_SIGNATURE),
            ("hs2019", lambda _: b"\0" * 256, BAD_SIGNATURE),
            ("hs2019", lambda text: b"\0" * 255 + b"\1", BAD_SIGNATURE),
            ("hs2019", lambda text: text, BAD_SIGNATURE),
            ("rsa-sha256, none", by_rsa(hashes.SHA256()), REFUSED),
            ("ecdsa-sha256", by_rsa(hashes.SHA256()), REFUSED),
        )
    ],
    Bad("SIG-12 a signature in the document only", linked_data(unwrapped), REFUSED),
    Bad("SIG-12 the same, sent by Eve", linked_data(unwrapped, by="eve"), REFUSED),
    *[
        Bad(f"SIG-12 inside {name}, {how}", linked_data(graph(name, **top), by=by), expected)
        for name in ("@graph", "@reverse", "@included")
        for how, by, top, expected in (
            ("unsigned", None, {}, REFUSED),
            ("sent by Eve", "eve", {}, Expected(400)),
            ("sent by Eve as Ada", "eve", {"actor": "ada"}, REFUSED),
        )
    ],
]

GOOD = [
    Good("SIG-01 a digest beside another", signed(values={}, algorithm="rsa-sha256")),
    Good("SIG-02 the body as it was signed", body_changed(lambda body: body)),
    Good("SIG-03 signed for us", elsewhere("here.test")),
    Good("SIG-05 the actor's own key", as_actor("ada", "ada", 0)),
    Good("SIG-05 Eve for herself", as_actor("eve", "eve", 1)),
    Good("SIG-07 55 minutes old", aged(55 * MINUTE)),
    Good("SIG-07 4 minutes ahead", aged(-4 * MINUTE)),
    Good("SIG-07 created 55 minutes ago", aged(55 * MINUTE, created=True)),
    Good("SIG-07 not yet expired", aged(MINUTE, created=True, expires=-MINUTE)),
    Good("SIG-08 what must be signed", signed(names="(request-target) host date digest")),
    Good("SIG-08 in another order", signed(names="digest date host (request-target)")),
    Good("SIG-09 an unknown parameter", with_header(lambda h: h + ',x="y"')),
    Good("SIG-11 rsa-sha256", made_with("rsa-sha256", by_rsa(hashes.SHA256()))),
    Good("SIG-11 hs2019", made_with("hs2019", by_rsa(hashes.SHA256()))),
    Good("SIG-11 rsa-sha512", made_with("rsa-sha512", by_rsa(hashes.SHA512()))),
    Good(
        "SIG-12 a signature in the document beside the one of HTTP",
        linked_data(unwrapped, by="ada"),
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_who_is_not_proved_to_speak_is_not_heard(world: World, oracle: Oracle, bad: Bad):
    await oracle.judge(lambda: bad.make(world), bad.expected)


@pytest.mark.parametrize("good", GOOD, ids=str)
async def test_its_good_twin_is_heard(world: World, oracle: Oracle, good: Good):
    await oracle.accept(lambda: good.make(world), good.expected)


async def test_sig_04_a_request_sent_again_is_taken_and_changes_nothing(
    world: World, oracle: Oracle
):
    body, headers = world.sign(world.create(world.reply()))
    verdict = await oracle.accept(lambda: world.send(body, headers))
    assert verdict.became == ("done", "")
    posts = await world.count("select count(*) from posts")
    await oracle.judge(lambda: world.send(body, headers), Expected(202, None, lines=0))
    assert await world.count("select count(*) from posts") == posts


async def test_sig_04_a_repeatable_request_sent_again_changes_nothing(world: World, oracle: Oracle):
    """Its id may be known: it is taken up again, and comes to the same."""
    follow = world.activity("Follow", world.community.uri, actor=world.grace)
    body, headers = world.sign(follow)
    await oracle.accept(lambda: world.send(body, headers))
    answer = Expected(202, "done", lines=0, changes=frozenset({"events"}))
    await oracle.judge(lambda: world.send(body, headers), answer)


async def test_sig_04_a_request_sent_again_after_the_window_is_refused(
    world: World, oracle: Oracle
):
    body, headers = world.sign(world.create(world.reply()))
    await oracle.accept(lambda: world.send(body, headers))

    async def later():
        world.clock.offset = 2 * HOUR
        try:
            return await world.send(body, headers)
        finally:
            world.clock.offset = timedelta()

    await oracle.judge(later, REFUSED)


async def test_sig_04_a_request_is_not_taken_at_another_inbox_than_the_signed_one(
    world: World, oracle: Oracle
):
    body, headers = world.sign(world.create(world.reply()))
    path = f"/ap/actors/{world.community.id}/inbox"
    await oracle.judge(lambda: world.send(body, headers, path), BAD_SIGNATURE)
    await oracle.accept(lambda: world.send(body, headers), LET_IN)
