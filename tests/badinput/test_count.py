"""How much bad input there is, counted from the tables that the tests run through."""

from __future__ import annotations

import re
from collections import Counter

from tests.badinput import (
    test_addresses,
    test_exhaustion,
    test_keys,
    test_masses,
    test_message_signatures,
    test_odd_requests,
    test_origins,
    test_signatures,
    test_slow,
    test_text,
    test_transport,
    test_xss,
    test_xss_in_pages,
)
from tests.badinput.addresses import ALL
from tests.badinput.hostile import LINKS, MARKUP, TEXTS
from tests.badinput.sinks import FETCHED, NEVER_FETCHED
from tests.badinput.targets import BATCHES_FETCHED, BATCHES_NEVER_FETCHED

CODE = re.compile(r"(SIG|ORG|SSRF|RES|TXT|HTP|XSS)-\d\d")
CASES = {"SIG": 12, "ORG": 13, "SSRF": 9, "RES": 13, "TXT": 6, "HTP": 5, "XSS": 9}


def named() -> list[str]:
    """Every vector that goes through this server, by what it is called."""
    tables = (
        test_signatures.BAD,
        test_message_signatures.BAD,
        test_origins.BAD,
        test_text.BAD,
        test_text.CLEANED,
        test_exhaustion.LONG,
        test_transport.VECTORS,
    )
    found = [str(vector) for table in tables for vector in table]
    for batch in (*BATCHES_FETCHED, *BATCHES_NEVER_FETCHED):
        found += [f"SSRF-08 {what}" for what, _ in batch.urls]
    found += [f"SIG-10 {name}" for name in test_keys.BAD_PEMS for _ in range(3)]
    found += [f"ORG-11 {name}" for name in test_origins.SPELLINGS]
    found += [f"SSRF-04 {how} {inside}" for how, inside in test_slow.DNS_VECTORS]
    found += [f"RES-05 {name}" for name in test_slow.DRIPS]
    found += [f"RES-11 {name}" for name in test_slow.BOMBS]
    found += [what for what, _, _ in test_odd_requests.VECTORS]
    found += [f"TXT-01 {name}" for name in test_text.ACTOR_POISON for _ in range(2)]
    found += [f"RES-03 {name}" for name in (*test_exhaustion.DEEP, *test_exhaustion.WIDE)]
    found += [f"RES-04 {name}" for name in test_exhaustion.CROWDS]
    found += [f"RES-07 {name}" for name in test_exhaustion.PROFILES for _ in range(2)]
    found += [f"RES-08 {text!r}" for text in test_exhaustion.REPEATED]
    found += [f"RES-10 {name}" for name in test_exhaustion.CIRCLES for _ in range(2)]
    found += [f"RES-01 {name}" for name in test_exhaustion.POURS]
    found += [f"HTP-03 {name}" for name in test_transport.FORWARDED]
    found += [f"HTP-05 {name}" for name in test_transport.CLASSES]
    found += [f"SSRF-09 {name}" for name in test_addresses.PARTS]
    found += [*MARKUP, *LINKS, *TEXTS]
    return found


def test_there_are_thousands_of_vectors_and_all_families_have_many():
    families = Counter(found[1] for name in named() if (found := CODE.match(name)))
    assert sum(families.values()) == len(named())
    assert len(named()) >= 5000
    assert families["SSRF"] >= 2700
    assert families["TXT"] >= 1300
    assert families["SIG"] >= 310
    assert families["ORG"] >= 190
    assert families["HTP"] >= 200
    assert families["RES"] >= 140
    assert families["XSS"] >= 250
    assert len(ALL) >= 2100  # and these at the client itself, one by one


def test_every_case_has_a_vector_or_a_test_of_its_own():
    """Those that are no table are tests, named by their case."""
    modules = (
        test_addresses, test_exhaustion, test_keys, test_masses, test_message_signatures,
        test_odd_requests, test_origins, test_signatures, test_slow, test_text, test_transport,
        test_xss, test_xss_in_pages,
    )  # fmt: skip
    tests = [name for module in modules for name in vars(module) if name.startswith("test_")]
    covered = {found[0] for name in named() for found in CODE.finditer(name)}
    covered |= {
        f"{found[1].upper()}-{found[2]}"
        for name in tests
        if (found := re.match(r"test_(sig|org|ssrf|res|txt|htp|xss)_(\d\d)", name))
    }
    covered |= {vector.code for vector in ALL}
    missing = {
        f"{family}-{number:02d}"
        for family, last in CASES.items()
        for number in range(1, last + 1)
        if f"{family}-{number:02d}" not in covered
    }
    assert missing == set()


def test_bad_urls_are_put_into_every_place_that_takes_one():
    assert len(FETCHED) + len(NEVER_FETCHED) >= 50
    for name in (*FETCHED, *NEVER_FETCHED):
        batches = (*BATCHES_FETCHED, *BATCHES_NEVER_FETCHED)
        assert any(batch.sink == name and batch.urls for batch in batches)
