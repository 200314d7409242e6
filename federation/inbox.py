"""POST /inbox: authenticate the raw bytes, ask the policy, keep, answer 202. Nothing is done here.

Every inbox is the shared one: the path of an actor that is hidden, or was never there, answers
like any other.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Any

import asyncpg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from federation.address import canonical_host
from federation.authenticate import authenticate
from federation.context import Federation
from federation.errors import BadSignature, Gone, Malformed, Unreachable
from federation.vocabulary.activities import activity_actor, activity_id, activity_type
from federation.vocabulary.strict import decode_json
from forum.errors import ForumError, NotAllowed
from storage.inbox import Received
from storage.keys import Key

log = logging.getLogger("dazzle.inbox")

MAX_BODY = 1024 * 1024
AUTHENTICATE_SECONDS = 20.0
COMMIT_SECONDS = 5.0
RETRY_AFTER = "60"

# Idempotent changes of state, whose ids some servers use again (Misskey).
REPEATABLE = frozenset({"Follow", "Undo", "Accept", "Reject"})


class _TooLarge(Exception):
    pass


def routes(fed: Federation) -> list[Route]:
    """The shared inbox and everybody's own, which are the same."""

    async def receive(request: Request) -> Response:
        return await _answer(fed, request)

    return [
        Route("/inbox", receive, methods=["POST"]),
        Route("/ap/actors/{actor_id}/inbox", receive, methods=["POST"]),
    ]


async def _answer(fed: Federation, request: Request) -> Response:
    """The answer codes matter: peers try again after 401, 429 and 503, and drop on any other."""
    try:
        await _receive(fed, request)
    except _TooLarge:
        return _problem(413, "too large")
    except ClientDisconnect:
        return _problem(400, "cut_short")
    except (BadSignature, Gone) as error:
        return _problem(401, error.code)
    except Malformed as error:
        return _problem(400, error.code)
    except ForumError as error:
        return _problem(403, error.code)
    except (Unreachable, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        log.warning("an activity could not be taken now", exc_info=True)
        return PlainTextResponse("try again later", 503, {"retry-after": RETRY_AFTER})
    return Response(status_code=202)


async def _receive(fed: Federation, request: Request) -> None:
    body = await _read_body(request)
    try:
        async with asyncio.timeout(AUTHENTICATE_SECONDS):
            key = await authenticate(fed, request.scope, body)
    except Gone as error:
        if error.is_final and _is_departure(body):
            return  # an account that we never knew is deleted: there is nothing to forget
        raise
    if key is None:
        raise BadSignature("not_signed")
    received = _read_activity(fed, key, body)
    if received is None:
        return
    await fed.hosts.require(key.actor_host)
    async with asyncio.timeout(COMMIT_SECONDS):
        await fed.keeper.keep(received)
    await fed.hosts.note_alive(key.actor_host)


async def _read_body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > MAX_BODY:
        raise _TooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _TooLarge
    return bytes(body)


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
    """Some servers answer a Follow without giving the answer an id."""
    if fields.get("id") is None and name in REPEATABLE:
        return f"{key.actor_uri}#{hashlib.sha256(body).hexdigest()[:32]}"
    return activity_id(fields)


def _is_departure(body: bytes) -> bool:
    """Whether this is somebody's Delete of themselves."""
    fields = decode_json(body)
    target = fields.get("object")
    if isinstance(target, dict):
        target = target.get("id")
    return activity_type(fields) == "Delete" and target == fields.get("actor")


def _problem(status: int, code: str) -> Response:
    return PlainTextResponse(code, status)
