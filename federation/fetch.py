"""Documents of other servers: fetched, checked to be what they claim, actors stored.

A document speaks only for the URL that it came from. What it says of anybody on another origin
is not believed, it is asked there. Never called with a transaction open.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from federation.address import canonical_host, is_same_origin, parse_url
from federation.client import Client, Response
from federation.errors import (
    BadSignature,
    FederationError,
    Gone,
    Malformed,
    Refused,
    Unreachable,
)
from federation.hosts import Hosts
from federation.keys import load_public_key
from federation.negotiation import is_activity_json
from federation.newcomers import Newcomers
from federation.vocabulary.activities import parse_activity
from federation.vocabulary.collections import parse_collection
from federation.vocabulary.documents import (
    ACTOR_KINDS,
    MAX_NAME,
    POST_TYPES,
    parse_actor,
    parse_post,
)
from federation.vocabulary.fields import id_of, reference, types_of
from federation.vocabulary.strict import decode_json
from federation.vocabulary.types import ActorDocument, Collection, Create, Post
from forum import departures
from forum.communities import store_remote_community
from forum.errors import ForumError
from forum.ports import Clock
from forum.site import Site
from forum.text import clean_remote, one_line
from storage import actors, keys
from storage.actors import Actor
from storage.db import Connection, Database
from storage.ids import new_id
from storage.keys import Key, SigningKey

MAX_FETCHES = 20


@dataclass(slots=True)
class Budget:
    """How many more documents one activity may make us ask for."""

    left: int = MAX_FETCHES

    def spend(self) -> None:
        if self.left <= 0:
            raise Malformed("too_many_fetches")
        self.left -= 1


class Fetcher:
    """Asks other servers, in the name of this server's own actor.

    Raises FederationError; NotAllowed for a server with which nothing is exchanged.
    """

    def __init__(
        self, database: Database, site: Site, clock: Clock, client: Client, hosts: Hosts
    ) -> None:
        self.database = database
        self.site = site
        self.clock = clock
        self.client = client
        self.hosts = hosts
        self.newcomers = Newcomers()
        self._own_key: SigningKey | None = None

    async def document(self, uri: str, budget: Budget) -> dict[str, Any]:
        """The ActivityPub document whose id is where it was found.

        One that says to be elsewhere is asked for there, once: GoToSocial's key documents are the
        actor under another URL.
        """
        fields, url = await self._read(uri, budget)
        if parse_url(id_of(fields)).url != url:
            fields, url = await self._read(id_of(fields), budget)
            if parse_url(id_of(fields)).url != url:
                raise Malformed("id_mismatch")
        return fields

    async def json(self, url: str, accept: str, budget: Budget) -> dict[str, Any]:
        """Any JSON object, for WebFinger and NodeInfo."""
        response = await self._ask(url, accept, budget)
        return decode_json(response.body)

    async def actor(self, uri: str, budget: Budget) -> Actor:
        """An actor as its server describes it now, stored. Raises Gone for one that is no more."""
        return (await self.described(uri, budget))[1]

    async def described(self, uri: str, budget: Budget) -> tuple[ActorDocument, Actor]:
        """An actor as its server describes it now, and as it is stored then.

        One of which its own server says that it is gone (410) is not seen here any more; it comes
        back with its document.
        """
        try:
            fields = await self.document(uri, budget)
            if "Tombstone" in types_of(fields):
                raise Gone
        except Gone as error:
            if error.is_final:
                await self._mark_gone(uri)
            raise
        document = parse_actor(fields)
        return document, await self._store(document)

    async def find_actor(self, uri: str, budget: Budget) -> Actor:
        """An actor, stored already or fetched now.

        Raises Unreachable for one of a domain of which too many were fetched lately.
        """
        async with self.database.read() as conn:
            stored = await actors.read_by_uri_unfiltered(conn, uri)
        if stored is not None:
            return stored
        self.newcomers.admit(uri)
        fetched = await self.actor(uri, budget)
        if fetched.uri != uri:
            raise Malformed("id_mismatch")
        return fetched

    async def post(self, uri: str, budget: Budget) -> Post:
        """A post from its own server. Raises Gone for a Tombstone."""
        fields = await self.document(uri, budget)
        types = types_of(fields)
        if "Tombstone" in types:
            raise Gone
        if any(t in POST_TYPES for t in types):
            return require_own_author(parse_post(fields))
        activity = parse_activity(fields)
        if not isinstance(activity, Create) or isinstance(activity.object, str):
            raise Malformed("not_a_post")
        if not is_same_origin(activity.object.id, activity.id):
            raise Malformed("other_origin")
        return require_own_author(activity.object)

    async def collection(self, url: str, budget: Budget) -> Collection:
        """A collection, or a page of one. What it lists is not believed, it is asked for."""
        fields, found = await self._read(url, budget)
        if not is_same_origin(found, url):
            raise Malformed("other_origin")
        return parse_collection(fields)

    async def key(self, key_uri: str) -> Key:
        """A key from its server: its owner lives there and lists it. Stored with the owner."""
        budget = Budget(4)
        try:
            fields = await self.document(key_uri, budget)
        except Gone as error:
            if error.is_final:
                await self._look_for_owner(key_uri, budget)
            raise
        if not any(t in ACTOR_KINDS for t in types_of(fields)):
            owner = reference(fields.get("owner", fields.get("controller")))
            if not is_same_origin(owner, key_uri):
                raise BadSignature("key_owner")
            fields = await self.document(owner, budget)
        document = parse_actor(fields)
        if not is_same_origin(document.id, key_uri):
            raise BadSignature("key_owner")
        listed = [k for k in document.keys if k.id == key_uri and k.owner == document.id]
        if len(listed) != 1:
            raise BadSignature("key_not_listed")
        load_public_key(listed[0].pem)
        actor = await self._store(document)
        return Key(key_uri, actor.id, listed[0].pem, actor.uri, actor.host, actor.kind, actor.state)

    async def _look_for_owner(self, key_uri: str, budget: Budget) -> None:
        """A key is gone for good: is its owner? GoToSocial keeps keys apart from the actor."""
        document_uri = key_uri.partition("#")[0]
        async with self.database.read() as conn:
            known = await keys.read_key(conn, key_uri)
        if known is None or known.actor_uri == document_uri:
            await self._mark_gone(document_uri)
            return
        with suppress(FederationError, ForumError):
            await self.actor(known.actor_uri, budget)

    async def _mark_gone(self, uri: str) -> None:
        async with self.database.quiet_write() as conn:
            await departures.note_absence(conn, uri)

    async def _read(self, uri: str, budget: Budget) -> tuple[dict[str, Any], str]:
        response = await self._ask(uri, None, budget)
        if not is_activity_json(response.headers.get("content-type", "")):
            raise Malformed("content_type")
        return decode_json(response.body), response.url

    async def _ask(self, url: str, accept: str | None, budget: Budget) -> Response:
        budget.spend()
        host = canonical_host(url)
        if host == self.site.host:
            raise Refused("own_host")
        await self.hosts.require(host)
        signed_by = await self._signing_key()
        if accept is None:
            response = await self.client.get(url, signed_by=signed_by)
        else:
            response = await self.client.get(url, accept=accept, signed_by=signed_by)
        if canonical_host(response.url) != host:
            await self.hosts.require(canonical_host(response.url))
        _require_success(response.status)
        return response

    async def _signing_key(self) -> SigningKey | None:
        if self._own_key is None:
            async with self.database.read() as conn:
                self._own_key = await keys.read_instance_key(conn)
        return self._own_key

    async def _store(self, document: ActorDocument) -> Actor:
        _require_own_places(document)
        now = self.clock.now()
        actor = Actor(
            id=new_id(now),
            uri=document.id,
            kind=document.kind,
            type=document.type,
            host=canonical_host(document.id),
            is_local=False,
            name=one_line(document.name, MAX_NAME) or canonical_host(document.id),
            display_name=one_line(document.display_name, MAX_NAME),
            summary_html="",
            url=document.url,
            inbox=document.inbox,
            shared_inbox=document.shared_inbox,
            followers=document.followers,
            state="live",
            also_known_as=list(document.also_known_as),
        )
        async with self.database.quiet_write() as conn:
            stored = await actors.upsert_remote(conn, actor, now)
            await _store_keys(conn, stored, document)
            if stored.kind == "community":
                await store_remote_community(
                    conn,
                    stored,
                    readers=document.readers,
                    listed=document.listed,
                    joining=document.joining,
                    description_html=clean_remote(document.summary_html),
                    condition=document.condition,
                    now=now,
                )
        return stored


def require_own_author(post: Post) -> Post:
    """Raises Malformed unless the author lives where the post does."""
    if not is_same_origin(post.author, post.id):
        raise Malformed("author_elsewhere")
    return post


def _require_success(status: int) -> None:
    if status in (404, 410):
        raise Gone(is_final=status == 410)
    if status in (401, 403, 408, 425, 429) or status >= 500:
        raise Unreachable(f"status_{status}")
    if status != 200:
        raise Malformed(f"status_{status}")


def _require_own_places(document: ActorDocument) -> None:
    """Raises Malformed if the actor has us deliver, or look, on another origin."""
    places = (document.inbox, document.shared_inbox, document.followers)
    if not all(is_same_origin(place, document.id) for place in places if place is not None):
        raise Malformed("other_origin")


async def _store_keys(conn: Connection, actor: Actor, document: ActorDocument) -> None:
    """Keep the keys that the actor lists and owns, and forget those it lists no more."""
    owned = [
        key
        for key in document.keys
        if key.owner == document.id and is_same_origin(key.id, document.id)
    ]
    for key in owned:
        await keys.save_key(conn, key.id, actor.id, key.pem, kind=key.kind)
    await keys.keep_only(conn, actor.id, [key.id for key in owned])
