"""Who sent a request: the owner of the key that signed it, or nobody. Said here only."""

from __future__ import annotations

from typing import Any

from federation.address import canonical_host
from federation.context import Federation
from federation.errors import BadSignature, Malformed, Refused, TooLarge
from federation.keys import load_public_key
from federation.signatures import (
    Signature,
    is_signed_by,
    parse_signature,
    signed_texts,
)
from storage.keys import Key

Scope = Any  # of ASGI


async def authenticate(fed: Federation, scope: Scope, body: bytes | None) -> Key | None:
    """The key that signed this request, with its actor; None if it is not signed.

    `body` is the raw body of a POST, None for GET. Raises BadSignature; Unreachable or Gone when
    the key could not be fetched; NotAllowed, before anything is fetched, for a refused server.
    """
    headers = scope["headers"]
    signature = parse_signature(headers)
    if signature is None:
        return None
    _require_our_host(fed, headers)
    path = scope.get("raw_path") or scope["path"].encode()
    texts = signed_texts(
        signature,
        scope["method"],
        path.decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        headers,
        body,
        fed.clock.now(),
    )
    return await _find_signer(fed, signature, texts)


async def _find_signer(fed: Federation, signature: Signature, texts: list[bytes]) -> Key:
    try:
        host = canonical_host(signature.key_uri)
    except Refused:
        raise BadSignature("key_uri") from None
    if host == fed.site.host:
        raise BadSignature("own_key")
    await fed.hosts.require(host)
    try:
        key = await fed.keys.find(signature.key_uri)
    except (Malformed, Refused, TooLarge):
        raise BadSignature("key") from None
    if is_signed_by(load_public_key(key.public_pem), signature, texts):
        return key
    rotated = await fed.keys.refetch(key)
    if rotated is None or not is_signed_by(load_public_key(rotated.public_pem), signature, texts):
        raise BadSignature
    return rotated


def _require_our_host(fed: Federation, headers: list[tuple[bytes, bytes]]) -> None:
    """Raises BadSignature for a request that was signed for another server and is replayed here."""
    named = [value for name, value in headers if name == b"host"]
    scheme = fed.site.origin.partition(":")[0]
    try:
        host = canonical_host(f"{scheme}://{named[0].decode('latin-1')}")
    except (IndexError, Refused):
        raise BadSignature("host") from None
    if len(named) > 1 or host != fed.site.host:
        raise BadSignature("host")
