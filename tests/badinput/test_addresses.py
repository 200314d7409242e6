"""SSRF-01 to 03, 06, 07, 09 at the client itself: every special address in every spelling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path

import pytest
import pytest_asyncio

from federation.client import Client
from federation.errors import FederationError, Refused, Unreachable
from forum.ports import SystemClock
from storage.keys import SigningKey
from tests.badinput.addresses import (
    ALL,
    GOOD,
    LOOKALIKES,
    SPECIAL_IPV4,
    SPECIAL_IPV6,
    Vector,
    other_ports,
    other_schemes,
)
from tests.badinput.net import ADDRESSES, Net, open_net
from tests.badinput.oracle import in_one_loop
from tests.badinput.world import SITE
from tests.factories import KEYPAIR

pytestmark = in_one_loop()

KEY = SigningKey(f"{SITE.instance_uri}#main-key", KEYPAIR.private_pem)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def net(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Net]:
    directory: Path = tmp_path_factory.mktemp("addresses")
    async with open_net(directory) as (opened, bundle):
        clock = SystemClock()
        opened.client = Client(
            SITE, clock, ca_bundle=bundle, lookup=opened.lookup, dial=opened.dial
        )
        yield opened
        await opened.client.close()


def spelled(vectors: list[Vector]) -> dict[str, list[Vector]]:
    """By code and spelling, of either family."""
    kinds = groupby(vectors, lambda v: f"{v.code} {v.spelling}, IPv{6 if ':' in v.address else 4}")
    return {name: list(group) for name, group in kinds}


SPECIAL = spelled(ALL)
ODD = spelled(LOOKALIKES)


@pytest.mark.parametrize("name", SPECIAL)
async def test_no_special_address_is_looked_up_or_dialled(net: Net, name: str):
    for vector in SPECIAL[name]:
        for url in (vector.url, vector.url.upper()):
            with net.watched() as seen:
                with pytest.raises(Refused):
                    await net.client.get(url, signed_by=KEY)
                with pytest.raises(Refused):
                    await net.client.post(url, b"{}", key=KEY)
            assert (seen.dials, seen.lookups) == ([], []), vector


@pytest.mark.parametrize("name", ODD)
async def test_a_public_address_in_a_shape_of_its_own_is_not_dialled(net: Net, name: str):
    for vector in ODD[name]:
        with net.watched() as seen, pytest.raises(Refused):
            await net.client.get(vector.url, signed_by=None)
        assert (seen.dials, seen.lookups) == ([], []), vector


@pytest.mark.parametrize("vector", GOOD, ids=str)
async def test_a_plain_public_address_is_dialled_as_it_stands(net: Net, vector: Vector):
    with net.watched() as seen, pytest.raises(Unreachable):
        await net.client.get(vector.url, signed_by=KEY)
    assert seen.dials == [f"{vector.address}:443"]
    assert seen.lookups == []


@pytest.mark.parametrize("address", [*SPECIAL_IPV4, *SPECIAL_IPV6])
async def test_ssrf_04_no_name_leads_to_a_special_address(net: Net, address: str):
    net.resolve_as("inside.example", [address])
    with net.watched() as seen, pytest.raises(Refused):
        await net.client.get("https://inside.example/", signed_by=KEY)
    assert seen.dials == []


@pytest.mark.parametrize(
    ("code", "url"),
    [*other_schemes("there.test"), *other_ports("there.test")],
)
async def test_only_https_on_its_own_port_is_asked(net: Net, code: str, url: str):
    with net.watched() as seen, pytest.raises(Refused):
        await net.client.get(url, signed_by=KEY)
    assert (seen.dials, seen.lookups) == ([], [])


@pytest.mark.parametrize(
    "url", ["https://there.test", "HTTPS://THERE.TEST:443/", "https://there.test./"]
)
async def test_ssrf_07_https_on_its_own_port_is_asked_however_it_is_written(net: Net, url: str):
    with net.watched() as seen:
        assert (await net.client.get(url, signed_by=KEY)).status == 404
    assert seen.asks == ["there.test/"]


PARTS = {
    "a line end": "/a\r\nX: y",
    "an escaped line end": "/a%0d%0aX:%20y",
    "a space": "/a b",
    "a NUL": "/a\x00b",
    "an escaped NUL": "/a%00b",
    "another request": "/a HTTP/1.1\r\nHost: evil.test\r\n\r\nGET /b",
    "a question mark twice": "/a?b?c",
    "a fragment": "/a#b",
    "a fragment with a line end": "/a#b\r\nX: y",
    "dots": "/../../a",
    "an at": "/@there.test:80/",
    "letters of all kinds": "/é\u2028\ufeff",
    "half a character": "/\ud800",
    "a backslash": "/\\evil.test",
    "a percent": "/%",
    "brackets": "/[a]{b}|c^`d",
    "quotes": "/\"'<>",
}


@pytest.mark.parametrize("part", PARTS.values(), ids=[f"SSRF-09 {name}" for name in PARTS])
async def test_what_stands_in_a_path_stays_in_the_path(net: Net, part: str):
    """It is refused, or asked for as one path of that server, and nothing else is."""
    with net.watched() as seen:
        try:
            await net.client.get(f"https://there.test{part}", signed_by=KEY)
        except FederationError:
            assert seen.asks == []
            return
    assert len(seen.asks) == 1
    path = seen.asks[0].removeprefix("there.test")
    assert path.startswith("/")
    assert path.isascii()
    assert not set(path) & set(' \r\n\t\x00#\\"<>')
    assert seen.dials in ([], [f"{ADDRESSES['there.test']}:443"])
