"""The composed application, over a real connection."""

from __future__ import annotations

import httpx
import pytest

from forum.site import Site
from server.app import create_app, routes_of
from server.http_guard import protocol_for
from server.prepare import introduce
from server.settings import Settings
from tests.factories import make_community, make_person, make_site, make_thread
from tests.server.raw_http import exchange, serving, statuses
from web.assets import Assets

ORIGIN = "https://forum.example"
HOST = b"Host: forum.example\r\n"

EVERYWHERE = [
    b"content-security-policy: ",
    b"strict-transport-security: max-age=",
    b"x-content-type-options: nosniff",
    b"referrer-policy: ",
    b"cross-origin-opener-policy: same-origin",
    b"cross-origin-resource-policy: ",
    b"permissions-policy: ",
]

CLASSES = {
    "a page": (b"GET / HTTP/1.1\r\n" + HOST, 200),
    "a form": (b"GET /sign-in HTTP/1.1\r\n" + HOST, 200),
    "an unknown page": (b"GET /nowhere HTTP/1.1\r\n" + HOST, 404),
    "an unknown community": (b"GET /c/nothing HTTP/1.1\r\n" + HOST, 404),
    "a wrong method": (b"DELETE / HTTP/1.1\r\n" + HOST, 404),
    "a form of nobody's": (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n", 403),
    "an actor": (
        b"GET /ap/instance HTTP/1.1\r\nAccept: application/activity+json\r\n" + HOST, 200),
    "an unknown actor": (
        b"GET /ap/actors/1 HTTP/1.1\r\nAccept: application/activity+json\r\n" + HOST, 404),
    "an unsigned activity": (b"POST /inbox HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n", None),
    "discovery": (b"GET /.well-known/nodeinfo HTTP/1.1\r\n" + HOST, 200),
    "an unknown name": (
        b"GET /.well-known/webfinger?resource=acct:no@forum.example HTTP/1.1\r\n" + HOST, 404),
    "health": (b"GET /readyz HTTP/1.1\r\n" + HOST, 200),
    "a strange host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n", 421),
    "too large a form": (
        b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: 9999999\r\n", 413),
    "a bad request": (b"GET / HTTP/1.1\r\n" + HOST + HOST, 400),
}  # fmt: skip


@pytest.fixture
async def port(database_url, tmp_path):
    settings = Settings(origin=ORIGIN, data_dir=tmp_path, database_url=database_url)
    await introduce(settings)
    app = await create_app(settings)
    async with serving(app, protocol_for(is_https=True)) as number:
        yield number
    await app.close()


@pytest.mark.parametrize("what", CLASSES)
async def test_every_class_of_answer_carries_the_security_headers(port, what):
    request, status = CLASSES[what]
    answer = await exchange(port, request + b"Connection: close\r\n\r\n")
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert status is None or statuses(answer) == [status]
    assert [name for name in EVERYWHERE if head.count(b"\r\n" + name) != 1] == []
    assert b"unsafe" not in head
    assert b"\r\nserver:" not in head


ACTIVITY_TYPES = ("application/activity+json", "application/ld+json")


async def test_r12_only_the_activitypub_door_serves_activitypub(database_url, tmp_path):
    """Whoever could put a file under another address could speak for everybody here."""
    settings = Settings(origin=ORIGIN, data_dir=tmp_path, database_url=database_url)
    await introduce(settings)
    app = await create_app(settings)
    services, site = app.parts.services, Site(ORIGIN)
    async with services.database.write() as conn:
        await make_site(conn, site=site)
        owner = await make_person(conn, "owner", site=site)
        place = await make_community(conn, owner, site=site, name="place")
        thread = await make_thread(conn, owner, place, site=site)
    names = {
        "id": str(thread.id), "name": "place", "token": "x", "path": "nowhere",
        "file": Assets().url("dazzle.css").rpartition("/")[2], "actor_id": str(owner.id),
        "n": "0", "variant": "full.jpg",
    }  # fmt: skip
    paths = {route.path.replace(":path}", "}").format(**names) for route in routes_of(app.parts)}
    paths |= {f"/ap/actors/{owner.id}", f"/ap/actors/{place.id}", "/u/owner", "/c/owner"}
    transport = httpx.ASGITransport(app)
    served = set()
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        for path in sorted(paths):
            for accept in ("*/*", ", ".join(ACTIVITY_TYPES)):
                answer = await client.get(path, headers={"accept": accept})
                if answer.headers.get("content-type", "").startswith(ACTIVITY_TYPES):
                    served.add(path)
    await app.close()
    assert {f"/ap/posts/{thread.id}", f"/ap/actors/{owner.id}", "/ap/instance"} <= served
    assert [path for path in served if not path.startswith("/ap/")] == []


async def test_what_a_stranger_says_of_the_address_is_ignored(port):
    plain = b"GET /u/nobody HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
    forwarded = (
        b"X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\n"
        b"X-Forwarded-For: 10.1.2.3\r\nForwarded: host=evil.example;proto=gopher\r\n"
    )
    for path in (b"/u/nobody", b"/", b"/sign-in", b"/.well-known/nodeinfo", b"/communities"):
        request = plain.replace(b"/u/nobody", path)
        answer = await exchange(port, request + forwarded + b"\r\n")
        assert b"evil.example" not in answer
        assert b"gopher" not in answer
        assert statuses(answer) == statuses(await exchange(port, request + b"\r\n"))


async def test_links_come_from_the_origin_and_not_from_the_host(port):
    request = b"GET /.well-known/nodeinfo HTTP/1.1\r\nHost: FORUM.example:443\r\n"
    answer = await exchange(port, request + b"Connection: close\r\n\r\n")
    assert b'"https://forum.example/' in answer
    assert b":443" not in answer


@pytest.mark.parametrize(
    "path", ["/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/pyproject.toml", "//evil.example"]
)
async def test_no_path_leads_out(port, path):
    request = f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"Connection: close\r\n\r\n"
    answer = await exchange(port, request)
    assert statuses(answer) == [404]
    assert b"evil.example" not in answer.partition(b"\r\n\r\n")[0]


async def test_a_slash_too_many_is_not_a_redirect(port):
    request = b"GET /communities/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    assert statuses(await exchange(port, request)) == [404]
