"""Documents that other servers really published: each is read, or refused for a reason we give."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.conformance.refusals import REFUSALS
from tests.corpus import PATH, Tally, fill, table, tallies

COUNTS = Path(__file__).with_name("corpus.tsv")

needs_corpus = pytest.mark.skipif(
    PATH is None, reason="set DAZZLE_TEST_CORPUS to a directory of documents"
)


@cache
def found() -> dict[str, Tally]:
    return tallies(Path(str(PATH)))


@needs_corpus
def test_r55_every_document_of_other_servers_is_read_or_refused_with_a_reason():
    given = {(peer, reason) for peer, tally in found().items() for reason in tally.refused}
    assert given <= REFUSALS.keys()


@needs_corpus
def test_the_counts_in_the_tree_are_those_of_its_corpus():
    kept = [line.split("\t") for line in COUNTS.read_text(encoding="utf-8").splitlines()[1:]]
    if {peer: int(total) for peer, total, *_ in kept} != {p: t.total for p, t in found().items()}:
        pytest.skip("another corpus")
    assert table(found()) == COUNTS.read_text(encoding="utf-8")
    assert {(p, reason) for p, t in found().items() for reason in t.refused} == REFUSALS.keys()


def test_r55_most_of_what_running_servers_send_is_read():
    """FEPs, vocabularies and vectors are papers; the rest was sent by programs."""
    papers = {"fep", "host-meta", "ktistec", "vectors", "w3c-ap", "w3c-as2"}
    lines = [line.split("\t") for line in COUNTS.read_text(encoding="utf-8").splitlines()[1:]]
    sent = [(int(total), int(read)) for peer, total, read, _ in lines if peer not in papers]
    assert sum(read for _, read in sent) > 0.8 * sum(total for total, _ in sent)


def test_a_reason_says_something():
    assert all(len(reason.split()) > 5 and reason.endswith(".") for reason in REFUSALS.values())


def test_a_blank_is_filled_with_something_that_can_stand_there():
    body = b'{"id": "SCRUBBED_ID", "object": "SCRUBBED_ID", "published": "SCRUBBED_DATE"}'
    assert fill(body) == (
        b'{"id": "https://blank.test/0", "object": "https://blank.test/1",'
        b' "published": "2025-06-01T10:00:00+00:00"}'
    )
    assert fill(b"\xff{{domain}}") == b"\xff{{domain}}"
