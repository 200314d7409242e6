"""Who sent a request: keys wherever they are served, both forms, and the ways to pretend."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from federation.authenticate import authenticate
from federation.errors import BadSignature, FederationError
from federation.fetch import Budget
from federation.keys import load_public_key
from federation.multikey import to_multikey
from storage.keys import Key
from tests.federation.conftest import Here
from tests.federation.peer import KEYS, Peer, pem_of, post_signed, signed_headers
from tests.federation.witness import (
    ED25519_KEYS,
    any_pem_of,
    message_headers,
    post_message,
)

BODY = b'{"type":"Create"}'
FORMS = pytest.mark.parametrize("form", ["cavage", "rfc9421"])
Pairs = list[tuple[bytes, bytes]]


def headers_of(form: str, method: str, url: str, body: bytes | None, key_uri: str, **how: Any):
    """Signed headers; `at` is when, `less` a component that is left out of what is signed."""
    at, less = how.pop("at", None), how.pop("less", None)
    if form == "cavage":
        names = ["(request-target)", "host", "date", *(["digest"] if body is not None else [])]
        kept = " ".join(name for name in names if name != less)
        return signed_headers(method, url, body, key_uri, date=at, names=kept, **how)
    same = {"digest": "content-digest", "(request-target)": "@target-uri"}
    names = ["@method", "@target-uri", *(["content-digest"] if body is not None else [])]
    kept = " ".join(name for name in names if name != same.get(less or "", less))
    return message_headers(method, url, body, key_uri, created=at, covered=kept, **how)


async def ask(
    here: Here, headers: dict[str, str] | Pairs, body: bytes | None = BODY, target: str = "/inbox"
) -> Key | None:
    pairs = headers.items() if isinstance(headers, dict) else headers
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": "GET" if body is None else "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name, value) if isinstance(name, bytes) else (name.lower().encode(), value.encode())
            for name, value in pairs
        ],
    }
    return await authenticate(here.fed, scope, body)


async def sent_by(here: Here, form: str, key_uri: str, **how: Any) -> str:
    """The actor who is found to have sent a request that was signed so."""
    key = await ask(here, headers_of(form, "post", here.inbox, BODY, key_uri, **how))
    assert key is not None
    return key.actor_uri


async def test_r15_every_fetch_is_signed_by_the_servers_own_actor(here: Here, peer: Peer):
    await here.fed.fetcher.actor(peer.actor("ada"), Budget())
    asked = peer.asked[0]
    assert asked.method == "GET"
    assert f'keyId="{here.site.instance_uri}#main-key"' in asked.headers["signature"]
    assert 'headers="(request-target) host date"' in asked.headers["signature"]


@FORMS
async def test_r16_a_get_and_a_post_tell_whose_they_are(here: Here, peer: Peer, form: str):
    ada = peer.actor("ada")
    assert await sent_by(here, form, f"{ada}#main-key") == ada
    url = f"{here.site.origin}/ap/posts/1?page=2"
    key = await ask(
        here, headers_of(form, "get", url, None, f"{ada}#main-key"), None, "/ap/posts/1?page=2"
    )
    assert key is not None
    assert key.actor_uri == ada


@FORMS
async def test_r20_a_rotated_key_is_found_with_one_look(here: Here, peer: Peer, form: str):
    ada = peer.actor("ada")
    key_uri = f"{ada}#main-key"
    assert await sent_by(here, form, key_uri) == ada
    peer.actor("ada", key=KEYS[1])
    assert await sent_by(here, form, key_uri, key=KEYS[1]) == ada
    assert peer.fetches("/actors/ada") == 2
    with pytest.raises(BadSignature):
        await sent_by(here, form, key_uri)


@FORMS
async def test_r20_after_one_look_a_wrong_signature_stays_wrong(here: Here, peer: Peer, form: str):
    ada = peer.actor("ada")
    assert await sent_by(here, form, f"{ada}#main-key") == ada
    for _ in range(3):
        with pytest.raises(BadSignature):
            await sent_by(here, form, f"{ada}#main-key", key=KEYS[1])
    assert peer.fetches("/actors/ada") == 2
    assert await sent_by(here, form, f"{ada}#main-key") == ada


@FORMS
async def test_r20_a_key_may_become_one_of_another_kind(here: Here, peer: Peer, form: str):
    ada = peer.actor("ada")
    key_uri = f"{ada}#main-key"
    assert await sent_by(here, form, key_uri) == ada
    pem = any_pem_of(ED25519_KEYS[0])
    peer.actor("ada", publicKey={"id": key_uri, "owner": ada, "publicKeyPem": pem})
    how = {"algorithm": "hs2019"} if form == "cavage" else {}
    assert await sent_by(here, form, key_uri, key=ED25519_KEYS[0], **how) == ada


@FORMS
async def test_r21_a_key_is_found_by_fragment_path_and_stub(here: Here, peer: Peer, form: str):
    by_fragment = peer.actor("ada")
    assert await sent_by(here, form, f"{by_fragment}#main-key") == by_fragment

    uri = f"{peer.origin}/actors/gts"  # GoToSocial: a stub of the actor at the key's own path
    public_key = {"id": f"{uri}/main-key", "owner": uri, "publicKeyPem": pem_of(KEYS[0])}
    peer.actor("gts", publicKey=public_key)
    stub = {"id": uri, "type": "Person", "preferredUsername": "gts", "publicKey": public_key}
    peer.put("/actors/gts/main-key", stub)
    assert await sent_by(here, form, f"{uri}/main-key") == uri

    uri = f"{peer.origin}/actors/key"  # the key alone, which names its owner
    public_key = {"id": f"{uri}/k", "owner": uri, "publicKeyPem": pem_of(KEYS[0])}
    peer.actor("key", publicKey=public_key)
    peer.put("/actors/key/k", {**public_key, "type": "CryptographicKey"})
    assert await sent_by(here, form, f"{uri}/k") == uri


@FORMS
async def test_r22_a_multikey_signs_requests_too(here: Here, peer: Peer, form: str):
    """As Mastodon does from 4.7 on."""
    uri = f"{peer.origin}/actors/ada"
    multikey = {
        "id": f"{uri}#ed25519-key",
        "type": "Multikey",
        "controller": uri,
        "publicKeyMultibase": to_multikey(any_pem_of(ED25519_KEYS[0])),
    }
    peer.actor("ada", assertionMethod=[multikey])
    how = {"algorithm": "ed25519"}
    assert await sent_by(here, form, f"{uri}#ed25519-key", key=ED25519_KEYS[0], **how) == uri
    assert await sent_by(here, form, f"{uri}#main-key") == uri
    with pytest.raises(BadSignature):
        await sent_by(here, form, f"{uri}#main-key", key=ED25519_KEYS[0], **how)


def without(headers: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


@FORMS
async def test_sig_01_a_body_without_a_digest_is_refused(here: Here, peer: Peer, form: str):
    headers = headers_of(form, "post", here.inbox, BODY, f"{peer.actor('ada')}#main-key")
    assert await ask(here, headers)
    with pytest.raises(BadSignature):
        await ask(here, without(headers, "digest", "content-digest"))


@FORMS
async def test_sig_02_a_body_that_was_changed_is_refused(here: Here, peer: Peer, form: str):
    headers = headers_of(form, "post", here.inbox, BODY, f"{peer.actor('ada')}#main-key")
    assert await ask(here, headers)
    for body in (BODY + b" ", b"", BODY.upper()):
        with pytest.raises(BadSignature, match="digest"):
            await ask(here, headers, body)


@FORMS
async def test_sig_03_a_request_for_another_host_is_refused(here: Here, peer: Peer, form: str):
    key_uri = f"{peer.actor('ada')}#main-key"
    own = headers_of(form, "post", here.inbox, BODY, key_uri)
    assert await ask(here, own)
    other = headers_of(form, "post", "http://other.test/inbox", BODY, key_uri)
    for headers in (other, other | {"host": here.site.host}, without(own, "host")):
        with pytest.raises(BadSignature):
            await ask(here, headers)
    with pytest.raises(BadSignature):
        await ask(here, [*own.items(), ("host", "other.test")])


@FORMS
async def test_sig_04_a_replay_is_the_same_sender_until_the_window_is_over(
    here: Here, peer: Peer, form: str
):
    key_uri = f"{peer.actor('ada')}#main-key"
    at = datetime.now(UTC) - timedelta(minutes=59)
    headers = headers_of(form, "post", here.inbox, BODY, key_uri, at=at)
    assert await ask(here, headers) == await ask(here, headers)
    old = headers_of(form, "post", here.inbox, BODY, key_uri, at=at - timedelta(minutes=2))
    with pytest.raises(BadSignature, match="date"):
        await ask(here, old)


@FORMS
async def test_sig_05_a_key_speaks_for_its_owner_only(
    here: Here, peer: Peer, other_peer: Peer, form: str
):
    post = post_signed if form == "cavage" else post_message
    ada = peer.actor("ada")
    activity = {"id": f"{ada}/1", "type": "Like", "actor": ada, "object": f"{ada}/2"}
    for impostor in (peer.actor("bob"), other_peer.actor("eve")):
        answer = await post(here.inbox, activity, key_uri=f"{impostor}#main-key")
        assert (answer.status_code, answer.text) == (401, "not_the_actor")
        assert "content-digest" in answer.headers["accept-signature"]
    assert (await post(here.inbox, activity)).status_code == 202
    assert [row[0] for row in await here.inbox_states()] == ["Like"]


@FORMS
async def test_sig_06_a_key_that_its_owner_does_not_list_is_refused(
    here: Here, peer: Peer, other_peer: Peer, form: str
):
    victim = peer.actor("ada")
    for owner in (victim, other_peer.actor("bob")):
        key_uri = f"{other_peer.origin}/key"
        key = {"id": key_uri, "type": "Key", "owner": owner, "publicKeyPem": pem_of(KEYS[1])}
        other_peer.put("/key", key)
        with pytest.raises(FederationError):
            await sent_by(here, form, key_uri, key=KEYS[1])
        assert not await here.fetch("select uri from actor_keys where uri = $1", key_uri)
    assert await sent_by(here, form, f"{victim}#main-key") == victim


@FORMS
@pytest.mark.parametrize("minutes", [-61, 6])
async def test_sig_07_an_old_or_a_future_date_is_refused(
    here: Here, peer: Peer, form: str, minutes: int
):
    key_uri = f"{peer.actor('ada')}#main-key"
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    with pytest.raises(BadSignature, match="date"):
        await sent_by(here, form, key_uri, at=at)
    nearer = at + timedelta(minutes=2 if minutes < 0 else -2)
    assert await sent_by(here, form, key_uri, at=nearer)


@pytest.mark.parametrize("change", ["absent", "junk"])
@FORMS
async def test_sig_07_no_date_and_one_that_is_none_are_refused(
    here: Here, peer: Peer, form: str, change: str
):
    key_uri = f"{peer.actor('ada')}#main-key"
    assert await sent_by(here, form, key_uri)
    if form == "cavage":
        how = {"less": "date"} if change == "absent" else {"values": {"date": "tomorrow"}}
    else:
        how = {"at": datetime.min, "more": "" if change == "absent" else ';created="now"'}
    with pytest.raises(BadSignature, match="not_covered" if change == "absent" else "date"):
        await sent_by(here, form, key_uri, **how)


@FORMS
@pytest.mark.parametrize("less", ["digest", "(request-target)", "host", "@method"])
async def test_sig_08_target_host_and_digest_must_be_signed(
    here: Here, peer: Peer, form: str, less: str
):
    """In RFC 9421 the host is part of the target."""
    key_uri = f"{peer.actor('ada')}#main-key"
    assert await sent_by(here, form, key_uri)
    if less == ("host" if form == "rfc9421" else "@method"):
        return
    with pytest.raises(BadSignature, match="not_covered"):
        await sent_by(here, form, key_uri, less=less)


@FORMS
async def test_sig_09_what_comes_twice_is_refused(here: Here, peer: Peer, form: str):
    key_uri = f"{peer.actor('ada')}#main-key"
    headers = headers_of(form, "post", here.inbox, BODY, key_uri)
    assert await ask(here, headers)
    for name in ("signature", "signature-input", "digest", "content-digest"):
        if name in headers:
            with pytest.raises(BadSignature):
                await ask(here, [*headers.items(), (name, headers[name])])
    eve = f"{peer.actor('eve')}#main-key"
    name, more = (
        ("signature", f',keyId="{eve}"')
        if form == "cavage"
        else ("signature-input", f';keyid="{eve}"')
    )
    with pytest.raises(BadSignature, match="signature_header"):
        await ask(here, headers | {name: headers[name] + more})
    if form == "cavage":
        with pytest.raises(BadSignature, match="signature_header"):
            await ask(here, headers | {name: headers[name] + ',headers="date"'})


def public_pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def rsa_pem(bits: int, exponent: int = 65537) -> str:
    """A key of any size: making a real one of 16384 bits takes minutes."""
    return public_pem(rsa.RSAPublicNumbers(exponent, (1 << (bits - 1)) + 1).public_key())


BAD_KEYS = {
    "1024 bits": rsa_pem(1024),
    "2047 bits": rsa_pem(2047),
    "8193 bits": rsa_pem(8193),
    "16384 bits": rsa_pem(16384),
    "e = 3": rsa_pem(2048, 3),
    "elliptic curve": public_pem(ec.generate_private_key(ec.SECP256R1()).public_key()),
    "private": KEYS[0]
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode(),
    "DER junk": "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG\n-----END PUBLIC KEY-----\n",
    "512 bits": (
        "-----BEGIN PUBLIC KEY-----\n"
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAECAwEAAQ==\n"
        "-----END PUBLIC KEY-----\n"
    ),
    "nothing": "",
    "long": "x" * 100_000,
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_sig_10_a_key_that_is_too_weak_too_big_or_none_is_refused_at_once(name: str):
    start = time.process_time()
    with pytest.raises(BadSignature, match="key"):
        load_public_key(BAD_KEYS[name])
    assert time.process_time() - start < 0.05


@pytest.mark.parametrize("bits", [2048, 3072, 4096, 8192])
def test_sig_10_keys_of_2048_to_8192_bits_are_taken(bits: int):
    assert load_public_key(rsa_pem(bits))


@FORMS
@pytest.mark.parametrize("name", ["1024 bits", "e = 3", "elliptic curve", "private"])
async def test_sig_10_nobody_is_believed_by_such_a_key(
    here: Here, peer: Peer, form: str, name: str
):
    uri = f"{peer.origin}/actors/ada"
    public_key = {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": BAD_KEYS[name]}
    peer.actor("ada", publicKey=public_key)
    with pytest.raises(BadSignature):
        await sent_by(here, form, f"{uri}#main-key")


@FORMS
@pytest.mark.parametrize("algorithm", ["hmac-sha256", "rsa-sha1", "none"])
async def test_sig_11_other_algorithms_are_refused_before_anything_is_fetched(
    here: Here, peer: Peer, form: str, algorithm: str
):
    key_uri = f"{peer.actor('ada')}#main-key"
    with pytest.raises(BadSignature, match="algorithm"):
        await sent_by(here, form, key_uri, algorithm=algorithm)
    assert peer.asked == []
    assert await sent_by(here, form, key_uri)


@FORMS
@pytest.mark.parametrize("key", ["signature", "@graph", "@reverse"])
async def test_sig_12_a_signature_inside_the_document_proves_nothing(
    here: Here, peer: Peer, other_peer: Peer, form: str, key: str
):
    """Linked-data signatures are never looked at: the sender is who signed the request."""
    ada, eve = peer.actor("ada"), other_peer.actor("eve")
    inner = {"type": "RsaSignature2017", "creator": f"{ada}#main-key", "signatureValue": "AAAA"}
    nested = inner if key == "signature" else {"actor": ada, "signature": inner}
    activity = {"id": f"{ada}/1", "type": "Like", "actor": ada, "object": f"{ada}/2", key: nested}
    post = post_signed if form == "cavage" else post_message
    answer = await post(here.inbox, activity, key_uri=f"{eve}#main-key")
    assert (answer.status_code, answer.text) == (401, "not_the_actor")
    assert await here.inbox_states() == []
    assert (await post(here.inbox, activity)).status_code == 202


@FORMS
async def test_a_request_that_is_not_signed_is_nobodys(here: Here, form: str):
    headers = headers_of(form, "post", here.inbox, BODY, "https://there.test/k")
    assert await ask(here, without(headers, "signature", "signature-input")) is None
