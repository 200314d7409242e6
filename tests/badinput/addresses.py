"""Hosts that must not be reached, made from the rule: all special ranges in all spellings.

The ranges are those of IANA's special-purpose registries and what is reserved beside them, written
down here again, so that the table under test is not its own witness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import cycle
from urllib.parse import quote

IPV4_RANGES = (
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/31",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
)
IPV6_RANGES = (
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)
PUBLIC_IPV4 = ("1.1.1.1", "93.184.216.34", "100.63.255.255", "172.32.0.0", "223.255.255.255")
PUBLIC_IPV6 = ("2606:4700:4700::1111", "2a00:1450:4001::1", "2001:200::1")

CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨"
FULL_WIDTH = "０１２３４５６７８９"


@dataclass(frozen=True)
class Vector:
    """One host as somebody would write it. `address` is where it leads if it is believed."""

    code: str
    spelling: str
    address: str
    host: str

    @property
    def url(self) -> str:
        return f"https://{self.host}/x"

    def __str__(self) -> str:
        return f"{self.code} {self.spelling} {self.address}"


def ends(network: str) -> list[str]:
    """The first and the last address of a range."""
    parsed = ip_network(network)
    return list(dict.fromkeys([str(parsed[0]), str(parsed[-1])]))


SPECIAL_IPV4 = list(dict.fromkeys(end for network in IPV4_RANGES for end in ends(network)))
SPECIAL_IPV6 = list(dict.fromkeys(end for network in IPV6_RANGES for end in ends(network)))


def _parts(address: str) -> list[int]:
    return list(IPv4Address(address).packed)


def _number(address: str) -> int:
    return int(IPv4Address(address))


def _in_ipv6(prefix: str, number: int) -> str:
    return f"[{IPv6Address(int(IPv6Address(prefix)) | number)}]"


def _digits(text: str, digits: str) -> str:
    return "".join(digits[int(letter)] if letter.isdigit() else letter for letter in text)


Spell = Callable[[str], str]

# How a resolver, a translator, a kernel or a careless reader gets an IPv4 address out of it.
IPV4_SPELLINGS: dict[str, tuple[str, Spell]] = {
    "dotted": ("SSRF-01", lambda a: a),
    "trailing dot": ("SSRF-01", lambda a: f"{a}."),
    "with the port": ("SSRF-01", lambda a: f"{a}:443"),
    "decimal": ("SSRF-03", lambda a: str(_number(a))),
    "hexadecimal": ("SSRF-03", lambda a: hex(_number(a))),
    "upper case": ("SSRF-03", lambda a: hex(_number(a)).upper()),
    "octal": ("SSRF-03", lambda a: f"0{_number(a):o}"),
    "long octal": ("SSRF-03", lambda a: f"{_number(a):020o}"),
    "two parts": ("SSRF-03", lambda a: f"{_parts(a)[0]}.{_number(a) & 0xFFFFFF}"),
    "three parts": (
        "SSRF-03",
        lambda a: f"{_parts(a)[0]}.{_parts(a)[1]}.{_number(a) & 0xFFFF}",
    ),
    "hexadecimal parts": ("SSRF-03", lambda a: ".".join(hex(part) for part in _parts(a))),
    "octal parts": ("SSRF-03", lambda a: ".".join(f"0{part:o}" for part in _parts(a))),
    "padded parts": ("SSRF-03", lambda a: ".".join(f"{part:04d}" for part in _parts(a))),
    "mixed parts": (
        "SSRF-03",
        lambda a: "{:#x}.{}.0{:o}.{:#x}".format(*_parts(a)),
    ),
    "decimal with a dot": ("SSRF-03", lambda a: f"{_number(a)}."),
    "overflowing": ("SSRF-03", lambda a: str(_number(a) + 2**32)),
    "circled digits": ("SSRF-03", lambda a: _digits(a, CIRCLED)),
    "circled decimal": ("SSRF-03", lambda a: _digits(str(_number(a)), CIRCLED)),
    "full width": ("SSRF-03", lambda a: _digits(a, FULL_WIDTH).replace(".", "。")),
    "percent-encoded": ("SSRF-03", lambda a: "".join(f"%{ord(letter):02x}" for letter in a)),
    "percent-encoded dots": ("SSRF-03", lambda a: a.replace(".", "%2e")),
    "in brackets": ("SSRF-03", lambda a: f"[{a}]"),
    "mapped": ("SSRF-02", lambda a: f"[::ffff:{a}]"),
    "mapped, in hexadecimal": ("SSRF-02", lambda a: _in_ipv6("::ffff:0:0", _number(a)).upper()),
    "compatible": ("SSRF-02", lambda a: f"[::{a}]"),
    "translated": ("SSRF-02", lambda a: f"[::ffff:0:{a}]"),
    "NAT64": ("SSRF-02", lambda a: f"[64:ff9b::{a}]"),
    "local NAT64": ("SSRF-02", lambda a: f"[64:ff9b:1::{a}]"),
    "6to4": ("SSRF-02", lambda a: _in_ipv6("2002::", _number(a) << 80)),
    "Teredo": ("SSRF-02", lambda a: _in_ipv6("2001::", _number(a) ^ 0xFFFFFFFF)),
    "behind a user": ("SSRF-07", lambda a: f"there.test@{a}"),
    "behind a user and password": ("SSRF-07", lambda a: f"there.test:443@{a}"),
    "behind a backslash": ("SSRF-07", lambda a: f"there.test\\@{a}"),
    "before a backslash": ("SSRF-07", lambda a: f"{a}\\@there.test"),
    "behind a tab": ("SSRF-07", lambda a: f"there.test\t@{a}"),
}
IPV6_SPELLINGS: dict[str, tuple[str, Spell]] = {
    "compressed": ("SSRF-02", lambda a: f"[{a}]"),
    "exploded": ("SSRF-02", lambda a: f"[{IPv6Address(a).exploded}]"),
    "upper case": ("SSRF-02", lambda a: f"[{a.upper()}]"),
    "with the port": ("SSRF-02", lambda a: f"[{a}]:443"),
    "with a tail in dots": ("SSRF-02", lambda a: f"[{_with_dotted_tail(a)}]"),
    "with a zone": ("SSRF-02", lambda a: f"[{a}%25lo]"),
    "with a bare zone": ("SSRF-02", lambda a: f"[{a}%1]"),
    "without brackets": ("SSRF-02", lambda a: a),
    "with a dot behind": ("SSRF-02", lambda a: f"[{a}]."),
    "percent-encoded": ("SSRF-02", lambda a: quote(f"[{a}]", safe="")),
    "percent-encoded inside": ("SSRF-02", lambda a: f"[{quote(a, safe='')}]"),
    "behind a user": ("SSRF-07", lambda a: f"there.test@[{a}]"),
    "behind a backslash": ("SSRF-07", lambda a: f"there.test\\@[{a}]"),
    "future literal": ("SSRF-02", lambda a: f"[v1.{a}]"),
}

# Spellings that are a plain address to everybody: of a public one they are as good as its name.
PLAIN = frozenset({"dotted", "trailing dot", "with the port", "circled digits", "full width"})
PLAIN_IPV6 = frozenset(
    {"compressed", "exploded", "upper case", "with the port", "with a tail in dots"}
)


def _with_dotted_tail(address: str) -> str:
    groups = IPv6Address(address).exploded.split(":")
    tail = IPv4Address(int(IPv6Address(address)) & 0xFFFFFFFF)
    return ":".join([*groups[:6], str(tail)])


def _vectors(
    spellings: dict[str, tuple[str, Spell]], addresses: list[str] | tuple[str, ...]
) -> list[Vector]:
    return [
        Vector(code, name, address, spell(address))
        for name, (code, spell) in spellings.items()
        for address in addresses
    ]


# Every address in every spelling.
ALL = _vectors(IPV4_SPELLINGS, SPECIAL_IPV4) + _vectors(IPV6_SPELLINGS, SPECIAL_IPV6)
PUBLIC = _vectors(IPV4_SPELLINGS, PUBLIC_IPV4) + _vectors(IPV6_SPELLINGS, PUBLIC_IPV6)
GOOD = [v for v in PUBLIC if v.spelling in (PLAIN_IPV6 if ":" in v.address else PLAIN)]
LOOKALIKES = [v for v in PUBLIC if v not in GOOD]  # a public address in a shape that we refuse

SCHEMES = ("file", "gopher", "ftp", "data", "unix", "jar", "dict", "ldap", "ws", "javascript")
PORTS = (0, 21, 22, 25, 53, 80, 110, 3306, 5432, 6379, 8000, 8443, 11211, 65535, 65536, 99999)


def one_each(seed: int) -> list[Vector]:
    """Every address once and every spelling once, of both families, in turns that `seed` shifts:
    for places where each vector costs a request.
    """
    found: list[Vector] = []
    families = ((IPV4_SPELLINGS, SPECIAL_IPV4), (IPV6_SPELLINGS, SPECIAL_IPV6))
    for spellings, addresses in families:
        names = list(spellings)
        shift = seed * 7 % len(names)
        turn = cycle(names[shift:] + names[:shift])
        rounds = max(len(addresses), len(names))
        for number in range(rounds):
            code, spell = spellings[name := next(turn)]
            address = addresses[number % len(addresses)]
            found.append(Vector(code, name, address, spell(address)))
    return found


def other_schemes(host: str) -> list[tuple[str, str]]:
    """URLs that are not https, each with its code."""
    urls = [f"{scheme}://{host}/etc/passwd" for scheme in SCHEMES]
    urls += [f"http://{host}/x", f"//{host}/x", f"{host}/x", "/etc/passwd", "https:/x", "data:,x"]
    urls += ["file:///etc/passwd", "unix:/run/x", f"jar:https://{host}!/x", f"HTTPS:{host}"]
    return [("SSRF-06", url) for url in urls]


def other_ports(host: str) -> list[tuple[str, str]]:
    return [("SSRF-07", f"https://{host}:{port}/x") for port in PORTS]
