"""Finds communities by their address (WebFinger) and what software a server runs (NodeInfo)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

from federation.address import canonical_host, is_same_origin, parse_url
from federation.errors import FederationError, Gone, Malformed, Refused, Unreachable
from federation.fetch import Budget, Fetcher
from federation.newcomers import PER_DOMAIN, TooManyNewcomers
from federation.vocabulary.discovery import (
    parse_nodeinfo_links,
    parse_software,
    parse_webfinger,
)
from forum.errors import ForumError
from forum.ports import NoAnswer
from storage.actors import Actor
from storage.instances import read_instance, save_software

JRD = "application/jrd+json, application/json"
JSON = "application/json"
VERSIONS = ("2.1", "2.0")
SOFTWARE_FRESH = timedelta(days=7)
SOFTWARE_FAILED = timedelta(hours=1)
FOR_LISTS = PER_DOMAIN // 2  # the others of a domain may still write to us
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

Admit = Callable[[str], None]


def _whoever(uri: str) -> None:
    """One address that somebody asks for: there is no crowd to keep out."""


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

    async def find_actor(self, address: str) -> int | None:
        """The id of the person or community at `name@host` or at a URL, as it is there now."""
        try:
            actor = await self._find(address.strip())
        except (FederationError, ForumError):
            return None
        return await self._usable(actor)

    async def look_up_actor(self, address: str) -> int | None:
        """The same for one of very many addresses; raises NoAnswer, see forum.ports."""
        try:
            actor = await self._find(address.strip(), self._admit)
        except TooManyNewcomers as error:
            raise NoAnswer(was_asked=False) from error
        except Unreachable as error:
            raise NoAnswer(was_asked=True) from error
        except (FederationError, ForumError):
            return None
        return await self._usable(actor)

    async def has_moved_to(self, old: Actor, uri: str) -> bool:
        """Whether the server of that account says so now (FEP-7628); see forum.ports."""
        try:
            described, _ = await self._fetcher.described(old.uri, Budget())
        except (FederationError, ForumError):
            return False
        return described.id == old.uri and described.moved_to == uri

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

    async def _usable(self, actor: Actor) -> int | None:
        if actor.kind == "instance" or actor.is_local or actor.state != "live":
            return None
        if actor.kind == "community":
            await self.software_of(actor.host)
        return actor.id

    def _admit(self, uri: str) -> None:
        self._fetcher.newcomers.admit(uri, FOR_LISTS)

    async def _find(self, address: str, admit: Admit = _whoever) -> Actor:
        """`admit` is asked about each domain before its server is, and raises."""
        budget = Budget()
        if "://" in address:
            admit(address)
            return await self._fetcher.actor(address, budget)
        name, _, host = address.lstrip("!@").removeprefix("acct:").partition("@")
        origin = self._origin(host)
        if not name or canonical_host(origin) == self._fetcher.site.host:
            raise Refused("own_host")
        admit(origin)
        link = await self._look_up(name, origin, budget)
        if canonical_host(link) != canonical_host(origin):
            admit(link)
        actor = await self._fetcher.actor(link, budget)
        if actor.host != canonical_host(origin):
            await self._require_link_back(actor, budget)
        return actor

    async def _look_up(self, name: str, origin: str, budget: Budget) -> str:
        """The URI of the actor that a host gives for a name of its own."""
        host = canonical_host(origin)
        resource = quote(f"acct:{name}@{host}", safe="@:", errors="replace")
        url = f"{origin}/.well-known/webfinger?resource={resource}"
        found = parse_webfinger(await self._fetcher.json(url, JRD, budget))
        target = found.actors[0]
        _require_subject(found.subject, {host, canonical_host(target)})
        return target

    async def _require_link_back(self, actor: Actor, budget: Budget) -> None:
        """Raises Malformed unless the actor's own host gives the same actor for its name."""
        found = await self._look_up(actor.name, parse_url(actor.uri).origin, budget)
        if found != actor.uri:
            raise Malformed("no_link_back")

    async def _ask_software(self, host: str) -> tuple[str | None, str | None]:
        budget = Budget(2)
        origin = self._origin(host)
        index = await self._fetcher.json(f"{origin}/.well-known/nodeinfo", JSON, budget)
        links = parse_nodeinfo_links(index)
        for version in VERSIONS:
            href = links.get(version)
            if href is not None and is_same_origin(href, origin):
                found = parse_software(await self._fetcher.json(href, JSON, budget))
                return found.name or None, found.version or None
        raise Gone("no_nodeinfo")

    def _origin(self, host: str) -> str:
        """https, but for a trial on this machine plain http."""
        name = parse_url(f"https://{host}").hostname
        is_trial = self._allow_loopback and (name in LOOPBACK_NAMES or name.endswith(".localhost"))
        return parse_url(f"{'http' if is_trial else 'https'}://{host}").origin


def _require_subject(subject: str, hosts: set[str]) -> None:
    """Raises Malformed if the answer is about a name on a third host."""
    if not subject.startswith("acct:"):
        return
    if canonical_host(f"https://{subject.rpartition('@')[2]}") not in hosts:
        raise Malformed("subject")
