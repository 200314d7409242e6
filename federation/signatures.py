"""HTTP signatures as the fediverse uses them: draft-cavage with RSA and SHA-256.

Signing and checking only: whose key it is, and where it comes from, is `keys` and `authenticate`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from federation.address import parse_url
from federation.errors import BadSignature

ALGORITHMS = frozenset({"", "rsa-sha256", "hs2019"})
OLDEST = timedelta(hours=1)
NEWEST = timedelta(minutes=5)
PADDING = PKCS1v15()
HASH = SHA256()
PARAMETER = re.compile(r'\s*([a-zA-Z]+)\s*=\s*(?:"([^"]*)"|([0-9]+))\s*(?:,|$)')
MAX_HEADER = 8192

Headers = Sequence[tuple[bytes, bytes]]  # as ASGI gives them: names in lower case, repeats kept


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a Signature header."""

    key_uri: str
    algorithm: str
    headers: tuple[str, ...]
    value: bytes
    created: int | None
    expires: int | None


def digest_of(body: bytes) -> str:
    """The Digest header of a body."""
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


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
    """Host, Date, Digest, Content-Type and Signature headers for a request that is sent now.

    (created) is left out because old Pleroma refuses it; the key id carries a fragment because
    Lemmy demands one.
    """
    target = parse_url(url)
    date = format_datetime(now.astimezone(UTC), usegmt=True)
    lines = f"(request-target): {method.lower()} {target.path}\nhost: {target.host}\ndate: {date}"
    names = "(request-target) host date"
    headers = {"host": target.host, "date": date}
    if body is not None:
        digest = digest_of(body)
        lines += f"\ndigest: {digest}\ncontent-type: {content_type}"
        names += " digest content-type"
        headers["digest"] = digest
        headers["content-type"] = content_type
    value = base64.b64encode(private_key.sign(lines.encode(), PADDING, HASH)).decode()
    headers["signature"] = (
        f'keyId="{key_uri}",algorithm="rsa-sha256",headers="{names}",signature="{value}"'
    )
    return headers


def parse_signature(headers: Headers) -> Signature | None:
    """The one Signature header, or None if the request is not signed.

    Raises BadSignature for two of them, for repeated parameters and for other algorithms: an
    attacker must not choose which of two values is checked.
    """
    found = [value for name, value in headers if name == b"signature"]
    if not found:
        return None
    if len(found) > 1 or len(found[0]) > MAX_HEADER:
        raise BadSignature("signature_header")
    parameters = _parse_parameters(found[0].decode("latin-1"))
    try:
        value = base64.b64decode(parameters["signature"], validate=True)
        key_uri = parameters["keyid"]
    except (KeyError, binascii.Error, ValueError):
        raise BadSignature("signature_header") from None
    algorithm = parameters.get("algorithm", "").lower()
    if algorithm not in ALGORITHMS:
        raise BadSignature("algorithm")
    names = tuple(parameters.get("headers", "(created)").lower().split())
    if not names or len(set(names)) != len(names):
        raise BadSignature("signature_header")
    return Signature(
        key_uri,
        algorithm,
        names,
        value,
        _whole_number(parameters.get("created")),
        _whole_number(parameters.get("expires")),
    )


def signed_texts(
    signature: Signature,
    method: str,
    path: str,
    query: str,
    headers: Headers,
    body: bytes | None,
    now: datetime,
) -> list[bytes]:
    """What the sender must have signed, once all but the key is checked: one text or two.

    Two when there is a query string: some servers sign the path without it. `body` is None for
    GET; a body must have a digest that is signed and right.
    Raises BadSignature.
    """
    _require_covered(signature, body is not None)
    _require_fresh(signature, headers, now)
    if body is not None:
        _require_digest(headers, body)
    targets = [f"{path}?{query}", path] if query and body is None else [_with_query(path, query)]
    return [_text(signature, f"{method.lower()} {target}", headers) for target in targets]


def is_signed_by(key: RSAPublicKey, signature: Signature, texts: list[bytes]) -> bool:
    """Whether the key made the signature over one of the texts."""
    for text in texts:
        try:
            key.verify(signature.value, text, PADDING, HASH)
        except InvalidSignature:
            continue
        return True
    return False


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _parse_parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = PARAMETER.match(text, position)
        if match is None or match[1].lower() in parameters:
            raise BadSignature("signature_header")
        parameters[match[1].lower()] = match[2] if match[2] is not None else match[3]
        position = match.end()
    return parameters


def _whole_number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise BadSignature("signature_header")
    return int(text)


def _require_covered(signature: Signature, has_body: bool) -> None:
    """Raises BadSignature unless target, host, a time and any body are under the signature."""
    covered = set(signature.headers)
    needed = {"(request-target)", "host"} | ({"digest"} if has_body else set())
    if not needed <= covered or not covered & {"date", "(created)"}:
        raise BadSignature("not_covered")
    if "(created)" in covered and signature.created is None:
        raise BadSignature("not_covered")
    if "(expires)" in covered and signature.expires is None:
        raise BadSignature("not_covered")


def _require_fresh(signature: Signature, headers: Headers, now: datetime) -> None:
    times: list[datetime] = []
    try:
        if "date" in signature.headers:
            date = parsedate_to_datetime(_header(headers, "date"))
            times.append(date if date.tzinfo else date.replace(tzinfo=UTC))
        if "(created)" in signature.headers and signature.created is not None:
            times.append(datetime.fromtimestamp(signature.created, UTC))
        too_late = signature.expires is not None and (
            datetime.fromtimestamp(signature.expires, UTC) < now - NEWEST
        )
        stale = any(not now - OLDEST <= moment <= now + NEWEST for moment in times)
    except (ValueError, OverflowError, OSError, TypeError):
        raise BadSignature("date") from None
    if stale or too_late:
        raise BadSignature("date")


def _require_digest(headers: Headers, body: bytes) -> None:
    """Raises BadSignature unless the SHA-256 among the digests is the body's."""
    sums = {}
    for part in _header(headers, "digest").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() in sums:
            raise BadSignature("digest")
        sums[name.lower()] = value
    expected = base64.b64encode(hashlib.sha256(body).digest())
    if not hmac.compare_digest(sums.get("sha-256", "").encode(), expected):
        raise BadSignature("digest")


def _header(headers: Headers, name: str) -> str:
    """The value of a header that is there exactly once, or BadSignature."""
    encoded = name.encode("latin-1", "replace")
    values = [value for key, value in headers if key == encoded]
    if len(values) != 1:
        raise BadSignature("not_covered")
    return values[0].decode("latin-1").strip()


def _text(signature: Signature, request_target: str, headers: Headers) -> bytes:
    lines = []
    for name in signature.headers:
        if name == "(request-target)":
            value = request_target
        elif name == "(created)":
            value = str(signature.created)
        elif name == "(expires)":
            value = str(signature.expires)
        else:
            value = _header(headers, name)
        lines.append(f"{name}: {value}")
    return "\n".join(lines).encode("latin-1", "replace")
