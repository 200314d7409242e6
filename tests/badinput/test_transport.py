"""HTP: requests that two servers would read in two ways, over raw sockets to all of this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from server.app import _surround
from server.settings import Settings
from tests.badinput.oracle import Expected, Oracle, in_one_loop
from tests.badinput.world import SITE, Answer, World
from tests.server.raw_http import exchange, serving, statuses

pytestmark = in_one_loop()

HOST = b"Host: here.test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"0\r\n\r\n"
EVIL = "evil-host.test"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: here.test\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """Bytes as they are sent, and the statuses that may come back."""

    what: str
    data: bytes
    statuses: tuple[int, ...] = (400,)

    def __str__(self) -> str:
        return self.what


def post(*lines: bytes, body: bytes = EMPTY, path: bytes = b"/inbox") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"".join(lines) + b"\r\n" + body


def get(path: bytes, *lines: bytes, host: bytes = HOST, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + path + b" " + version + b"\r\n" + host + b"".join(lines) + b"\r\n"


def length(value: bytes) -> bytes:
    return b"Content-Length: " + value + b"\r\n"


def coding(value: bytes) -> bytes:
    return b"Transfer-Encoding: " + value + b"\r\n"


LENGTHS = (
    b"-1",
    b"+5",
    b"5 5",
    b"5,5",
    b"0x5",
    b"5.0",
    b"5;",
    b"",
    b"\xb5",
    b"9" * 30,
    b"1e3",
    b"'5'",
)
CODINGS = (
    b"xchunked",
    b"chunked, identity",
    b"identity, chunked",
    b"gzip, chunked",
    b"chunked, chunked",
    b"identity",
    b"",
    b"chunked;q=1",
    b"\x0bchunked",
    b"chunked\x00",
    b'"chunked"',
    b"chun ked",
)
NAMES = (
    b"Transfer-Encoding ",
    b" Transfer-Encoding",
    b"Transfer-Encoding\x00",
    b"Transfer\xadEncoding",
    b"Transfer-Encoding\t",
)
CHUNKS = (
    b"\n1\nx\n0\n\n",
    b"1\nx\r\n0\r\n\r\n",
    b"-1\r\nx\r\n0\r\n\r\n",
    b"0x1\r\nx\r\n0\r\n\r\n",
    b"g\r\nx\r\n0\r\n\r\n",
    b"1 1\r\nx\r\n0\r\n\r\n",
    b"1\r\nxy\r\n0\r\n\r\n",
    b"1\rx\r\n0\r\n\r\n",
    b"ffffffffffffffffff\r\nx\r\n0\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"1;" + b"e" * 1_000_000 + b"\r\nx\r\n",
    b"1\r\nx\n0\r\n\r\n",
    b"1\r\nx\r\r\n0\r\n\r\n",
    b"+1\r\nx\r\n0\r\n\r\n",
)

SMUGGLING = [
    *[
        Request(f"HTP-01 length {first!r} and chunks {second!r}", post(*lines))
        for first, second in product((b"0", b"4", b"5"), (b"chunked", b"Chunked", b"xchunked"))
        for lines in ((length(first), coding(second)), (coding(second), length(first)))
    ],
    *[
        Request(f"HTP-01 two lengths {one!r} {other!r}", post(length(one), length(other), body=b""))
        for one, other in product((b"0", b"5"), repeat=2)
    ],
    *[Request(f"HTP-01 length {value!r}", post(length(value), body=b"")) for value in LENGTHS],
    *[Request(f"HTP-01 coding {value!r}", post(coding(value))) for value in CODINGS],
    *[
        Request(f"HTP-01 name {name!r}", post(name + b": chunked\r\n", length(b"5")))
        for name in NAMES
    ],
    *[
        Request(f"HTP-01 chunk {number} {chunk[:20]!r}", post(CHUNKED, body=chunk))
        for number, chunk in enumerate(CHUNKS)
    ],
    Request("HTP-01 two codings", post(CHUNKED, CHUNKED)),
    Request("HTP-01 chunks in HTTP/1.0", post(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0")),
    Request("HTP-01 bare line feeds", get(b"/").replace(b"\r\n", b"\n")),
    Request("HTP-01 a bare line feed in the head", get(b"/", b"X: 1\n", b"Y: 2\r\n")),
    Request("HTP-01 a bare carriage return", get(b"/", b"X: a\rb\r\n")),
    Request("HTP-01 a folded line", get(b"/", b"X: a\r\n b\r\n")),
    Request("HTP-01 a folded coding", post(b"Transfer-Encoding:\r\n chunked\r\n", length(b"5"))),
    Request("HTP-01 a NUL in a header", get(b"/", b"X: a\x00b\r\n")),
    Request("HTP-01 a header without a name", get(b"/", b": x\r\n")),
    Request("HTP-01 a header without a colon", get(b"/", b"X\r\n")),
    Request("HTP-01 a space in a name", get(b"/", b"X Y: z\r\n")),
    Request(
        "HTP-01 endless trailers", post(CHUNKED, body=b"0\r\n" + b"T: x\r\n" * 20_000), (400, 431)
    ),
]
HOSTS = [
    Request("HTP-02 two Hosts", get(b"/", HOST)),
    Request("HTP-02 two Hosts of two names", get(b"/", b"Host: evil-host.test\r\n")),
    Request("HTP-02 no Host", get(b"/", host=b"")),
    Request("HTP-02 no Host in HTTP/1.0", get(b"/", host=b"", version=b"HTTP/1.0")),
    *[
        Request(f"HTP-02 Host {name!r}", get(b"/", host=b"Host: " + name + b"\r\n"), (400, 421))
        for name in (
            b"evil-host.test",
            b"here.test.evil-host.test",
            b"evil-host.test:443",
            b"here.test:8443",
            b"here.test:0",
            b"here.test:443:443",
            b"here.test/evil-host.test",
            b"here.test#",
            b"",
            b"here.test@evil-host.test",
            b"evil-host.test@here.test",
            b"here.test,evil-host.test",
            b"here.test evil-host.test",
            b"here.test\\evil-host.test",
            b"here.test.",
            b"localhost",
            b"127.0.0.1",
            b"[::1]",
            b"here.test%00",
            b"here.test\x80",
            b"[here.test]",
            b"*",
            b"xn--here.test",
            b"here.test:",
            b"HERE.test.",
            b"://here.test",
            b"here.test?x",
        )
    ],
    *[
        Request(f"HTP-02 target {target!r}", get(target), (400, 421))
        for target in (
            b"http://evil-host.test/",
            b"https://evil-host.test/",
            b"http://here.test:8443/",
            b"http://u@here.test/",
            b"http://here.test@evil-host.test/",
            b"http://here.test",
            b"http:///",
            b"*",
            b"here.test:443",
            b"ftp://here.test/",
            b"file:///etc/passwd",
            b"http://evil-host.test#@here.test/",
        )
    ],
    Request("HTP-02 a tunnel", b"CONNECT evil-host.test:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
]
LIMITS = [
    Request("HTP-04 101 headers", get(b"/", *(b"X%d: 1\r\n" % n for n in range(100))), (431,)),
    Request("HTP-04 5,000 headers", get(b"/", *(b"X: 1\r\n" for _ in range(5000))), (431,)),
    Request("HTP-04 a header of 17 kB", get(b"/", b"X: " + b"a" * 17_000 + b"\r\n"), (431,)),
    Request("HTP-04 a name of 17 kB", get(b"/", b"X" * 17_000 + b": a\r\n"), (431,)),
    Request("HTP-04 a cookie of 17 kB", get(b"/", b"Cookie: " + b"a=b;" * 4300 + b"\r\n"), (431,)),
    Request(
        "HTP-04 headers of 17 kB",
        get(b"/", *(b"X: " + b"a" * 995 + b"\r\n" for _ in range(17))),
        (431,),
    ),
    Request("HTP-04 a URL of 9 kB", get(b"/" + b"a" * 9000), (414,)),
    Request("HTP-04 a query of 9 kB", get(b"/?" + b"a" * 9000), (414,)),
    Request("HTP-04 a URL without end", b"GET /" + b"a" * 300_000, (414, 431)),
    Request("HTP-04 a header without end", get(b"/", b"X: " + b"a" * 300_000)[:-4], (431,)),
    *[
        Request(f"HTP-04 path {path!r}", get(path), (400,))
        for path in (
            b"/a\x00b",
            b"/%00",
            b"/a%00b",
            b"/?a=%00",
            b"/%0d%0aX: y",
            b"/%0a",
            b"/%7f",
            b"/%1b",
            b"/\x7f",
            b"/a\x0bb",
            b"/..%5c..%5cetc",
            b"/ap/activities/\xd9\xa1",
            b"/\\\\evil-host.test/",
        )
    ],
    *[
        Request(f"HTP-04 path {path!r}", get(path), (400, 404))
        for path in (
            b"/%2e%2e/%2e%2e/etc/passwd",
            b"/static/%2e%2e/%2e%2e/etc/passwd",
            b"/static/../../x",
            b"/static/..%2f..%2fserver/app.py",
            b"/static/%252e%252e%252fapp.py",
            b"/.%2e/x",
            b"/%252e%252e/x",
            b"/static//etc/passwd",
            b"/static/%2fetc%2fpasswd",
            b"/.git/config",
            b"/%c0%ae%c0%ae/etc/passwd",
            b"/%ff%fe",
            b"/ap/actors/%31%2f..",
            b"/ap/actors/-1",
            b"/ap/actors/" + b"9" * 400,
            b"/ap/posts/1e5",
            b"/ap/posts/0x1",
            b"/ap/posts/9223372036854775808",
            b"/t/" + b"9" * 30,
            b"/p/%e2%80%ae",
            b"/c/" + b"a" * 3000,
            b"/u/%F0%9F%A6%93",
            b"/ap/actors/1;x=y",
            b"/ap/actors/%d9%a1",
        )
    ],
]
VECTORS = SMUGGLING + HOSTS + LIMITS

GOOD = [
    Request("HTP-01 a length", post(length(b"2"), body=b"{}"), (401,)),
    Request("HTP-01 chunks", post(CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n"), (401,)),
    Request("HTP-01 a small extension", post(CHUNKED, body=b"2;a=b\r\n{}\r\n0\r\n\r\n"), (401,)),
    Request("HTP-02 our name", get(b"/about"), (200,)),
    Request("HTP-02 our name in capitals", get(b"/about", host=b"Host: HERE.test\r\n"), (200,)),
    Request(
        "HTP-02 our name with the port", get(b"/about", host=b"Host: here.test:443\r\n"), (200,)
    ),
    Request("HTP-02 our name in the target", get(b"http://here.test/about"), (200,)),
    Request("HTP-04 97 headers", get(b"/about", *(b"X%d: 1\r\n" % n for n in range(97))), (200,)),
    Request("HTP-04 headers of 15 kB", get(b"/about", b"X: " + b"a" * 15_000 + b"\r\n"), (200,)),
    Request("HTP-04 a URL of 8 kB", get(b"/about?" + b"a" * 8000), (200,)),
    Request("HTP-04 an escaped letter", get(b"/%61bout"), (200,)),
]


def sending(world: World, data: bytes) -> Callable[[], object]:
    async def act() -> Answer:
        start = time.perf_counter()
        answer = await exchange(world.port, data, wait=5)
        found = statuses(answer)
        assert len(found) == 1, f"{len(found)} answers: {answer[:2000]!r}"
        assert EVIL.encode() not in answer
        return Answer(found[0], time.perf_counter() - start, answer.decode("latin-1"))

    return act


@pytest.mark.parametrize("request_", VECTORS, ids=str)
async def test_a_request_with_two_meanings_has_one_answer_and_the_connection_ends(
    world: World, oracle: Oracle, request_: Request
):
    data = request_.data if 404 in request_.statuses else request_.data + SMUGGLED
    if 404 in request_.statuses:
        data = data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    await oracle.judge(
        sending(world, data),
        Expected(request_.statuses, lines=0 if 404 in request_.statuses else 1),
    )


@pytest.mark.parametrize("request_", GOOD, ids=str)
async def test_its_good_twin_is_answered(world: World, oracle: Oracle, request_: Request):
    data = request_.data.replace(HOST, HOST + b"Connection: close\r\n", 1)
    if b"Connection" not in data:
        data = data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    answer = await sending(world, data)()
    assert answer.status in request_.statuses


FORWARDED = {
    "x-forwarded-host": EVIL,
    "x-forwarded-proto": "http",
    "x-forwarded-for": "10.1.2.3",
    "x-forwarded-port": "22",
    "x-forwarded-prefix": "/evil-host",
    "x-forwarded-server": EVIL,
    "x-real-ip": "10.1.2.3",
    "x-original-url": "/admin",
    "x-rewrite-url": "/admin",
    "x-host": EVIL,
    "x-http-method-override": "DELETE",
    "forwarded": f"for=10.1.2.3;host={EVIL};proto=http",
    "x-forwarded-scheme": "http",
    "true-client-ip": "10.1.2.3",
    "origin": f"https://{EVIL}",
    "referer": f"https://{EVIL}/",
}
PLACES = ("/about", "/sign-in", "/.well-known/nodeinfo", "/.well-known/host-meta", "/ap/instance")


@pytest.mark.parametrize("name", FORWARDED)
async def test_htp_03_what_a_stranger_says_of_a_proxy_changes_nothing(world: World, name: str):
    said = {name: FORWARDED[name]}
    for path in PLACES:
        plain, told = await world.get(path), await world.get(path, **said)
        assert (told.status, len(told.text)) == (plain.status, len(plain.text))
        assert EVIL not in told.text + str(told.headers)
    moved = await world.get("/ap/instance", accept="text/html", **said)
    assert moved.headers["location"] == f"{SITE.origin}/"


async def test_htp_03_a_stranger_does_not_choose_the_address_that_is_counted(world: World):
    form = {"name": "rosa", "password": "a wrong one"}
    headers = {"host": SITE.host, "origin": SITE.origin, "sec-fetch-site": "same-origin"}
    before = await world.count("select count(*) from limits")
    for number in range(5):
        told = headers | {
            "x-forwarded-for": f"10.9.8.{number}",
            "forwarded": f"for=10.9.8.{number}",
        }
        await world.http.post("/sign-in", data=form, headers=told)
    assert await world.count("select count(*) from limits") - before <= 3


NEEDED = {
    "content-security-policy": ("default-src", "frame-ancestors 'none'"),
    "strict-transport-security": ("max-age=31536000",),
    "x-content-type-options": ("nosniff",),
    "x-frame-options": ("DENY",),
    "referrer-policy": ("same-origin",),
    "cross-origin-opener-policy": ("same-origin",),
    "cross-origin-resource-policy": ("same-origin",),
    "permissions-policy": ("geolocation=()",),
}
CLASSES: dict[str, tuple[bytes, int]] = {
    "a page": (get(b"/about"), 200),
    "a form": (get(b"/sign-in"), 200),
    "no page": (get(b"/nowhere"), 404),
    "a hidden page": (get(b"/c/nobody"), 404),
    "a page for those signed in": (get(b"/settings"), 303),
    "an actor": (get(b"/ap/instance", b"Accept: application/activity+json\r\n"), 200),
    "no actor": (get(b"/ap/actors/1", b"Accept: application/activity+json\r\n"), 404),
    "an actor for a browser": (get(b"/ap/instance", b"Accept: text/html\r\n"), 303),
    "WebFinger": (get(b"/.well-known/webfinger?resource=acct:here.test@here.test"), 200),
    "WebFinger of nothing": (get(b"/.well-known/webfinger"), 400),
    "NodeInfo": (get(b"/nodeinfo/2.1"), 200),
    "robots": (get(b"/robots.txt"), 200),
    "a stylesheet that is not there": (get(b"/static/x.css"), 404),
    "health": (get(b"/healthz"), 200),
    "an unsigned activity": (post(length(b"2"), body=b"{}"), 401),
    "another method": (b"DELETE /about HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a form of somebody else's": (post(length(b"1"), body=b"x", path=b"/sign-out"), 403),
    "too large": (post(length(b"99999999"), body=b""), 413),
    "a long URL": (get(b"/" + b"a" * 9000), 414),
    "another host": (get(b"/", host=b"Host: evil-host.test\r\n"), 421),
    "many headers": (get(b"/", *(b"X: 1\r\n" for _ in range(200))), 431),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", 400),
    "another version": (b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", 505),
}


@pytest.mark.parametrize("what", CLASSES)
async def test_htp_05_every_answer_carries_the_headers_that_bind_a_browser(world: World, what: str):
    data, status = CLASSES[what]
    answer = await exchange(
        world.port, data.replace(HOST, HOST + b"Connection: close\r\n", 1), wait=5
    )
    assert statuses(answer) == [status]
    require_bound(answer)


@pytest.mark.parametrize(
    ("error", "status"), [(OSError("no database"), 503), (RuntimeError("our fault"), 500)]
)
async def test_htp_05_an_answer_to_our_own_trouble_carries_them_too(
    world: World, error: Exception, status: int
):
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    parts = world.parts
    app = _surround(fail, parts, Settings(origin=SITE.origin))
    async with serving(app) as port:
        answer = await exchange(port, get(b"/", b"Connection: close\r\n"), wait=5)
    assert statuses(answer) == [status]
    assert b"our fault" not in answer
    require_bound(answer)


def require_bound(answer: bytes) -> None:
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
    headers = httpx.Headers(
        [tuple(line.split(": ", 1)) for line in head.split("\r\n")[1:] if ": " in line]
    )
    for name, parts in NEEDED.items():
        assert all(part in headers.get(name, "") for part in parts), f"{name}\n{head}"
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers
    assert "x-powered-by" not in headers
