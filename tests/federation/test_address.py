"""The address guard, from the rule: every special range in every spelling is refused."""

from __future__ import annotations

import ipaddress

import pytest

from federation.address import (
    IPV4_SPECIAL,
    IPV6_SPECIAL,
    canonical_host,
    is_dialable,
    is_same_origin,
    parse_url,
    require_allowed,
    resolve,
)
from federation.errors import Refused

# Ranges of IANA's two special-purpose registries, and what is reserved outside 2000::/3, written
# down apart from the table that is under test.
SPECIAL_IPV4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
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
]
SPECIAL_IPV6 = [
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001::/32",
    "2001:2::/48",
    "2001:db8::/32",
    "2001:20::/28",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]


def ends(network: str) -> list[str]:
    parsed = ipaddress.ip_network(network)
    return [str(parsed[0]), str(parsed[-1])]


def embedded(address: str) -> list[str]:
    """An IPv4 address inside the IPv6 forms that a translator or a kernel would unwrap."""
    number = int(ipaddress.IPv4Address(address))
    teredo = (0x20010000 << 96) | (number ^ 0xFFFFFFFF)
    return [
        f"::ffff:{address}",
        f"::{address}",
        f"::ffff:0:{address}",
        f"64:ff9b::{address}",
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),
        str(ipaddress.IPv6Address(teredo)),
    ]


EVERY_IPV4 = [address for network in SPECIAL_IPV4 for address in ends(network)]
EVERY_IPV6 = [address for network in SPECIAL_IPV6 for address in ends(network)]


@pytest.mark.parametrize("address", EVERY_IPV4 + EVERY_IPV6)
def test_r28_no_special_address_is_dialled(address: str):
    assert not is_dialable(address, allow_loopback=False)


@pytest.mark.parametrize("address", EVERY_IPV4)
def test_no_special_address_is_dialled_inside_another_family(address: str):
    assert not any(is_dialable(inside, allow_loopback=True) for inside in embedded(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled(address: str):
    assert is_dialable(address, allow_loopback=False)


def test_a_trial_reaches_loopback_and_nothing_else_inside():
    allowed = {
        address for address in EVERY_IPV4 + EVERY_IPV6 if is_dialable(address, allow_loopback=True)
    }
    assert allowed == {"127.0.0.0", "127.255.255.255", "::1"}


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2a00::1%1", "", "example.org", "1.1.1"])
def test_what_is_no_plain_address_is_not_dialled(address: str):
    assert not is_dialable(address, allow_loopback=True)


def spellings(address: str) -> list[str]:
    """How one IPv4 address can be written so that a resolver, not a reader, sees it."""
    number = int(ipaddress.IPv4Address(address))
    a, b, c, d = (number >> shift & 255 for shift in (24, 16, 8, 0))
    return [
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        ".".join(hex(part) for part in (a, b, c, d)),
        ".".join(f"0{part:o}" for part in (a, b, c, d)),
        ".".join(f"{part:04d}" for part in (a, b, c, d)),
        "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(digit)] for digit in str(number)),
    ]


async def never(hostname: str, port: int) -> list[str]:
    raise AssertionError(f"{hostname} was looked up")


async def resolved(url: str) -> list[str]:
    target = parse_url(url)
    return await resolve(target.hostname, target.port, allow_loopback=False, lookup=never)


@pytest.mark.parametrize("address", [ends(network)[1] for network in SPECIAL_IPV4])
async def test_no_spelling_of_a_special_address_gets_through(address: str):
    for spelling in [*spellings(address), address, f"{address}."]:
        with pytest.raises(Refused):
            await resolved(f"https://{spelling}/")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://x.test/",
        "ftp://x.test/",
        "data:text/plain,x",
        "unix:/run/x",
        "jar:https://x.test!/",
        "https:/x.test",
        "https://",
        "//x.test/",
        "https://user@x.test/",
        "https://user:pass@x.test/",
        "https://x.test\\@y.test/",
        "https:\\\\x.test/",
        "https://x.test\t/",
        "https://x.test/\r\nHost: y.test",
        "https://x.test/a b",
        "https://x.test/\x00",
        "https://x.test:99999/",
        "https://x.test:0/",
        "https://x..test/",
        "https://-x.test/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://x.test/" + "a" * 2048,
        "https://x.test/\ud800",
        "",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str):
    with pytest.raises(Refused):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    ["http://x.test/", *(f"https://x.test:{port}/" for port in (22, 25, 80, 5432, 6379, 8443))],
)
def test_only_https_on_its_own_port_is_asked_except_in_a_trial(url: str):
    with pytest.raises(Refused):
        require_allowed(parse_url(url), allow_loopback=False)
    require_allowed(parse_url(url), allow_loopback=True)
    require_allowed(parse_url("https://x.test/"), allow_loopback=False)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.ORG/x", "example.org"),
        ("https://example.org./", "example.org"),
        ("https://example.org:443/", "example.org"),
        ("http://example.org:80", "example.org"),
        ("https://example.org:8443/", "example.org:8443"),
        ("https://BÜCHER.example/", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://[2A00:0:0::1]/", "[2a00::1]"),
        ("https://ｅxample。org/", "example.org"),
    ],
)
def test_a_host_has_one_spelling(url: str, host: str):
    assert canonical_host(url) == host


def test_an_origin_is_scheme_host_and_port():
    assert is_same_origin("https://a.test/x", "https://A.test:443/y#z")
    for other in ("http://a.test/x", "https://a.test:8443/x", "https://b.test/x", "junk"):
        assert not is_same_origin("https://a.test/x", other)


def answering(*addresses: str):
    async def lookup(hostname: str, port: int) -> list[str]:
        return list(addresses)

    return lookup


async def test_a_name_with_only_public_addresses_is_dialled_at_one_of_them():
    lookup = answering("1.1.1.1", "2606:4700::1111")
    found = await resolve("x.test", 443, allow_loopback=False, lookup=lookup)
    assert found == ["1.1.1.1", "2606:4700::1111"]


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "10.0.0.1", "::ffff:127.0.0.1"])
async def test_a_mixed_answer_is_refused_whole(inside: str):
    with pytest.raises(Refused):
        await resolve("x.test", 443, allow_loopback=False, lookup=answering("1.1.1.1", inside))


async def test_a_name_without_an_address_is_not_found():
    with pytest.raises(OSError, match="no address"):
        await resolve("x.test", 443, allow_loopback=False, lookup=answering())


def test_the_table_holds_every_registered_range():
    for network in SPECIAL_IPV4:
        assert any(ipaddress.IPv4Network(network).subnet_of(special) for special in IPV4_SPECIAL), (
            network
        )
    assert all(special.prefixlen <= 48 for special in IPV6_SPECIAL)
