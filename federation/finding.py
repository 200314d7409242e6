"""Finds communities by their address (WebFinger) and what software a server runs (NodeInfo)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from federation.address import canonical_host, is_same_origin, parse_url
from federation.errors import FederationError, Gone, Malformed, Refused
from federation.fetch import Budget, Fetcher, is_activity_json
from federation.vocabulary.fields import text, uri
from forum.errors import ForumError
from storage.actors import Actor
from storage.instances import read_instance, save_software

JRD = "application/jrd+json, application/json"
JSON = "application/json"
NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/"
VERSIONS = ("2.1", "2.0")
SOFTWARE_FRESH = timedelta(days=7)
SOFTWARE_FAILED = timedelta(hours=1)
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Finder:
    """Implements the Resolver of forum. Speaks to the network: never in a transaction."""

    def __init__(self, fetcher: Fetcher, *, allow_loopback: bool) -> None:
        self._fetcher = fetcher
        self._allow_loopback = allow_loopback

    async def find_community(self, address: str) -> int | None:
        """The id of the community at `name@host` or at a URL, or None; see forum.ports."""
        try:
            actor = await self._find(address.strip())
        except (FederationError, ForumError):
            return None
        if actor.kind != "community" or actor.is_local:
            return None
        await self.software_of(actor.host)
        return actor.id

    async def software_of(self, host: str) -> str | None:
        """The software a server says it runs, asked once a week; None if it says nothing."""
        fetcher = self._fetcher
        now = fetcher.clock.now()
        async with fetcher.database.read() as conn:
            known = await read_instance(conn, host)
        if known is not None and known.software_checked_at is not None:
            fresh = SOFTWARE_FRESH if known.software else SOFTWARE_FAILED
            if known.software_checked_at > now - fresh:
                return known.software
        software, version = None, None
        try:
            software, version = await self._ask_software(host)
        except ForumError:
            return None
        except FederationError:
            if known is not None and known.software:
                software, version = known.software, known.version
        async with fetcher.database.read() as conn:
            await save_software(conn, host, software, version, now)
        return software

    async def _find(self, address: str) -> Actor:
        budget = Budget()
        if "://" in address:
            return await self._fetcher.actor(address, budget)
        name, _, host = address.lstrip("!@").removeprefix("acct:").partition("@")
        origin = self._origin(host)
        if not name or canonical_host(origin) == self._fetcher.site.host:
            raise Refused("own_host")
        link = await self._look_up(name, origin, budget)
        actor = await self._fetcher.actor(link, budget)
        if actor.host != canonical_host(origin):
            await self._require_link_back(actor, budget)
        return actor

    async def _look_up(self, name: str, origin: str, budget: Budget) -> str:
        """The URI of the actor that a host gives for a name of its own."""
        host = canonical_host(origin)
        resource = quote(f"acct:{name}@{host}", safe="@:")
        url = f"{origin}/.well-known/webfinger?resource={resource}"
        document = await self._fetcher.json(url, JRD, budget)
        for link in _links(document):
            kind = link.get("type")
            if link.get("rel") == "self" and isinstance(kind, str) and is_activity_json(kind):
                target = uri(link.get("href"))
                _require_subject(document, {host, canonical_host(target)})
                return target
        raise Malformed("no_self_link")

    async def _require_link_back(self, actor: Actor, budget: Budget) -> None:
        """Raises Malformed unless the actor's own host gives the same actor for its name."""
        found = await self._look_up(actor.name, parse_url(actor.uri).origin, budget)
        if found != actor.uri:
            raise Malformed("no_link_back")

    async def _ask_software(self, host: str) -> tuple[str | None, str | None]:
        budget = Budget(2)
        origin = self._origin(host)
        index = await self._fetcher.json(f"{origin}/.well-known/nodeinfo", JSON, budget)
        links = {link.get("rel"): link.get("href") for link in _links(index)}
        for version in VERSIONS:
            href = links.get(NODEINFO + version)
            if isinstance(href, str) and is_same_origin(href, origin):
                document = await self._fetcher.json(href, JSON, budget)
                software = document.get("software")
                if not isinstance(software, dict):
                    raise Malformed("nodeinfo")
                name = text(software.get("name"), 50).lower()
                return name or None, text(software.get("version"), 50) or None
        raise Gone("no_nodeinfo")

    def _origin(self, host: str) -> str:
        """https, but for a trial on this machine plain http."""
        name = parse_url(f"https://{host}").hostname
        is_trial = self._allow_loopback and (name in LOOPBACK_NAMES or name.endswith(".localhost"))
        return parse_url(f"{'http' if is_trial else 'https'}://{host}").origin


def _links(document: dict[str, Any]) -> list[dict[str, Any]]:
    links = document.get("links")
    if not isinstance(links, list):
        raise Malformed("links")
    return [link for link in links[:100] if isinstance(link, dict)]


def _require_subject(document: dict[str, Any], hosts: set[str]) -> None:
    """Raises Malformed if the answer is about a name on a third host."""
    subject = document.get("subject")
    if not isinstance(subject, str) or not subject.startswith("acct:"):
        return
    if canonical_host(f"https://{subject.rpartition('@')[2]}") not in hosts:
        raise Malformed("subject")
