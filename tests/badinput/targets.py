"""Which bad URLs are put into which sink: chosen here so that they can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

from tests.badinput.addresses import Vector, one_each, other_ports, other_schemes
from tests.badinput.sinks import FETCHED, NEVER_FETCHED, POST_FIELDS, Sink

SIZE = 12


def aimed(name: str, number: int) -> list[tuple[str, str]]:
    """What is wrong and the URL, for one sink.

    Where we fetch, every address and every spelling; where we never do, every other spelling; into
    the fields of a post, which are many, some, so that together they see all.
    """
    hosts, step = one_each(number), 1
    if name not in FETCHED:
        step = 6 if name.removesuffix(" of a post") in POST_FIELDS else 2
        hosts = _spellings(hosts)
    found = [(f"{name}: {vector}", vector.url) for vector in hosts[number % step :: step]]
    others = other_schemes("there.test") + other_ports("there.test")
    step *= 3
    return found + [
        (f"{name}: {code} {url}", url)
        for code, url in others[number % step :: step]
        if _fits(name, url)
    ]


def _spellings(vectors: list[Vector]) -> list[Vector]:
    found: dict[tuple[bool, str], Vector] = {}
    for vector in vectors:
        found.setdefault((":" in vector.address, vector.spelling), vector)
    return list(found.values())


def _fits(name: str, url: str) -> bool:
    """A redirect may be relative; where a host is asked for, a scheme says nothing."""
    if name.endswith("redirect"):
        return not urljoin("https://there.test/x", url).startswith("https://there.test/")
    return not name.startswith("host") or url.startswith("https://")


@dataclass(frozen=True)
class Batch:
    """Some of what goes into one sink: judged together, because each judgement costs as much."""

    sink: str
    number: int
    urls: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"SSRF-08 {self.sink} {self.number}"


def batches(sinks: dict[str, Sink]) -> list[Batch]:
    found = []
    for number, name in enumerate(sinks):
        urls = aimed(name, number)
        found += [
            Batch(name, start // SIZE, tuple(urls[start : start + SIZE]))
            for start in range(0, len(urls), SIZE)
        ]
    return found


BATCHES_FETCHED = batches(FETCHED)
BATCHES_NEVER_FETCHED = batches(NEVER_FETCHED)
