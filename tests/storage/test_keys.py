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
