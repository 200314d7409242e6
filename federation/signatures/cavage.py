"""draft-cavage-http-signatures-12, as the fediverse uses it.

What is tolerated, and for whom: `hs2019` (GoToSocial and Lemmy say it and mean RSA with SHA-256),
no algorithm at all (Mastodon takes that), `(created)` in place of a Date, headers in any order, and
a target without the query string (Mastodon, GoToSocial and Fedify send that form too).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federation.address import parse_url
from federation.errors import BadSignature
from federation.signatures.algorithms import (
    ALL,
    ED25519,
    HASH,
    PADDING,
    RSA_SHA256,
    RSA_SHA512,
)
from federation.signatures.digests import digest_of
from federation.signatures.types import (
    MAX_HEADER,
    NO_HEADERS,
    Message,
    Outgoing,
    Signed,
    require_fresh,
)

ALGORITHMS = {
    "": ALL,
    "hs2019": ALL,
    "rsa-sha256": (RSA_SHA256,),
    "rsa-sha512": (RSA_SHA512,),
    "ed25519": (ED25519,),
    "ed25519-sha512": (ED25519,),  # Misskey's library
}
PARAMETER = re.compile(r'\s*([a-zA-Z]+)\s*=\s*(?:"([^"]*)"|([0-9]+))\s*(?:,|$)')
NEEDED = frozenset({"(request-target)", "host"})
TIMES = frozenset({"date", "(created)"})


def sign(
    request: Outgoing,
    key_uri: str,
    private_key: RSAPrivateKey,
    now: datetime,
    *,
    with_query: bool = True,
) -> dict[str, str]:
    """All headers of a request that is sent now, the Signature among them.

    (created) is left out because old Pleroma refuses it; the key id carries a fragment because
    Lemmy demands one.
    """
    target = request.target
    headers = {
        "host": target.host,
        "date": format_datetime(now.astimezone(UTC), usegmt=True),
    }
    if request.body is not None:
        headers["digest"] = digest_of(request.body)
    headers.update(request.headers)
    path = target.path if with_query else target.path.partition("?")[0]
    lines = [f"(request-target): {request.method.lower()} {path}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    value = base64.b64encode(private_key.sign("\n".join(lines).encode(), PADDING, HASH)).decode()
    headers["signature"] = (
        f'keyId="{key_uri}",algorithm="rsa-sha256",'
        f'headers="(request-target) {" ".join(headers)}",signature="{value}"'
    )
    return headers


def sign_request(
    method: str,
    url: str,
    body: bytes | None,
    key_uri: str,
    private_key: RSAPrivateKey,
    now: datetime,
    *,
    content_type: str = "application/activity+json",
) -> dict[str, str]:
    """`sign` for a URL and a plain body."""
    headers = NO_HEADERS if body is None else {"content-type": content_type}
    return sign(Outgoing(method, parse_url(url), body, headers), key_uri, private_key, now)


def read(message: Message, now: datetime) -> Signed | None:
    """What the sender must have signed, once all but the key is checked; None if it is not signed.

    A body must have a digest that is signed and right. Raises BadSignature, also for two Signature
    headers and repeated parameters: an attacker must not choose which of two values is checked.
    """
    header = message.find(b"signature")
    if header is None:
        return None
    if len(header) > MAX_HEADER:
        raise BadSignature("signature_header")
    parameters = _parse_parameters(header.decode("latin-1"))
    try:
        value = binascii.a2b_base64(parameters["signature"], strict_mode=True)
        key_uri = parameters["keyid"]
    except (KeyError, binascii.Error, ValueError):
        raise BadSignature("signature_header") from None
    algorithms = ALGORITHMS.get(parameters.get("algorithm", "").lower())
    if algorithms is None:
        raise BadSignature("algorithm")
    names, covered = _names(parameters.get("headers", "(created)"))
    created = _whole_number(parameters.get("created"))
    expires = _whole_number(parameters.get("expires"))
    _require_covered(covered, parameters, message)
    moments = [_seconds_of(message.header("date"))] if "date" in covered else []
    if created is not None and "(created)" in covered:
        moments.append(created)
    require_fresh(moments, expires, now)
    if message.body is not None:
        _require_digest(message.header("digest"), message.body)
    return Signed(key_uri, value, _texts(message, names, parameters), algorithms)


def _parse_parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = PARAMETER.match(text, position)
        if match is None:
            raise BadSignature("signature_header")
        name, quoted, number = match.groups()
        name = name.lower()
        if name in parameters:
            raise BadSignature("signature_header")
        parameters[name] = number if quoted is None else quoted
        position = match.end()
    return parameters


def _require_covered(
    covered: frozenset[str], parameters: Mapping[str, str], message: Message
) -> None:
    """Raises BadSignature unless target, host, a time and any body are under the signature."""
    if not covered >= NEEDED or covered.isdisjoint(TIMES):
        raise BadSignature("not_covered")
    if message.body is not None and "digest" not in covered:
        raise BadSignature("not_covered")
    for name in ("created", "expires"):
        if f"({name})" in covered and name not in parameters:
            raise BadSignature("not_covered")


@lru_cache(256)
def _names(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """What is covered, in order and as a set. A server says the same in each of its requests."""
    names = tuple(text.lower().split())
    covered = frozenset(names)
    if not names or len(covered) != len(names):
        raise BadSignature("signature_header")
    return names, covered


def _whole_number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise BadSignature("signature_header")
    return int(text)


@lru_cache(256)
def _seconds_of(date: str) -> float:
    """A Date. Many requests of one second bring the same one, and reading it takes long."""
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError, TypeError):
        raise BadSignature("date") from None


def _require_digest(header: str, body: bytes) -> None:
    """Raises BadSignature unless the SHA-256 among the digests is the body's."""
    sums: dict[str, str] = {}
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        name = name.lower()
        if name in sums:
            raise BadSignature("digest")
        sums[name] = value
    expected = base64.b64encode(hashlib.sha256(body).digest())
    if not hmac.compare_digest(sums.get("sha-256", "").encode(), expected):
        raise BadSignature("digest")


def _texts(
    message: Message, names: tuple[str, ...], parameters: Mapping[str, str]
) -> tuple[bytes, ...]:
    """The signed text, and the one without the query string if there is a query.

    Nothing here gives an inbox a query that means anything, so that leaving it out says no less.
    """
    values = []
    for name in names:
        if name in ("(created)", "(expires)"):
            value = parameters[name[1:-1]]
        elif name == "(request-target)":
            value = f"{message.method.lower()} {message.path}"
        else:
            value = message.header(name)
        values.append(f"{name}: {value}")
    bare = "\n".join(values).encode("latin-1", "replace")
    if not message.query:
        return (bare,)
    values[names.index("(request-target)")] += f"?{message.query}"
    return ("\n".join(values).encode("latin-1", "replace"), bare)
