"""Who looks at the ActivityPub door: an actor elsewhere, a server elsewhere, or nobody known."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from federation.authenticate import authenticate
from federation.context import Federation
from federation.errors import FederationError
from storage.audience import UNKNOWN_SERVER, Viewer

AUTHENTICATE_SECONDS = 15.0


async def read_viewer(fed: Federation, request: Request) -> Viewer:
    """The viewer of a GET; a signature that is missing or bad makes the viewer nobody known.

    Raises NotAllowed for a signed request from a server with which nothing is exchanged: the
    answer is 403 before anything is looked up.
    """
    try:
        async with asyncio.timeout(AUTHENTICATE_SECONDS):
            key = await authenticate(fed, request.scope, None)
    except (FederationError, TimeoutError):
        return UNKNOWN_SERVER
    if key is None or key.actor_state != "live":
        return UNKNOWN_SERVER
    await fed.hosts.require(key.actor_host)
    fed.hosts.heard(key.actor_host)
    if key.actor_kind == "instance":
        return Viewer(host=key.actor_host)
    return Viewer(key.actor_id, key.actor_host)
