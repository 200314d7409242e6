"""Keys of actors: public ones to verify with, private ones of our own actors to sign with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.db import Connection, fetch_one


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and whose it is."""

    uri: str
    actor_id: int
    public_pem: str
    actor_uri: str
    actor_host: str
    actor_kind: str
    actor_state: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key of our own, which signs requests."""

    uri: str
    private_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProofKey:
    """An Ed25519 key of our own, which signs documents."""

    uri: str
    private_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key of our own that is stored for the first time."""

    uri: str
    actor_id: int
    public_pem: str
    private_pem: str = field(repr=False)
    kind: str


READ = """
select k.uri, k.actor_id, k.public_pem, a.uri as actor_uri, a.host as actor_host,
  a.kind as actor_kind, a.state as actor_state
from actor_keys k
join actors a on a.id = k.actor_id
where k.uri = $1
"""


async def read_key(conn: Connection, key_uri: str) -> Key | None:
    return await fetch_one(conn, Key, READ, key_uri)


SAVE = """
insert into actor_keys (uri, actor_id, public_pem, kind)
values ($1, $2, $3, $4)
on conflict (uri) do update set public_pem = excluded.public_pem, kind = excluded.kind
where actor_keys.actor_id = excluded.actor_id and actor_keys.private_pem is null
"""


async def save_key(
    conn: Connection, key_uri: str, actor_id: int, public_pem: str, *, kind: str = "rsa"
) -> None:
    """Store or refresh another server's key. A known key URI never changes its owner, and a key of
    our own stays. `kind` is 'rsa' or 'ed25519'.

    Binding a known key to another actor is how a stranger would speak in somebody's name.
    """
    await conn.execute(SAVE, key_uri, actor_id, public_pem, kind)


ADD_OWN = """
insert into actor_keys (uri, actor_id, public_pem, private_pem, kind)
select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[])
on conflict (uri) do nothing
"""


async def add_own(conn: Connection, keys: Sequence[NewKey]) -> None:
    """Store keys of our own actors; one that is there stays as it is."""
    await conn.execute(
        ADD_OWN,
        [key.uri for key in keys],
        [key.actor_id for key in keys],
        [key.public_pem for key in keys],
        [key.private_pem for key in keys],
        [key.kind for key in keys],
    )


KEEP_ONLY = """
delete from actor_keys
where actor_id = $1 and private_pem is null and uri <> all($2::text[])
"""


async def keep_only(conn: Connection, actor_id: int, key_uris: list[str]) -> None:
    """Forget the keys that an actor elsewhere lists no more: they may be why it has new ones."""
    await conn.execute(KEEP_ONLY, actor_id, key_uris)


READ_SIGNING = """
select k.uri, k.private_pem
from actor_keys k
where k.actor_id = $1 and k.private_pem is not null and k.kind = 'rsa'
order by k.created_at desc
limit 1
"""


async def read_signing_key(conn: Connection, actor_id: int) -> SigningKey | None:
    """The RSA key of one of our actors: no other kind is understood everywhere."""
    return await fetch_one(conn, SigningKey, READ_SIGNING, actor_id)


READ_PROOF = """
select k.uri, k.private_pem
from actor_keys k
where k.actor_id = $1 and k.private_pem is not null and k.kind = 'ed25519'
order by k.created_at desc
limit 1
"""


async def read_proof_key(conn: Connection, actor_id: int) -> ProofKey | None:
    """The Ed25519 key with which one of our actors proves what it wrote."""
    return await fetch_one(conn, ProofKey, READ_PROOF, actor_id)


LIST_WITHOUT_PROOF = """
select a.id
from actors a
where a.id > $1 and a.is_local and a.kind in ('person', 'community') and not exists (
  select 1 from actor_keys k
  where k.actor_id = a.id and k.kind = 'ed25519' and k.private_pem is not null)
order by a.id
limit $2
"""


async def list_without_proof_key(conn: Connection, *, after: int = 0, limit: int) -> list[int]:
    """People and communities of this server that were made before there were such keys, by id."""
    return [row["id"] for row in await conn.fetch(LIST_WITHOUT_PROOF, after, limit)]


READ_INSTANCE = """
select k.uri, k.private_pem
from actors a
join actor_keys k on k.actor_id = a.id and k.private_pem is not null and k.kind = 'rsa'
where a.kind = 'instance' and a.is_local
order by k.created_at desc
limit 1
"""


async def read_instance_key(conn: Connection) -> SigningKey | None:
    """The key of this server's own actor, which signs every GET."""
    return await fetch_one(conn, SigningKey, READ_INSTANCE)
