"""The door for activities: who is let in, and with what answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from storage.instances import set_policy
from tests.federation.conftest import Here
from tests.federation.peer import KEYS, Peer, pem_of, post_signed, signed_headers


def follow(peer: Peer, actor: str, number: int = 1) -> dict[str, object]:
    return {
        "id": f"{peer.origin}/follows/{number}",
        "type": "Follow",
        "actor": actor,
        "object": f"{peer.origin}/somebody",
    }


def note(peer: Peer, actor: str, number: int = 1) -> dict[str, object]:
    return {
        "id": f"{peer.origin}/creates/{number}",
        "type": "Create",
        "actor": actor,
        "object": {
            "id": f"{peer.origin}/notes/{number}",
            "type": "Note",
            "attributedTo": actor,
            "content": "<p>Hello</p>",
        },
    }


async def test_a_signed_activity_is_kept_as_it_came_before_it_is_accepted(here: Here, peer: Peer):
    activity = note(peer, peer.actor("ada"))
    answer = await post_signed(here.inbox, activity)
    assert answer.status_code == 202
    kept = await here.fetch("select uri, type, actor_uri, host, body, state from inbox")
    body = json.dumps(activity).encode()
    assert kept == [(activity["id"], "Create", activity["actor"], peer.host, body, "waiting")]


async def test_every_personal_inbox_answers_like_the_shared_one(here: Here, peer: Peer):
    ada = peer.actor("ada")
    for number, path in enumerate(["/ap/actors/1/inbox", "/ap/actors/nobody/inbox"]):
        answer = await post_signed(here.site.origin + path, note(peer, ada, number))
        assert (answer.status_code, answer.content) == (202, b"")
    assert len(await here.inbox_states()) == 2


async def test_r43_a_duplicate_is_accepted_and_kept_once(here: Here, peer: Peer):
    activity = note(peer, peer.actor("ada"))
    answers = await asyncio.gather(*(post_signed(here.inbox, activity) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len(await here.inbox_states()) == 1


@pytest.mark.parametrize("kind", ["Follow", "Undo", "Accept", "Reject", "Like", "EmojiReact"])
async def test_a_change_of_state_with_a_known_id_is_taken_again(here: Here, peer: Peer, kind: str):
    activity = follow(peer, peer.actor("ada")) | {"type": kind}
    for _ in range(2):
        assert (await post_signed(here.inbox, activity)).status_code == 202
    assert len(await here.inbox_states()) == 2


async def test_the_same_id_told_by_another_server_is_not_the_same(
    here: Here, peer: Peer, other_peer: Peer
):
    activity = note(peer, peer.actor("ada"))
    forged = {**note(other_peer, other_peer.actor("eve")), "id": activity["id"]}
    assert (await post_signed(here.inbox, forged)).status_code == 403
    assert (await post_signed(here.inbox, activity)).status_code == 202


async def test_a_type_without_a_meaning_here_is_accepted_and_not_kept(here: Here, peer: Peer):
    ada = peer.actor("ada")
    travel = {
        "id": f"{peer.origin}/travels/1",
        "type": "Travel",
        "actor": ada,
        "object": "https://x.test/1",
    }
    assert (await post_signed(here.inbox, travel)).status_code == 202
    assert await here.inbox_states() == []


async def test_an_unsigned_activity_is_not_taken(here: Here, peer: Peer):
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        answer = await client.post(here.inbox, json=note(peer, peer.actor("ada")))
    assert answer.status_code == 401


# Ages, not moments: a long run collects its tests minutes before it comes to them.
WRONG_AGES = [
    timedelta(minutes=61),
    -timedelta(minutes=6, seconds=30),
]
RIGHT_AGES = [
    timedelta(minutes=55),
    -timedelta(minutes=3),
]


@pytest.mark.parametrize("age", RIGHT_AGES)
async def test_a_clock_may_be_a_little_wrong(here: Here, peer: Peer, age: timedelta):
    date = datetime.now(UTC) - age
    answer = await post_signed(here.inbox, note(peer, peer.actor("ada")), date=date)
    assert answer.status_code == 202


@pytest.mark.parametrize("age", WRONG_AGES)
async def test_an_old_or_future_signature_is_refused(here: Here, peer: Peer, age: timedelta):
    date = datetime.now(UTC) - age
    answer = await post_signed(here.inbox, note(peer, peer.actor("ada")), date=date)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "names",
    [
        "(request-target) host date digest content-type",
        "Date Digest Host (Request-Target)",
        "digest date host (request-target)",
    ],
)
async def test_signed_headers_in_any_order_and_case_are_accepted(
    here: Here, peer: Peer, names: str
):
    answer = await post_signed(here.inbox, note(peer, peer.actor("ada")), names=names)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "names",
    [
        "(request-target) host date content-type",
        "host date digest",
        "(request-target) date digest",
        "(request-target) host digest",
        "(request-target) host date digest digest",
    ],
)
async def test_a_signature_that_leaves_something_out_is_refused(here: Here, peer: Peer, names: str):
    answer = await post_signed(here.inbox, note(peer, peer.actor("ada")), names=names)
    assert answer.status_code == 401


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "hs2019", None])
async def test_the_names_that_servers_give_to_rsa_with_sha256_are_accepted(
    here: Here, peer: Peer, algorithm: str | None
):
    answer = await post_signed(here.inbox, note(peer, peer.actor("ada")), algorithm=algorithm)
    assert answer.status_code == 202


@pytest.mark.parametrize("algorithm", ["rsa-sha1", "hmac-sha256", "none", "ed25519"])
async def test_other_algorithms_are_refused(here: Here, peer: Peer, algorithm: str):
    answer = await post_signed(here.inbox, note(peer, peer.actor("ada")), algorithm=algorithm)
    assert answer.status_code == 401


async def _post(here: Here, body: bytes, headers: dict[str, str] | list[tuple[str, str]]) -> int:
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        return (await client.post(here.inbox, content=body, headers=headers)).status_code


async def test_a_changed_body_a_missing_digest_and_a_bent_signature_are_refused(
    here: Here, peer: Peer
):
    activity = note(peer, peer.actor("ada"))
    body = json.dumps(activity).encode()
    key_uri = f"{activity['actor']}#main-key"
    headers = signed_headers("post", here.inbox, body, key_uri)
    assert await _post(here, body.replace(b"Hello", b"Adieu"), headers) == 401
    without = {name: value for name, value in headers.items() if name != "digest"}
    assert await _post(here, body, without) == 401
    twice = headers | {"signature": headers["signature"] + f',keyId="{key_uri}"'}
    assert await _post(here, body, twice) == 401
    two = [*headers.items(), ("signature", headers["signature"])]
    assert await _post(here, body, two) == 401
    assert await _post(here, body, headers | {"signature": 'keyId="x",signature="!"'}) == 401
    assert await _post(here, body, headers) == 202


async def test_a_request_signed_for_another_server_is_refused(here: Here, peer: Peer):
    body = json.dumps(note(peer, peer.actor("ada"))).encode()
    key_uri = f"{peer.origin}/actors/ada#main-key"
    headers = signed_headers("post", "http://127.0.0.1:1/inbox", body, key_uri)
    assert await _post(here, body, headers) == 401


async def test_r26_only_the_actor_speaks_in_the_actors_name(
    here: Here, peer: Peer, other_peer: Peer
):
    ada = peer.actor("ada")
    for impostor in (peer.actor("bob", key=KEYS[1]), other_peer.actor("eve", key=KEYS[1])):
        answer = await post_signed(
            here.inbox, note(peer, ada), key_uri=f"{impostor}#main-key", key=KEYS[1]
        )
        assert answer.status_code == 401
    assert await here.inbox_states() == []


async def test_r26_a_key_whose_owner_lives_elsewhere_or_does_not_list_it_is_refused(
    here: Here, peer: Peer, other_peer: Peer
):
    ada = peer.actor("ada")
    for number, owner in enumerate([ada, other_peer.actor("bob")]):
        key_uri = other_peer.put(
            f"/keys/{number}",
            {
                "id": f"{other_peer.origin}/keys/{number}",
                "type": "Key",
                "owner": owner,
                "publicKeyPem": pem_of(KEYS[1]),
            },
        )
        activity = {**note(peer, ada), "actor": owner}
        answer = await post_signed(here.inbox, activity, key_uri=key_uri, key=KEYS[1])
        assert answer.status_code == 401


async def test_keys_are_found_at_a_path_of_their_own_and_behind_a_stub(here: Here, peer: Peer):
    uri = f"{peer.origin}/actors/gts"
    key_uri = f"{uri}/main-key"
    public_key = {"id": key_uri, "owner": uri, "publicKeyPem": pem_of(KEYS[0])}
    peer.actor("gts", publicKey=public_key)
    stub = {"id": uri, "type": "Person", "preferredUsername": "gts", "publicKey": public_key}
    peer.put("/actors/gts/main-key", stub)
    answer = await post_signed(here.inbox, note(peer, uri), key_uri=key_uri)
    assert answer.status_code == 202

    uri = f"{peer.origin}/actors/key"
    public_key = {"id": f"{uri}/k", "owner": uri, "publicKeyPem": pem_of(KEYS[0])}
    peer.actor("key", publicKey=public_key)
    peer.put("/actors/key/k", {**public_key, "type": "CryptographicKey"})
    answer = await post_signed(here.inbox, note(peer, uri, 2), key_uri=f"{uri}/k")
    assert answer.status_code == 202


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


WEAK = rsa.generate_private_key(65537, 1024)
SMALL_EXPONENT = rsa.generate_private_key(3, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
PRIVATE = (
    KEYS[0]
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


@pytest.mark.parametrize(
    "pem",
    [_pem(WEAK), _pem(SMALL_EXPONENT), _pem(CURVE), PRIVATE, "junk", "x" * 100_000],
    ids=["1024 bits", "e = 3", "elliptic curve", "private", "junk", "long"],
)
async def test_a_key_of_the_wrong_kind_is_refused(here: Here, peer: Peer, pem: str):
    uri = f"{peer.origin}/actors/ada"
    peer.actor("ada", publicKey={"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": pem})
    assert (await post_signed(here.inbox, note(peer, uri))).status_code == 401


async def test_a_new_key_is_found_with_one_look_and_a_wrong_one_stays_wrong(here: Here, peer: Peer):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    assert (await post_signed(here.inbox, note(peer, ada, 2), key=KEYS[1])).status_code == 401
    assert peer.fetches("/actors/ada") == 2
    assert (await post_signed(here.inbox, note(peer, ada, 2), key=KEYS[1])).status_code == 401
    assert peer.fetches("/actors/ada") == 2


async def test_a_rotated_key_replaces_the_old_one(here: Here, peer: Peer):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    peer.actor("ada", key=KEYS[1])
    assert (await post_signed(here.inbox, note(peer, ada, 2), key=KEYS[1])).status_code == 202
    assert (await post_signed(here.inbox, note(peer, ada, 3))).status_code == 401


async def test_a_key_that_cannot_be_fetched_is_asked_for_once(here: Here, peer: Peer):
    ada = f"{peer.origin}/actors/ada"
    peer.put("/actors/ada", b"", status=500)
    answers = await asyncio.gather(
        *(post_signed(here.inbox, note(peer, ada, number)) for number in range(20))
    )
    assert {answer.status_code for answer in answers} == {503}
    assert all(answer.headers["retry-after"] for answer in answers)
    assert peer.fetches("/actors/ada") == 1


async def test_r32_who_is_gone_and_was_never_known_may_say_goodbye(here: Here, peer: Peer):
    ada = f"{peer.origin}/actors/ada"
    peer.put("/actors/ada", b"", status=410)
    goodbye = {"id": f"{ada}#delete", "type": "Delete", "actor": ada, "object": ada}
    assert (await post_signed(here.inbox, goodbye)).status_code == 202
    assert (await post_signed(here.inbox, note(peer, ada))).status_code == 401
    assert await here.inbox_states() == []


@pytest.mark.parametrize(
    ("status", "answer", "state"), [(410, 202, "gone"), (404, 401, "live"), (500, 503, "live")]
)
async def test_r32_who_is_gone_with_their_key_is_looked_for_and_only_410_is_believed(
    here: Here, peer: Peer, status: int, answer: int, state: str
):
    ada = (await here.actor(peer.actor("ada"))).uri
    peer.put("/actors/ada", b"", status=status)
    goodbye = {"id": f"{ada}#delete", "type": "Delete", "actor": ada, "object": ada}
    sent = await post_signed(here.inbox, goodbye, key_uri=f"{ada}#a-key-that-went-with-them")
    assert sent.status_code == answer
    await here.work()
    assert await here.fetch("select state from actors where uri = $1", ada) == [(state,)]


async def test_r32_a_goodbye_in_the_name_of_somebody_who_is_there_ends_nothing(
    here: Here, peer: Peer
):
    ada = (await here.actor(peer.actor("ada"))).uri
    peer.put("/actors/ada/old-key", b"", status=410)
    goodbye = {"id": f"{ada}#delete", "type": "Delete", "actor": ada, "object": ada}
    sent = await post_signed(here.inbox, goodbye, key_uri=f"{peer.origin}/actors/ada/old-key")
    assert sent.status_code == 202
    await here.work()
    assert await here.fetch("select state from actors where uri = $1", ada) == [("live",)]


async def test_r63_a_blocked_server_is_refused_and_asked_nothing(here: Here, peer: Peer):
    async with here.database.write() as conn:
        await set_policy(conn, peer.host, "refused")
    assert (await post_signed(here.inbox, note(peer, peer.actor("ada")))).status_code == 403
    assert peer.asked == []


async def test_nobody_speaks_for_this_server_from_outside(here: Here, peer: Peer):
    ours = here.site.instance_uri
    activity = {**follow(peer, ours), "id": f"{here.site.origin}/ap/activities/1"}
    answer = await post_signed(here.inbox, activity, key_uri=f"{ours}#main-key")
    assert answer.status_code == 401
    ada = peer.actor("ada")
    activity = {**note(peer, ada), "id": f"{here.site.origin}/ap/activities/1"}
    assert (await post_signed(here.inbox, activity)).status_code == 403


BAD_BODIES = {
    "no json": b"{",
    "a list": b"[]",
    "two actors": b'{"actor": "%s", "actor": "%s"}',
    "not a number": b'{"actor": "%s", "n": NaN}',
    "infinity": b'{"actor": "%s", "n": 1e400}',
    "a huge number": b'{"actor": "%s", "n": ' + b"9" * 5000 + b"}",
    "2^63": b'{"actor": "%s", "n": 9223372036854775808}',
    "33 deep": b'{"actor": "%s", "n": ' + b"[" * 33 + b"]" * 33 + b"}",
    "100,000 deep": b'{"actor": "%s", "n": ' + b"[" * 100_000,
    "a million zeros": b'{"actor": "%s", "n": [' + b"0," * 500_000 + b"0]}",
    "a byte order mark": b'\xef\xbb\xbf{"actor": "%s"}',
    "invalid UTF-8": b'{"actor": "%s", "n": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "no actor": b"{}",
    "an actor that is a number": b'{"actor": 1}',
    "two in a list of actors": b'{"actor": ["%s", "https://victim.test/1"]}',
    "no id": b'{"actor": "%s", "type": "Create"}',
    "a long id": b'{"actor": "%s", "type": "Create", "id": "https://x.test/' + b"x" * 3000 + b'"}',
    "NUL in the id": b'{"actor": "%s", "type": "Create", "id": "https://x.test/\\u0000"}',
    "half a character in the id": b'{"actor": "%s", "type": "Create", "id": "https://x.test/#\\ud800"}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_a_malformed_activity_is_refused_for_good(here: Here, peer: Peer, body: bytes):
    ada = peer.actor("ada")
    body = body.replace(b"%s", ada.encode())
    answer = await post_signed(here.inbox, body, key_uri=f"{ada}#main-key")
    assert answer.status_code == 400


async def test_an_activity_over_a_mebibyte_is_too_large(here: Here, peer: Peer):
    body = json.dumps({**note(peer, peer.actor("ada")), "x": "y" * 1024 * 1024}).encode()
    answer = await post_signed(here.inbox, body, key_uri=f"{peer.origin}/actors/ada#main-key")
    assert answer.status_code == 413


async def test_without_a_database_the_sender_is_asked_to_come_back(here: Here, peer: Peer):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    await here.fetch("alter table inbox rename to elsewhere")
    try:
        answer = await post_signed(here.inbox, note(peer, ada, 2))
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    finally:  # all tests of this worker share the table
        await here.fetch("alter table elsewhere rename to inbox")
    assert (await post_signed(here.inbox, note(peer, ada, 2))).status_code == 202
    assert len(await here.inbox_states()) == 2


async def test_a_refusal_is_one_line_that_names_the_reason_and_the_server(
    here: Here, peer: Peer, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "dazzle.refused")
    body = json.dumps(note(peer, peer.actor("ada"))).encode()
    for key_uri in ("https://There.example/actors/ada#main-key", "https://10.0.0.1/ada#main-key"):
        headers = signed_headers("post", here.inbox, body, key_uri, names="host date digest")
        assert await _post(here, body, headers) == 401
    assert [record.getMessage() for record in caplog.records] == [
        "401 not_covered from there.example",
        "401 not_covered from nobody",
    ]


@asynccontextmanager
async def slow(here: Here, *tables: str) -> AsyncIterator[None]:
    """Whoever writes to these tables waits until the end."""
    async with here.database.pool.acquire() as conn, conn.transaction():
        for table in tables:
            await conn.execute(f"lock table {table} in share row exclusive mode")
        yield


async def test_r62_the_answer_comes_within_a_second_while_all_further_work_would_wait(
    here: Here, peer: Peer
):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    work = "posts memberships communities events activities destinations deliveries instances"
    async with slow(here, *work.split()):
        start = monotonic()
        answer = await post_signed(here.inbox, note(peer, ada, 2))
        assert (answer.status_code, monotonic() - start < 1.0) == (202, True)
    assert len(await here.inbox_states()) == 2


async def test_r62_the_answer_comes_within_a_second_when_the_commit_is_slow(here: Here, peer: Peer):
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    async with slow(here, "inbox"):
        start = monotonic()
        task = asyncio.create_task(post_signed(here.inbox, note(peer, ada, 2)))
        await asyncio.sleep(0.6)
        assert not task.done()
    assert (await task).status_code == 202
    assert monotonic() - start < 1.0


async def test_r62_a_commit_that_does_not_come_is_answered_with_503(
    here: Here, peer: Peer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("federation.keeper.COMMIT_SECONDS", 0.2)
    ada = peer.actor("ada")
    assert (await post_signed(here.inbox, note(peer, ada, 1))).status_code == 202
    async with slow(here, "inbox"):
        answer = await post_signed(here.inbox, note(peer, ada, 2))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "chunked"])
async def test_r62_more_than_a_megabyte_is_answered_with_413(
    here: Here, peer: Peer, is_declared: bool
):
    body = json.dumps({**note(peer, peer.actor("ada")), "x": "y" * 1024 * 1024}).encode()
    headers = signed_headers("post", here.inbox, body, f"{peer.origin}/actors/ada#main-key")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    content = body if is_declared else pieces()
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(here.inbox, content=content, headers=headers)
    assert answer.status_code == 413
    assert await here.inbox_states() == []


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[{}]", b'{"type": 1}', b"\xff\xfe", b"{}"])
async def test_r62_malformed_json_is_answered_with_400(here: Here, peer: Peer, body: bytes):
    ada = peer.actor("ada")
    answer = await post_signed(here.inbox, body, key_uri=f"{ada}#main-key")
    assert answer.status_code == 400
    assert await here.inbox_states() == []
