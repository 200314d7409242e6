"""WebFinger and NodeInfo of other servers: who a name is, and what software runs there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from federation.errors import Malformed
from federation.negotiation import is_activity_json
from federation.vocabulary.fields import Fields, text, uri

NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/"
AS_TYPE = "https://www.w3.org/ns/activitystreams#type"
MAX_LINKS = 100
MAX_NAME = 50


@dataclass(frozen=True, slots=True)
class Resource:
    """What a WebFinger answer is about, and the URIs of its actors, at least one."""

    subject: str
    actors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Software:
    name: str
    version: str


def parse_webfinger(fields: Fields) -> Resource:
    """Raises Malformed unless the answer leads to an actor.

    Lemmy gives one name to a person and a community, with a hint; the community then comes first.
    """
    found = []
    for link in _links(fields):
        kind = link.get("type")
        if link.get("rel") == "self" and isinstance(kind, str) and is_activity_json(kind):
            found.append((not _is_group(link), uri(link.get("href"), "self_link")))
    if not found:
        raise Malformed("no_self_link")
    found.sort(key=lambda entry: entry[0])
    return Resource(text(fields.get("subject"), 2048), tuple(target for _, target in found))


def parse_nodeinfo_links(fields: Fields) -> dict[str, str]:
    """The documents by version, at least one. Raises Malformed."""
    found = {
        rel.removeprefix(NODEINFO): href
        for link in _links(fields)
        if isinstance(rel := link.get("rel"), str)
        and isinstance(href := link.get("href"), str)
        and rel.startswith(NODEINFO)
    }
    if not found:
        raise Malformed("no_nodeinfo")
    return found


def parse_software(fields: Fields) -> Software:
    """The name, in lower case, and the version in a NodeInfo document. Raises Malformed."""
    software = fields.get("software")
    if not isinstance(software, dict):
        raise Malformed("nodeinfo")
    name = text(software.get("name"), MAX_NAME).lower()
    return Software(name, text(software.get("version"), MAX_NAME))


def _is_group(link: dict[str, Any]) -> bool:
    properties = link.get("properties")
    return isinstance(properties, dict) and properties.get(AS_TYPE) == "Group"


def _links(fields: Fields) -> list[dict[str, Any]]:
    links = fields.get("links")
    if not isinstance(links, list):
        raise Malformed("links")
    return [link for link in links[:MAX_LINKS] if isinstance(link, dict)]
