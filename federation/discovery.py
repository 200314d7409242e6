"""How other servers find us: WebFinger, host-meta, NodeInfo."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.context import Federation
from federation.door import PRIVATE, SHARED
from federation.negotiation import ACTIVITY
from federation.render.collections import band
from federation.viewer import read_viewer
from forum.errors import NotAllowed
from forum.site import Site
from storage import actors, collections, communities
from storage.audience import Viewer
from storage.db import Connection
from storage.site import read_site

VERSION = "0.1.0"
SOFTWARE = "dazzle"
AS2 = "https://www.w3.org/ns/activitystreams"
NODEINFO = "http://nodeinfo.diaspora.software/ns/schema"
HEADERS = {
    "access-control-allow-origin": "*",
    "vary": "Signature",
    "x-content-type-options": "nosniff",
}

NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")  # a person's, a community's, or the host
PAGE_PATH = re.compile(r"/[uc]/([A-Za-z0-9_]{1,64})")
ACTOR_PATH = re.compile(r"/ap/actors/[0-9]{1,19}")

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(fed: Federation) -> list[Route]:
    return [
        Route("/.well-known/webfinger", _webfinger(fed), methods=["GET"]),
        Route("/.well-known/host-meta", _host_meta(fed), methods=["GET"]),
        Route("/.well-known/nodeinfo", _nodeinfo_links(fed), methods=["GET"]),
        Route("/nodeinfo/2.0", _nodeinfo(fed, "2.0"), methods=["GET"]),
        Route("/nodeinfo/2.1", _nodeinfo(fed, "2.1"), methods=["GET"]),
    ]


def _webfinger(fed: Federation) -> Endpoint:
    """What is said of the server itself is the same for everybody: no signature is looked at.

    GoToSocial signs this question and asks it before it believes a request of ours: to look at its
    signature we would have to ask it for its key, and both would wait for each other.
    """

    async def endpoint(request: Request) -> Response:
        resource = request.query_params.get("resource", "")
        if not resource or ("@" not in resource and "://" not in resource):
            return _json({"error": "resource is missing or malformed"}, 400)
        itself = _find_server(fed.site, resource)
        if itself is not None:
            return _json(itself, 200, "application/jrd+json")
        try:
            viewer = await read_viewer(fed, request)
        except NotAllowed:
            return _json({"error": "not allowed"}, 403)
        async with fed.database.read() as conn:
            found = await _find(conn, fed.site, viewer, resource)
        if found is None:
            return _json({"error": "not found"}, 404)
        return _json(found, 200, "application/jrd+json")

    return endpoint


def _host_meta(fed: Federation) -> Endpoint:
    template = escape(f"{fed.site.origin}/.well-known/webfinger?resource={{uri}}")
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" type="application/jrd+json" template="{template}"/></XRD>\n'
    )

    async def endpoint(_request: Request) -> Response:
        headers = {**HEADERS, "cache-control": SHARED}
        return Response(document, 200, headers, "application/xrd+xml; charset=utf-8")

    return endpoint


def _nodeinfo_links(fed: Federation) -> Endpoint:
    """Where NodeInfo is (FEP-f1d5), and the server's own actor (FEP-2677)."""
    links = [
        {"rel": f"{NODEINFO}/{version}", "href": f"{fed.site.origin}/nodeinfo/{version}"}
        for version in ("2.1", "2.0")  # GoToSocial takes the last, and understands 2.0 only
    ]
    links.append({"rel": f"{AS2}#Application", "href": fed.site.instance_uri})

    async def endpoint(_request: Request) -> Response:
        return _json({"links": links}, 200, cache=SHARED)

    return endpoint


def _nodeinfo(fed: Federation, version: str) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        async with fed.database.read() as conn:
            site = await read_site(conn)
            people = await collections.count_people(conn)
        document = {
            "version": version,
            "software": {"name": SOFTWARE, "version": VERSION},
            "protocols": ["activitypub"],
            "services": {"inbound": [], "outbound": []},
            "openRegistrations": site.signup == "open",
            "usage": {"users": {"total": band(people)}},
            "metadata": {"nodeName": site.title},
        }
        media_type = f'application/json; profile="{NODEINFO}/{version}#"'
        return _json(document, 200, media_type, cache=SHARED)

    return endpoint


def _find_server(site: Site, resource: str) -> dict[str, Any] | None:
    """The JRD of this server, by any of its names; None when something else is meant."""
    if resource.rstrip("/") == site.origin:
        return _origin(site)
    if _name_in(site, resource) == site.host or resource == site.instance_uri:
        return _subject(site, site.host, site.instance_uri, f"{site.origin}/")
    return None


async def _find(
    conn: Connection, site: Site, viewer: Viewer, resource: str
) -> dict[str, Any] | None:
    """The JRD of a person or a community; None when unknown or hidden."""
    name = _name_in(site, resource)
    if name is None and ACTOR_PATH.fullmatch(resource.removeprefix(site.origin)):
        actor = await actors.read_by_uri_unfiltered(conn, resource)
        name = "" if actor is None else actor.name
    return None if name is None else await _find_named(conn, site, viewer, name)


async def _find_named(
    conn: Connection, site: Site, viewer: Viewer, name: str
) -> dict[str, Any] | None:
    """Both are asked for whatever there is: a hidden name takes as long as an unknown one."""
    community = await communities.read_community(conn, viewer, name)
    person = await actors.read_person(conn, viewer, name)
    if community is not None:
        return _subject(site, community.name, community.uri, site.community_url(community.name))
    if person is not None:
        return _subject(site, person.name, person.uri, site.person_url(person.name))
    return None


def _name_in(site: Site, resource: str) -> str | None:
    """The local name that `acct:name@host` or the address of a page means."""
    page = PAGE_PATH.fullmatch(resource.removeprefix(site.origin))
    if page is not None:
        return page[1]
    name, _, host = resource.removeprefix("acct:").removeprefix("@").rpartition("@")
    return name if host.lower() == site.host and NAME.fullmatch(name) else None


def _subject(site: Site, name: str, uri: str, page: str) -> dict[str, Any]:
    return {
        "subject": f"acct:{name}@{site.host}",
        "aliases": [page, uri],
        "links": [
            {"rel": "self", "type": ACTIVITY, "href": uri},
            {
                "rel": "http://webfinger.net/rel/profile-page",
                "type": "text/html",
                "href": page,
            },
        ],
    }


def _origin(site: Site) -> dict[str, Any]:
    """The server itself (FEP-d556)."""
    link = {"rel": f"{AS2}#Service", "type": ACTIVITY, "href": site.instance_uri}
    return {"subject": site.origin, "links": [link]}


def _json(
    document: dict[str, Any],
    status: int,
    media_type: str = "application/json",
    *,
    cache: str = PRIVATE,
) -> Response:
    headers = {**HEADERS, "cache-control": cache}
    return Response(msgspec.json.encode(document), status, headers, media_type)
