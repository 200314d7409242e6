"""Keys of actors: public ones to verify with, private ones of our own actors to sign with."""

from __future__ import annotations

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
    uri: str
    private_pem: str = field(repr=False)


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
insert into actor_keys (uri, actor_id, public_pem, private_pem)
values ($1, $2, $3, $4)
on conflict (uri) do update set public_pem = excluded.public_pem
where actor_keys.actor_id = excluded.actor_id and actor_keys.private_pem is null
"""


async def save_key(
    conn: Connection, key_uri: str, actor_id: int, public_pem: str, private_pem: str | None = None
) -> None:
    """Store or refresh a key. A known key URI never changes its owner, and a key of our own stays.

    Binding a known key to another actor is how a stranger would speak in somebody's name.
    """
    await conn.execute(SAVE, key_uri, actor_id, public_pem, private_pem)


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
where k.actor_id = $1 and k.private_pem is not null
order by k.created_at desc
limit 1
"""


async def read_signing_key(conn: Connection, actor_id: int) -> SigningKey | None:
    return await fetch_one(conn, SigningKey, READ_SIGNING, actor_id)


READ_INSTANCE = """
select k.uri, k.private_pem
from actors a
join actor_keys k on k.actor_id = a.id and k.private_pem is not null
where a.kind = 'instance' and a.is_local
order by k.created_at desc
limit 1
"""


async def read_instance_key(conn: Connection) -> SigningKey | None:
    """The key of this server's own actor, which signs every GET."""
    return await fetch_one(conn, SigningKey, READ_INSTANCE)
