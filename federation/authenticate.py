"""Who sent a request: the owner of the key that signed it, or nobody. Said here only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from federation.address import canonical_host
from federation.context import Federation
from federation.errors import BadSignature, Malformed, Refused, TooLarge
from federation.keys import load_public_key
from federation.signatures import Message, Signed, is_signed_by, read_signature
from storage.keys import Key

Scope = Any  # of ASGI


def _stay() -> None:
    """It waits where it is."""


async def authenticate(
    fed: Federation, scope: Scope, body: bytes | None, step_aside: Callable[[], None] = _stay
) -> Key | None:
    """The key that signed this request, with its actor; None if it is not signed.

    `body` is the raw body of a POST, None for GET; `step_aside` is as for `find_signer`. Raises
    BadSignature; Unreachable or Gone when the key could not be fetched; NotAllowed, before anything
    is fetched, for a refused server.
    """
    path = scope.get("raw_path") or scope["path"].encode()
    message = Message(
        scope["method"],
        fed.site.origin,
        path.decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        scope["headers"],
        body,
    )
    signed = read_signature(message, fed.clock.now())
    if signed is None:
        return None
    _require_our_host(fed, message)
    if _host_of(signed) == fed.site.host:
        raise BadSignature("own_key")
    return await find_signer(fed, signed, step_aside)


async def find_signer(
    fed: Federation, signed: Signed, step_aside: Callable[[], None] = _stay
) -> Key:
    """The key that made a signature, stored or fetched; fetched once more if it does not fit.

    `step_aside` is called before that: nothing shows yet that the named server sent it. Raises as
    `authenticate` does.
    """
    host = _host_of(signed)
    if host != fed.site.host:
        await fed.hosts.require(host)
    try:
        key = await fed.keys.find(signed.key_uri)
    except (Malformed, Refused, TooLarge):
        raise BadSignature("key") from None
    if is_signed_by(load_public_key(key.public_pem), signed):
        return key
    step_aside()
    rotated = await fed.keys.refetch(key)
    if rotated is None or not is_signed_by(load_public_key(rotated.public_pem), signed):
        raise BadSignature
    return rotated


def _host_of(signed: Signed) -> str:
    try:
        return canonical_host(signed.key_uri)
    except Refused:
        raise BadSignature("key_uri") from None


def _require_our_host(fed: Federation, message: Message) -> None:
    """Raises BadSignature for a request that was signed for another server and is replayed here."""
    named = message.find(b"host")
    if named is None or _canonical(fed.site.origin, named) != fed.site.host:
        raise BadSignature("host")


def _canonical(origin: str, host: bytes) -> str | None:
    try:
        return canonical_host(f"{origin.partition(':')[0]}://{host.decode('latin-1')}")
    except Refused:
        return None
