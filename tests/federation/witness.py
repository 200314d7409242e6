"""Signs by RFC 9421 in a few lines of its own, so that the code under test is not its own witness.

Every part may be turned into something else by a test.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from tests.federation.peer import ACTIVITY, KEYS

ED25519_KEYS = [ed25519.Ed25519PrivateKey.generate() for _ in range(2)]
PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def any_pem_of(key: PrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def made_by(key: PrivateKey, text: bytes, algorithm: str | None) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(text)
    if algorithm == "rsa-pss-sha512":
        return key.sign(text, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
    if algorithm == "rsa-v1_5-sha512":
        return key.sign(text, padding.PKCS1v15(), hashes.SHA512())
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def message_headers(
    method: str,
    url: str,
    body: bytes | None,
    key_uri: str,
    key: PrivateKey = KEYS[0],
    *,
    created: datetime | None = None,
    covered: str | None = None,
    algorithm: str | None = None,
    more: str = "",
    digest: str = "sha-256",
    values: dict[str, str] | None = None,
    label: str = "sig1",
) -> dict[str, str]:
    """`covered` names components, `more` follows the parameters, `values` replaces what is signed.

    The parameters `created` and `keyid` are left out with created=datetime.min and key_uri="".
    """
    parts = urlsplit(url)
    headers = {"host": parts.netloc, "date": "Sun, 01 Mar 2026 12:00:00 GMT"}
    if body is not None:
        value = base64.b64encode(hashlib.new(digest.replace("-", ""), body).digest()).decode()
        headers |= {"content-digest": f"{digest}=:{value}:", "content-type": ACTIVITY}
    headers |= values or {}
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    derived = {
        "@method": method.upper(),
        "@target-uri": f"{parts.scheme}://{parts.netloc}{target}",
        "@authority": parts.netloc,
        "@scheme": parts.scheme,
        "@request-target": target,
        "@path": parts.path or "/",
        "@query": f"?{parts.query}",
    }
    names = (
        covered or f"@method @target-uri{' content-digest' if body is not None else ''}"
    ).split()
    created = created or datetime.now(UTC)
    parameters = "(" + " ".join(f'"{name}"' for name in names) + ")"
    if created != datetime.min:
        parameters += f";created={int(created.timestamp())}"
    if key_uri:
        parameters += f';keyid="{key_uri}"'
    if algorithm is not None:
        parameters += f';alg="{algorithm}"'
    parameters += more
    known = headers | derived | (values or {})
    lines = [f'"{name}": {known[name]}' for name in names if name in known]
    lines.append(f'"@signature-params": {parameters}')
    value = base64.b64encode(made_by(key, "\n".join(lines).encode(), algorithm)).decode()
    sent = {name: value for name, value in headers.items() if not name.startswith("@")}
    return {**sent, "signature-input": f"{label}={parameters}", "signature": f"{label}=:{value}:"}


async def post_message(
    url: str, activity: Any, *, key_uri: str | None = None, **how: Any
) -> httpx.Response:
    """An activity, signed by its actor unless told otherwise."""
    body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
    headers = message_headers("post", url, body, key_uri or f"{activity['actor']}#main-key", **how)
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        return await client.post(url, content=body, headers=headers)
