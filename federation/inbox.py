"""POST /inbox: authenticate the raw bytes, ask the policy, keep, answer 202. Nothing is done here.

Every inbox is the shared one: the path of an actor that is hidden, or was never there, answers
like any other.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from typing import Any

import asyncpg
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from federation.address import canonical_host, parse_url
from federation.admission import Full, Visit
from federation.authenticate import authenticate
from federation.context import Federation
from federation.errors import BadSignature, Gone, Malformed, Unreachable
from federation.signatures.accept import ACCEPT_SIGNATURE, OFFER_FOR_POST
from federation.vocabulary.activities import activity_actor, activity_id, activity_type
from federation.vocabulary.strict import decode_json
from forum.errors import ForumError, NotAllowed
from storage.actors import read_by_uri_unfiltered
from storage.inbox import GOODBYE, Received
from storage.keys import Key

refusals = logging.getLogger("dazzle.refused")

MAX_BODY = 1024 * 1024
RETRY_AFTER = 60

# Idempotent changes of state, whose ids some servers use again (Misskey).
REPEATABLE = frozenset(
    {"Follow", "Undo", "Accept", "Reject", "Like", "Dislike", "EmojiReact", "Block"}
)

# Of a request that is refused only the host of its key is told, and no address of numbers.
MAX_LOOK = 16_384
KEY_HOST = re.compile(rb'keyid="https?://((?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+)[:/?#"]', re.IGNORECASE)


NO_BODY: list[tuple[bytes, bytes]] = [(b"content-length", b"0")]


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    """The sender hung up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The codes matter: peers try again after 401, 429 and 503, and drop on any other."""

    status: int
    code: str = ""
    retry_after: int | None = None


ACCEPTED = Answer(202)


class Inbox:
    """The door itself, as an ASGI application: it is the one that is asked most."""

    def __init__(self, fed: Federation) -> None:
        self.fed = fed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._receive(scope, receive)
        except _Gone:
            return
        if answer is ACCEPTED:
            headers, body = NO_BODY, b""
        else:
            headers, body = _headers_of(answer), answer.code.encode()
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _receive(self, scope: Scope, receive: Receive) -> Answer:
        body = _Body(receive)
        try:
            with self.fed.admission.visit(scope["headers"]) as visit:
                content = await body.read(visit)
                visit.come_in()
                await _take(self.fed, scope, content, visit)
        except Full as full:
            await body.drain()
            return _refuse(scope, 503, "full", retry_after=full.retry_after)
        except _TooLarge:
            return _refuse(scope, 413, "too_large")
        except (BadSignature, Gone) as error:
            return _refuse(scope, 401, error.code)
        except Malformed as error:
            return _refuse(scope, 400, error.code)
        except ForumError as error:
            return _refuse(scope, 403, error.code)
        except Unreachable as error:
            return _refuse(scope, 503, error.code, retry_after=RETRY_AFTER)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return _refuse(scope, 503, "trouble_here", logging.WARNING, retry_after=RETRY_AFTER)
        return ACCEPTED


class _Body:
    """A request's body as it comes in."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False

    async def read(self, visit: Visit) -> bytes:
        body = b""
        while not self._is_whole:
            chunk = await self._next()
            visit.hold(len(chunk))
            body += chunk
            if len(body) > MAX_BODY:
                raise _TooLarge
        return body

    async def drain(self) -> None:
        """Read what nobody wants, so that the answer is heard and the connection can stay."""
        left = MAX_BODY
        while left > 0 and not self._is_whole:
            left -= len(await self._next())

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        self._is_whole = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk


def routes(fed: Federation) -> list[Route]:
    """The shared inbox and everybody's own, which are the same."""
    paths = ("/inbox", "/ap/actors/{actor_id}/inbox")
    return [Route(path, Inbox(fed), methods=["POST"]) for path in paths]


async def _take(fed: Federation, scope: Scope, body: bytes, visit: Visit) -> None:
    try:
        key = await authenticate(fed, scope, body, visit.step_aside)
    except Gone as error:
        if error.is_final and _is_departure(body):
            await _keep_goodbye(fed, body)
            return
        raise
    if key is None:
        raise BadSignature("not_signed")
    received = _read_activity(fed, key, body)
    if received is None:
        return
    await fed.hosts.require(key.actor_host)
    await fed.keeper.keep(received)
    fed.hosts.heard(key.actor_host)
    fed.notes.hear(key, scope["headers"])


async def _keep_goodbye(fed: Federation, body: bytes) -> None:
    """A deleted account that nobody can vouch for any more: its own document is to be looked at.

    Of one that we never knew there is nothing to forget.
    """
    actor_uri = activity_actor(decode_json(body))
    await fed.hosts.require(canonical_host(actor_uri))
    async with fed.database.read() as conn:
        actor = await read_by_uri_unfiltered(conn, actor_uri)
    if actor is None or actor.is_local:
        return
    await fed.keeper.keep(
        Received(
            id=fed.keeper.next_id(),
            uri=f"{actor_uri}#goodbye-{fed.clock.now():%Y-%m-%d}",  # looked at once a day
            type=GOODBYE,
            actor_uri=actor_uri,
            host=actor.host,
            body=b"",
            is_repeatable=False,
        )
    )


def _read_activity(fed: Federation, key: Key, body: bytes) -> Received | None:
    """What to keep; None for a type that has no meaning here, of which nothing is kept.

    Raises BadSignature if somebody else's key signed it, NotAllowed if its id is of another host.
    """
    fields = decode_json(body)
    if activity_actor(fields) != key.actor_uri:
        raise BadSignature("not_the_actor")
    if key.actor_state != "live":
        raise NotAllowed("actor_" + key.actor_state)
    name = activity_type(fields)
    if name is None:
        return None
    uri = _id_or_digest(fields, name, key, body)
    if canonical_host(uri) != key.actor_host:
        raise NotAllowed("id_elsewhere")
    return Received(
        id=fed.keeper.next_id(),
        uri=uri,
        type=name,
        actor_uri=key.actor_uri,
        host=key.actor_host,
        body=body,
        is_repeatable=name in REPEATABLE,
    )


def _id_or_digest(fields: dict[str, Any], name: str, key: Key, body: bytes) -> str:
    """Some servers give no id to an answer; GoToSocial gives none to a Delete."""
    if fields.get("id") is None and (name in REPEATABLE or name == "Delete"):
        origin = parse_url(key.actor_uri).origin
        return f"{origin}/#{hashlib.sha256(body).hexdigest()[:32]}"
    return activity_id(fields)


def _is_departure(body: bytes) -> bool:
    """Whether this is somebody's Delete of themselves."""
    fields = decode_json(body)
    target = fields.get("object")
    if isinstance(target, dict):
        target = target.get("id")
    return activity_type(fields) == "Delete" and target == fields.get("actor")


def _headers_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(answer.code)),
    ]
    if answer.status == 401:
        headers.append((ACCEPT_SIGNATURE.encode(), OFFER_FOR_POST.encode()))
    if answer.retry_after is not None:
        headers.append((b"retry-after", b"%d" % answer.retry_after))
    return headers


def _refuse(
    scope: Scope,
    status: int,
    code: str,
    level: int = logging.INFO,
    *,
    retry_after: int | None = None,
) -> Answer:
    """One line for each refusal: why, and which server the request named as its sender's."""
    signature = b" ".join(value for name, value in scope["headers"] if b"signature" in name)
    host = KEY_HOST.search(signature[:MAX_LOOK])
    named = host[1].decode().lower() if host else "nobody"
    is_our_fault = level > logging.INFO
    refusals.log(level, "%d %s from %s", status, code, named, exc_info=is_our_fault)
    return Answer(status, code, retry_after)
