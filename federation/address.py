"""The address guard: which URLs we ask, and which IP addresses we dial.

The table is our own. `ipaddress.is_global` calls NAT64, 6to4 and mapped loopback addresses
global, and every list of past bugs has holes; so IPv6 is refused unless it lies in 2000::/3, and
both families lose everything in IANA's special-purpose registries.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

import idna

from federation.errors import Refused
from federation.lookup import look_up

IPV4_SPECIAL = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
IPV6_GLOBAL = ipaddress.IPv6Network("2000::/3")
IPV6_SPECIAL = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, benchmarking, ORCHID, other protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
IPV4_LOOPBACK = IPV4_SPECIAL[3]
IPV6_LOOPBACK = ipaddress.IPv6Address("::1")

MAX_URL = 2048
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\s/?#@\[\]:\\]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
DEFAULT_PORTS = {"https": 443, "http": 80}
KEPT_IN_PATH = "/:@!$&'()*+,;=~%-._"
KEPT_IN_QUERY = KEPT_IN_PATH + "?"

Lookup = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart once: what is dialled, sent as Host, and signed are the same parts."""

    scheme: str
    hostname: str
    port: int
    host: str
    path: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"


@lru_cache(2048)
def parse_url(url: str) -> Target:
    """The parts of an http or https URL, canonical.

    Raises Refused for anything else, for userinfo, backslashes, control characters and hosts
    that only look like an address (`127.1`, `0x7f000001`, `2130706433`).
    """
    match = None
    if len(url) <= MAX_URL and not FORBIDDEN.search(url):
        match = URL.fullmatch(url)
    if match is None:
        raise Refused("bad_url")
    scheme = match["scheme"].lower()
    hostname = _canonical_hostname(match["host"])
    port = int(match["port"]) if match["port"] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise Refused("bad_port")
    host = hostname if port == DEFAULT_PORTS[scheme] else f"{hostname}:{port}"
    try:
        path = quote(match["path"] or "/", safe=KEPT_IN_PATH)
        if match["query"] is not None:
            path += "?" + quote(match["query"], safe=KEPT_IN_QUERY)
    except UnicodeEncodeError:
        raise Refused("bad_url") from None
    return Target(scheme, hostname, port, host, path)


def canonical_host(url: str) -> str:
    """host[:port] of a URL: lower case, punycode, no trailing dot, no default port."""
    return parse_url(url).host


def is_same_origin(one: str, other: str) -> bool:
    """Whether two URLs share scheme, host and port. False when either is no URL."""
    try:
        return parse_url(one).origin == parse_url(other).origin
    except Refused:
        return False


def require_allowed(target: Target, *, allow_loopback: bool) -> None:
    """Raises Refused unless this is https on port 443; loopback trials may use any port."""
    if not allow_loopback and (target.scheme != "https" or target.port != 443):
        raise Refused("not_https")


def is_dialable(address: str, *, allow_loopback: bool) -> bool:
    """Whether this IP address may be connected to."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        if ip in IPV4_LOOPBACK:
            return allow_loopback
        return not any(ip in network for network in IPV4_SPECIAL)
    if ip.scope_id is not None:
        return False
    if ip == IPV6_LOOPBACK:
        return allow_loopback
    return ip in IPV6_GLOBAL and not any(ip in network for network in IPV6_SPECIAL)


async def resolve(
    hostname: str, port: int, *, allow_loopback: bool, lookup: Lookup = look_up
) -> list[str]:
    """The addresses to dial. Raises Refused if any answer is not allowed, OSError if none came.

    A mixed answer is refused whole: a public address beside a private one is how rebinding looks.
    """
    bare = hostname.strip("[]")
    addresses = [bare] if _is_literal(bare) else await lookup(bare, port)
    if not addresses:
        raise OSError("no address")
    if not all(is_dialable(address, allow_loopback=allow_loopback) for address in addresses):
        raise Refused("not_public")
    return addresses


def _is_literal(hostname: str) -> bool:
    try:
        ipaddress.ip_address(hostname)
    except ValueError:
        return False
    return True


@lru_cache(4096)
def _canonical_hostname(raw: str) -> str:
    if raw.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(raw[1:-1]).compressed}]"
        except ValueError:
            raise Refused("bad_host") from None
    name = raw.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise Refused("bad_host") from None
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise Refused("bad_host")
    if NUMBER.fullmatch(labels[-1]) and not _is_literal(name):
        raise Refused("bad_host")
    return name
