"""HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530).

Of several signatures the first one counts that covers what it must, by an algorithm known here.
Component parameters (`;sf`, `;req`, `@query-param`) are not read: no server needs them of another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federation.errors import BadSignature
from federation.signatures.accept import PLAIN, Asked
from federation.signatures.algorithms import ALL, HASH, PADDING, RSA_SHA256
from federation.signatures.digests import content_digest_of, digest_of
from federation.signatures.fields import Member, read_byte_sequences, read_inputs, serialized
from federation.signatures.types import (
    Message,
    Outgoing,
    Signed,
    require_fresh,
)

MAX_LABELS = 8
MAX_COMPONENTS = 40
EXPIRES_SECONDS = 300
DIGESTS: dict[str, Callable[[bytes], Any]] = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}

# Each names all of the URL. The scheme may be left out: this server has one only.
TARGETS = (
    frozenset({"@target-uri"}),
    frozenset({"@authority", "@request-target"}),
    frozenset({"@authority", "@path", "@query"}),
)
TARGET_WITHOUT_QUERY = frozenset({"@authority", "@path"})


def sign(
    request: Outgoing,
    key_uri: str,
    private_key: RSAPrivateKey,
    now: datetime,
    asked: Asked = PLAIN,
) -> dict[str, str]:
    """All headers of a request that is sent now, Signature-Input and Signature among them.

    What is covered is the least that Mastodon takes, with the headers of the body and what the
    other server asked for. The Date is there because Mbin takes no request without one.
    """
    headers = _headers(request, asked, now)
    path, _, query = request.target.path.partition("?")
    method, origin = request.method.upper(), request.target.origin
    received = [(name.encode(), value.encode()) for name, value in headers.items()]
    message = Message(method, origin, path, query, received, request.body)
    names = [name for name in asked.components if name.startswith("@") or name in headers]
    names += [name for name in _own_components(request) if name not in names]
    created = int(now.timestamp())
    parameters: dict[str, Any] = {"created": created}
    if asked.wants_expires:
        parameters["expires"] = created + EXPIRES_SECONDS
    parameters |= {"keyid": key_uri, "alg": RSA_SHA256}
    for name, text in (("nonce", asked.nonce), ("tag", asked.tag)):
        if text is not None:
            parameters[name] = text
    value = private_key.sign(signature_base(message, names, parameters), PADDING, HASH)
    headers["signature-input"] = "sig1=" + serialized(names, parameters)
    headers["signature"] = f"sig1=:{base64.b64encode(value).decode()}:"
    return headers


def is_plain(request: Outgoing, asked: Asked) -> bool:
    """Whether somebody who asked so gets no more than everybody does."""
    has_more = asked.nonce or asked.tag or asked.wants_expires
    return not has_more and set(asked.components) <= set(_own_components(request))


def read(message: Message, now: datetime) -> Signed:
    """What the sender must have signed, once all but the key is checked.

    Raises BadSignature, also for headers, labels, parameters or components that come twice: two
    readers could take different ones.
    """
    inputs, text = read_inputs(message.find(b"signature-input"))
    values = read_byte_sequences(message.find(b"signature"))
    if not 0 < len(inputs) <= MAX_LABELS:
        raise BadSignature("signature_header")
    trouble: BadSignature | None = None
    for label, (components, parameters) in inputs.items():
        try:
            value = values.get(label)
            return _read_one(message, (components, parameters), text, value, now)
        except BadSignature as error:
            trouble = trouble or error
    raise trouble or BadSignature("signature_header")


def signature_base(
    message: Message, names: list[str], parameters: Mapping[str, Any], text: str | None = None
) -> bytes:
    """The text under a signature (RFC 9421, section 2.5). Raises BadSignature.

    `text` is what components and parameters make, if that is known already.
    """
    lines = [f'"{name}": {_value(message, name)}' for name in names]
    lines.append(f'"@signature-params": {text or serialized(names, parameters)}')
    return "\n".join(lines).encode("latin-1", "replace")


def _headers(request: Outgoing, asked: Asked, now: datetime) -> dict[str, str]:
    headers = {
        "host": request.target.host,
        "date": format_datetime(now.astimezone(UTC), usegmt=True),
    }
    if request.body is not None:
        headers["content-digest"] = content_digest_of(request.body)
        if "digest" in asked.components:
            headers["digest"] = digest_of(request.body)
    headers.update(request.headers)
    return headers


def _own_components(request: Outgoing) -> list[str]:
    of_body = [] if request.body is None else ["content-digest"]
    return ["@method", "@target-uri", *of_body, *request.headers]


def _read_one(
    message: Message, member: Member, text: str | None, value: bytes | None, now: datetime
) -> Signed:
    components, parameters = member
    key_uri, algorithm = parameters.get("keyid"), parameters.get("alg")
    if type(key_uri) is not str or value is None:
        raise BadSignature("signature_header")
    if algorithm is not None and algorithm not in ALL:
        raise BadSignature("algorithm")
    names = _names(components)
    _require_covered(frozenset(names), message)
    created, expires = _seconds(parameters, "created"), _seconds(parameters, "expires")
    if created is None:
        raise BadSignature("not_covered")
    require_fresh([created], expires, now)
    if message.body is not None:
        _require_digest(message.find(b"content-digest"), message.body)
    base = signature_base(message, names, parameters, text)
    return Signed(key_uri, value, (base,), ALL if algorithm is None else (str(algorithm),))


def _names(components: Any) -> list[str]:
    if not isinstance(components, list) or len(components) > MAX_COMPONENTS:
        raise BadSignature("signature_header")
    names = [name for name, parameters in components if type(name) is str and not parameters]
    if len(names) != len(components) or len(set(names)) != len(names):
        raise BadSignature("components")
    return names


def _require_covered(covered: frozenset[str], message: Message) -> None:
    """Raises BadSignature unless method, URL and any body are under the signature."""
    covers_url = any(covered >= needed for needed in TARGETS) or (
        not message.query and covered >= TARGET_WITHOUT_QUERY
    )
    if "@method" not in covered or not covers_url:
        raise BadSignature("not_covered")
    if message.body is not None and "content-digest" not in covered:
        raise BadSignature("not_covered")


def _seconds(parameters: Mapping[str, Any], name: str) -> int | None:
    value = parameters.get(name)
    if value is not None and type(value) is not int:
        raise BadSignature("date")
    return value


def _require_digest(header: bytes | None, body: bytes) -> None:
    """Raises BadSignature unless every digest of a known kind is the body's, and there is one."""
    known = [
        hmac.compare_digest(value, DIGESTS[name](body).digest())
        for name, value in read_byte_sequences(header).items()
        if name in DIGESTS
    ]
    if not known or not all(known):
        raise BadSignature("digest")


def _value(message: Message, name: str) -> str:
    if not name.startswith("@"):
        return message.header(name)
    scheme, _, authority = message.origin.partition("://")
    target = f"{message.path}?{message.query}" if message.query else message.path
    derived = {
        "@method": message.method,
        "@target-uri": message.origin + target,
        "@authority": authority,
        "@scheme": scheme,
        "@request-target": target,
        "@path": message.path,
        "@query": f"?{message.query}",
    }
    if name not in derived:
        raise BadSignature("components")
    return derived[name]
