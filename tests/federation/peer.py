"""Another server on loopback for these tests: documents to fetch, actors that sign, a record.

It signs in a few lines of its own, so that the code under test is not its own witness.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from tests.serving import run_server

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{AS2}#Public"
ACTIVITY = "application/activity+json"
JRD = "application/jrd+json"

KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@dataclass
class Page:
    """What a path answers."""

    body: bytes
    content_type: str | None = ACTIVITY
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Peer:
    """Documents by path, and every request in order."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.origin = ""
        self.behaviour: Callable[[Asked, Any], Any] | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    def put(self, path: str, document: Any, **page: Any) -> str:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.pages[path] = Page(body, **page)
        return self.origin + path

    def actor(
        self,
        name: str,
        *,
        kind: str = "Person",
        key: rsa.RSAPrivateKey = KEYS[0],
        **changed: Any,
    ) -> str:
        uri = f"{self.origin}/actors/{name}"
        document = {
            "@context": [AS2, "https://w3id.org/security/v1"],
            "id": uri,
            "type": kind,
            "preferredUsername": name,
            "name": name.title(),
            "inbox": f"{uri}/inbox",
            "outbox": f"{uri}/outbox",
            "followers": f"{uri}/followers",
            "endpoints": {"sharedInbox": f"{self.origin}/inbox"},
            "publicKey": {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": pem_of(key)},
            **changed,
        }
        return self.put(f"/actors/{name}", document)

    def webfinger(self, name: str, target: str, *, subject: str | None = None) -> None:
        document = {
            "subject": subject or f"acct:{name}@{self.host}",
            "links": [{"rel": "self", "type": ACTIVITY, "href": target}],
        }
        self.put(
            f"/.well-known/webfinger?resource=acct:{name}@{self.host}", document, content_type=JRD
        )

    def nodeinfo(self, software: str) -> None:
        href = f"{self.origin}/nodeinfo/2.1"
        schema = "http://nodeinfo.diaspora.software/ns/schema/2.1"
        links = {"links": [{"rel": schema, "href": href}]}
        self.put("/.well-known/nodeinfo", links, content_type="application/json")
        document = {"version": "2.1", "software": {"name": software, "version": "0.1.0"}}
        self.put("/nodeinfo/2.1", document, content_type="application/json")

    def fetches(self, path: str) -> int:
        return sum(asked.path == path and asked.method == "GET" for asked in self.asked)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message.get("body", b"")
        query = scope["query_string"].decode()
        asked = Asked(
            scope["method"],
            scope["raw_path"].decode() + (f"?{query}" if query else ""),
            {name.decode(): value.decode() for name, value in scope["headers"]},
            body,
        )
        self.asked.append(asked)
        if self.behaviour is not None and await self.behaviour(asked, send):
            return
        page = self.pages.get(asked.path, Page(b"", status=404))
        if asked.method == "POST":
            page = Page(b"", status=202)
        headers = dict(page.headers)
        if page.content_type is not None:
            headers["content-type"] = page.content_type
        await send(
            {
                "type": "http.response.start",
                "status": page.status,
                "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": page.body})


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """An ASGI application on a free port of loopback; its origin."""
    async with run_server(uvicorn.Config(app, log_level="warning", lifespan="off")) as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def open_peer() -> AsyncIterator[Peer]:
    peer = Peer()
    async with serve(peer) as origin:
        peer.origin = origin
        yield peer


def signed_headers(
    method: str,
    url: str,
    body: bytes | None,
    key_uri: str,
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = KEYS[0],
    *,
    date: datetime | None = None,
    names: str | None = None,
    algorithm: str | None = "rsa-sha256",
    path: str | None = None,
    values: dict[str, str] | None = None,
) -> dict[str, str]:
    """Headers of a signed request, every part of which a test may turn into something else."""
    parts = urlsplit(url)
    target = path or parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"host": parts.netloc, "date": format_datetime(date or datetime.now(UTC), True)}
    if body is not None:
        headers["digest"] = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers["content-type"] = ACTIVITY
    headers |= values or {}
    names = names or " ".join(["(request-target)", *headers])
    special = {"(request-target)": f"{method.lower()} {target}"}
    lines = []
    for name in names.split():
        lines.append(f"{name.lower()}: {(headers | special)[name.lower()]}")
    text = "\n".join(lines).encode()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(text)
    else:
        signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    labels = [f'keyId="{key_uri}"', f'headers="{names}"']
    if algorithm is not None:
        labels.append(f'algorithm="{algorithm}"')
    labels.append(f'signature="{base64.b64encode(signature).decode()}"')
    return {**headers, "signature": ",".join(labels)}


async def post_signed(
    url: str, activity: Any, *, key_uri: str | None = None, **how: Any
) -> httpx.Response:
    """An activity, signed by its actor unless told otherwise."""
    body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
    key_uri = key_uri or f"{activity['actor']}#main-key"
    headers = signed_headers("post", url, body, key_uri, **how)
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        return await client.post(url, content=body, headers=headers)
