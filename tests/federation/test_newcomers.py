"""One domain, with all names below it, makes us look at so many strangers and no more."""

from __future__ import annotations

import pytest

from federation import newcomers as module
from federation.errors import Unreachable
from federation.newcomers import PER_DOMAIN, Newcomers, TooManyNewcomers, registrable_domain


def admitted(newcomers: Newcomers, uris: list[str]) -> int:
    count = 0
    for uri in uris:
        try:
            newcomers.admit(uri)
        except Unreachable:
            continue
        count += 1
    return count


def test_names_below_one_domain_share_its_number():
    newcomers = Newcomers()
    uris = [f"https://n{number}.there.test/actors/{number}" for number in range(PER_DOMAIN + 50)]
    assert admitted(newcomers, uris) == PER_DOMAIN
    assert admitted(newcomers, ["https://elsewhere.test/1"]) == 1


def test_whoever_may_fill_only_a_part_leaves_the_rest():
    newcomers = Newcomers()
    for number in range(3):
        newcomers.admit(f"https://n{number}.there.test/1", 3)
    with pytest.raises(TooManyNewcomers, match="too_many_newcomers"):
        newcomers.admit("https://there.test/1", 3)
    assert admitted(newcomers, ["https://there.test/1"] * PER_DOMAIN) == PER_DOMAIN - 3


def test_after_ten_minutes_it_has_another(monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    newcomers = Newcomers()
    uris = ["https://there.test/1"] * (PER_DOMAIN + 1)
    assert admitted(newcomers, uris) == PER_DOMAIN
    now += 599
    assert admitted(newcomers, uris) == 0
    now += 2
    assert admitted(newcomers, uris) == PER_DOMAIN


def test_very_many_domains_take_no_more_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_DOMAINS", 10)
    newcomers = Newcomers()
    assert admitted(newcomers, [f"https://d{number}.test/" for number in range(100)]) == 100
    assert len(newcomers._counts) == 10


@pytest.mark.parametrize(
    ("hostname", "domain"),
    [
        ("there.test", "there.test"),
        ("a.b.there.test", "there.test"),
        ("a.there.co.uk", "there.co.uk"),
        ("localhost", "localhost"),
        ("1.1.1.1", "1.1.1.1"),
        ("[2a00::1]", "[2a00::1]"),
    ],
)
def test_the_domain_that_somebody_registers_is_guessed(hostname: str, domain: str):
    assert registrable_domain(hostname) == domain
