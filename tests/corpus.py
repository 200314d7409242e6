"""Reads a directory of documents that other servers published, one sub-directory for each peer.

DAZZLE_TEST_CORPUS names it. The documents are not part of this project: some are under other
licences, and some show what real people wrote.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from federation.errors import FederationError
from federation.vocabulary.discovery import (
    parse_nodeinfo_links,
    parse_software,
    parse_webfinger,
)
from federation.vocabulary.documents import parse_document
from federation.vocabulary.strict import decode_json

PATH = os.environ.get("DAZZLE_TEST_CORPUS")
NOT_DOCUMENTS = {"MANIFEST.tsv"}
# Mbin, Pleroma and Mastodon keep some documents with these in place of what differs each time.
BLANK = re.compile(r"SCRUBBED_[A-Z]+|\{\{[a-z_]+\}\}")
FILLED = {
    "SCRUBBED_DATE": "2025-06-01T10:00:00+00:00",
    "SCRUBBED_KEY": "key",
    "{{domain}}": "blank.test",
    "{{nickname}}": "ada",
}


@dataclass(slots=True)
class Tally:
    """What became of one peer's documents: how many were read, and which were refused and why."""

    read: int = 0
    refused: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def total(self) -> int:
        return self.read + sum(map(len, self.refused.values()))


def documents(corpus: Path) -> Iterator[tuple[str, Path]]:
    """Every file with the peer that it is of."""
    for path in sorted(corpus.rglob("*")):
        if path.is_file() and path.name not in NOT_DOCUMENTS:
            yield path.relative_to(corpus).parts[0], path


def tallies(corpus: Path) -> dict[str, Tally]:
    """Whatever is neither a value nor a refusal is raised."""
    found: dict[str, Tally] = defaultdict(Tally)
    for peer, path in documents(corpus):
        try:
            read(path.read_bytes())
        except FederationError as error:
            found[peer].refused[error.code].append(path.name)
        else:
            found[peer].read += 1
    return dict(found)


def read(body: bytes) -> object:
    """A document by what it is: WebFinger and NodeInfo are known by their fields."""
    fields = decode_json(fill(body))
    if "links" in fields and "type" not in fields:
        return parse_webfinger(fields) if "subject" in fields else parse_nodeinfo_links(fields)
    if "software" in fields and "protocols" in fields:
        return parse_software(fields)
    return parse_document(fields)


def fill(body: bytes) -> bytes:
    numbers = count()

    def filled(found: re.Match[str]) -> str:
        return FILLED.get(found[0]) or f"https://blank.test/{next(numbers)}"

    try:
        return BLANK.sub(filled, body.decode()).encode()
    except UnicodeDecodeError:
        return body


def rows(found: dict[str, Tally]) -> list[tuple[str, int, int, int]]:
    """Peer, documents, read, refused."""
    return [(p, t.total, t.read, t.total - t.read) for p, t in sorted(found.items())]


def table(found: dict[str, Tally]) -> str:
    lines: list[tuple[Any, ...]] = [("peer", "documents", "read", "refused"), *rows(found)]
    return "".join("\t".join(map(str, line)) + "\n" for line in lines)
