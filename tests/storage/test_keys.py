from __future__ import annotations

from storage import keys
from storage.db import Connection
from tests.factories import KEYPAIR, make_person, make_remote_person


async def test_a_key_tells_whose_it_is(conn: Connection) -> None:
    person = await make_remote_person(conn)
    key = await keys.read_key(conn, f"{person.uri}#main-key")
    assert key
    assert (key.actor_id, key.actor_uri, key.actor_host) == (person.id, person.uri, person.host)
    assert (key.actor_kind, key.actor_state) == ("person", "live")
    assert await keys.read_key(conn, "https://there.test/unknown") is None


async def test_a_key_is_renewed_by_its_owner_only(conn: Connection) -> None:
    person, thief = await make_remote_person(conn), await make_remote_person(conn)
    uri = f"{person.uri}#main-key"
    await keys.save_key(conn, uri, thief.id, "stolen")
    key = await keys.read_key(conn, uri)
    assert key
    assert (key.actor_id, key.public_pem) == (person.id, KEYPAIR.public_pem)
    await keys.save_key(conn, uri, person.id, "renewed")
    key = await keys.read_key(conn, uri)
    assert key
    assert key.public_pem == "renewed"


async def test_a_key_of_ours_is_never_replaced_from_outside(conn: Connection) -> None:
    person = await make_person(conn)
    await keys.save_key(conn, f"{person.uri}#main-key", person.id, "other")
    key = await keys.read_key(conn, f"{person.uri}#main-key")
    assert key
    assert key.public_pem == KEYPAIR.public_pem
    signing = await keys.read_signing_key(conn, person.id)
    assert signing
    assert signing.private_pem == KEYPAIR.private_pem


async def test_a_private_key_is_not_printed(conn: Connection) -> None:
    person = await make_person(conn)
    assert "PRIVATE" not in repr(await keys.read_signing_key(conn, person.id))
    assert "PRIVATE" not in repr(KEYPAIR)


async def test_requests_and_documents_are_signed_with_keys_of_their_own(conn: Connection) -> None:
    person = await make_person(conn)
    signing = await keys.read_signing_key(conn, person.id)
    proving = await keys.read_proof_key(conn, person.id)
    assert signing
    assert proving
    assert (signing.uri, signing.private_pem) == (f"{person.uri}#main-key", KEYPAIR.private_pem)
    assert proving.uri == f"{person.uri}#ed25519-key"
    assert proving.private_pem == KEYPAIR.private_ed25519_pem
    assert "PRIVATE" not in repr(proving)
    public = await keys.read_key(conn, proving.uri)
    assert public
    assert public.public_pem == KEYPAIR.public_ed25519_pem


async def test_a_key_may_become_one_of_another_kind(conn: Connection) -> None:
    person = await make_remote_person(conn)
    uri = f"{person.uri}#main-key"
    await keys.save_key(conn, uri, person.id, KEYPAIR.public_ed25519_pem, kind="ed25519")
    assert await conn.fetchval("select kind from actor_keys where uri = $1", uri) == "ed25519"


async def test_a_key_of_ours_that_is_there_stays(conn: Connection) -> None:
    person = await make_person(conn)
    known = await keys.read_proof_key(conn, person.id)
    assert known
    again = keys.NewKey(known.uri, person.id, "public", "private", "ed25519")
    await keys.add_own(conn, [again])
    assert await keys.read_proof_key(conn, person.id) == known
    assert "private" not in repr(again)
