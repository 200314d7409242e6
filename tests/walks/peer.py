"""Another server, played by the test: an actor with a key of its own, a signed client and a
recording inbox. It signs with a few lines of its own, not with the code that it tests.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ACTIVITY_TYPE = "application/activity+json"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
CONTEXT = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"]


@dataclass(slots=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Key:
    """An RSA key that signs as draft-cavage says."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_pem(self) -> str:
        return (
            self._private.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """Every header of a signed request."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        signed = {
            "(request-target)": f"{method.lower()} {target}",
            "host": parts.netloc,
            "date": formatdate(usegmt=True),
        }
        if body is not None:
            signed["digest"] = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
            signed["content-type"] = ACTIVITY_TYPE
        text = "\n".join(f"{name}: {value}" for name, value in signed.items())
        signature = self._private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        sent = {name: value for name, value in signed.items() if not name.startswith("(")}
        sent["signature"] = (
            f'keyId="{self.uri}",algorithm="rsa-sha256",headers="{" ".join(signed)}",'
            f'signature="{base64.b64encode(signature).decode()}"'
        )
        sent["accept"] = ACTIVITY_TYPE
        return sent


@dataclass
class Peer:
    """A server on loopback with the people that `person` makes. Use as `async with Peer() as p`."""

    software: str = "wanderer"
    requests: list[Received] = field(default_factory=list)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)  # statuses for the next deliveries, then 202
    pause: float = 0.0  # seconds before a delivery is answered

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.host = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.origin = f"http://{self.host}"
        self._client = httpx.AsyncClient(trust_env=False, timeout=10)
        self._keys: dict[str, Key] = {}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        self._server.close()

    def person(self, name: str, **more: Any) -> str:
        """Make a person; answers their URI."""
        uri = f"{self.origin}/people/{name}"
        key = self._keys[uri] = Key(f"{uri}#main-key")
        self.documents[f"/people/{name}"] = {
            "@context": CONTEXT,
            "id": uri,
            "type": "Person",
            "preferredUsername": name,
            "name": name.title(),
            "inbox": f"{uri}/inbox",
            "outbox": f"{uri}/outbox",
            "followers": f"{uri}/followers",
            "endpoints": {"sharedInbox": f"{self.origin}/inbox"},
            "publicKey": {"id": key.uri, "owner": uri, "publicKeyPem": key.public_pem},
            **more,
        }
        return uri

    def follow(self, person: str, group: str, uri: str | None = None) -> dict[str, Any]:
        return self._activity("Follow", person, group, uri or f"{person}/follows/1", to=[group])

    def undo(self, activity: dict[str, Any]) -> dict[str, Any]:
        uri = f"{activity['id']}/undo"
        return self._activity("Undo", activity["actor"], activity, uri, to=activity["to"])

    def create(
        self, person: str, group: str, key: str, *, title: str = "", reply_to: str | None = None
    ) -> dict[str, Any]:
        """A Create of a thread (with a title) or a reply; its Note can be fetched from now on."""
        addressing = {"to": [group], "cc": [PUBLIC, f"{group}/followers"], "audience": group}
        note: dict[str, Any] = {
            "id": f"{self.origin}/notes/{key}",
            "type": "Note",
            "attributedTo": person,
            "content": f"<p>{key} from elsewhere</p>",
            "published": "2026-01-02T03:04:05Z",
            **addressing,
        }
        if title:
            note["name"] = title
        if reply_to:
            note["inReplyTo"] = reply_to
        self.documents[f"/notes/{key}"] = {"@context": CONTEXT, **note}
        return self._activity("Create", person, note, f"{note['id']}/create", **addressing)

    def delete(self, create: dict[str, Any]) -> dict[str, Any]:
        """The author takes back what `create` brought; the Note is gone here from now on."""
        note = create["object"]
        self.documents.pop(urlsplit(note["id"]).path, None)
        tombstone = {"id": note["id"], "type": "Tombstone"}
        return self._activity(
            "Delete",
            create["actor"],
            tombstone,
            f"{note['id']}/delete",
            to=note["to"],
            cc=note["cc"],
        )

    def signed(self, inbox: str, activity: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """An activity as it is sent, with the headers that its actor's key signs."""
        body = json.dumps(activity).encode()
        return body, self._keys[activity["actor"]].headers("POST", inbox, body)

    async def post(
        self, inbox: str, activity: dict[str, Any], *, tampered: bool = False
    ) -> httpx.Response:
        """Deliver an activity, signed by its actor; `tampered` changes it after it was signed."""
        body, headers = self.signed(inbox, activity)
        body = body + b" " if tampered else body
        return await self._client.post(inbox, content=body, headers=headers)

    async def get(self, url: str, signed_by: str | None = None) -> httpx.Response:
        """Ask for an object, as this server's person or unsigned."""
        headers = {"accept": ACTIVITY_TYPE}
        if signed_by is not None:
            headers = self._keys[signed_by].headers("GET", url, None)
        return await self._client.get(url, headers=headers)

    def deliveries(self, kind: str | None = None) -> list[Received]:
        """What was delivered here, as it arrived; only activities of one type if given."""
        posts = [request for request in self.requests if request.method == "POST"]
        return [post for post in posts if kind is None or post.json["type"] == kind]

    def _activity(
        self, kind: str, actor: str, target: Any, uri: str, **more: Any
    ) -> dict[str, Any]:
        return {
            "@context": CONTEXT,
            "id": uri,
            "type": kind,
            "actor": actor,
            "object": target,
            **more,
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while request := await _read_request(reader):
                self.requests.append(request)
                status, body = await self._answer(request)
                writer.write(
                    f"HTTP/1.1 {status} x\r\ncontent-type: {ACTIVITY_TYPE}\r\n"
                    f"content-length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        writer.close()

    async def _answer(self, request: Received) -> tuple[int, bytes]:
        if request.method == "POST":
            await asyncio.sleep(self.pause)
            return (self.answers.pop(0) if self.answers else 202), b""
        document = self._document(urlsplit(request.path).path, request.path)
        return (404, b"") if document is None else (200, json.dumps(document).encode())

    def _document(self, path: str, target: str) -> dict[str, Any] | None:
        if path == "/.well-known/nodeinfo":
            rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
            return {"links": [{"rel": rel, "href": f"{self.origin}/nodeinfo/2.0"}]}
        if path == "/nodeinfo/2.0":
            return {"version": "2.0", "software": {"name": self.software, "version": "1.0"}}
        if path == "/.well-known/webfinger":
            name = unquote(target).partition("acct:")[2].partition("@")[0]
            link = {"rel": "self", "type": ACTIVITY_TYPE, "href": f"{self.origin}/people/{name}"}
            return {"subject": f"acct:{name}@{self.host}", "links": [link]}
        return self.documents.get(path)


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _version = first.split(" ", 2)
    return Received(method, path, headers, body)
