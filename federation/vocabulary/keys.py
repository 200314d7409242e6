"""Public keys: PEM in `publicKey`, Multikeys in `assertionMethod` (FEP-521a), or by themselves."""

from __future__ import annotations

from federation.errors import Malformed
from federation.multikey import from_multikey
from federation.vocabulary.fields import Fields, id_of, listed, reference
from federation.vocabulary.types import PublicKey

MAX_KEYS = 10
MAX_PEM = 4096
ED25519_BEGINS = "MCowBQYDK2VwAyEA"  # of every Ed25519 key in PEM


def parse_key(fields: Fields) -> PublicKey:
    """A key document, or the key inside an actor. Raises Malformed."""
    owner = fields.get("owner", fields.get("controller"))
    multibase = fields.get("publicKeyMultibase")
    pem = fields.get("publicKeyPem")
    if isinstance(multibase, str):
        kind, pem = from_multikey(multibase)
    elif isinstance(pem, str) and len(pem) <= MAX_PEM and pem.isascii() and "\0" not in pem:
        kind = "ed25519" if ED25519_BEGINS in pem else "rsa"
    else:
        raise Malformed("key")
    return PublicKey(id_of(fields), reference(owner, "owner"), pem, kind)


def keys_of(fields: Fields) -> tuple[PublicKey, ...]:
    """The usable keys of an actor; others are left out.

    Two keys of one id stay two, unless they are the same: which one is meant is not ours to guess.
    """
    found: dict[tuple[str, str], PublicKey] = {}
    for name in ("publicKey", "assertionMethod"):
        for entry in listed(fields.get(name), MAX_KEYS):
            if isinstance(entry, dict):
                try:
                    key = parse_key(entry)
                except Malformed:
                    continue
                found.setdefault((key.id, key.pem.strip()), key)
    return tuple(found.values())[:MAX_KEYS]
