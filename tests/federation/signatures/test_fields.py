"""The quick way to read a structured field and the thorough one say the same."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import BadSignature
from federation.signatures.fields import (
    read_byte_sequences,
    read_dictionary,
    read_inputs,
    serialized,
)

corpus = pytest.mark.skipif(
    "DAZZLE_TEST_CORPUS" not in os.environ, reason="needs DAZZLE_TEST_CORPUS"
)

# Pieces of headers, right and nearly right, in any order.
PIECES = st.sampled_from(
    [
        *('"@method"', '"@target-uri"', '"date"', '" "', '""', '"a b"', r'"a\"b"', '"é"', '"', "("),
        *(")", "()", " ", "  ", ";", ";created=1", ";created=0", ";created=01", ";created=-1"),
        *(";keyid", ';keyid="k"', ';tag=";x=1"', ";a=1.5", ";a=?1", ";a=tok", ";A=1", ";a= 1"),
        *("sig1=", "b=", "*a.b-c=", "Sig=", "1a=", ",", ", ", " ,", "\t", "=", ":", "::"),
        *(":AAAA:", ":AAA=:", ":AAA:", ":AA==:", ":AAB=:", ":A A:", ":é:", ":QUJD:", "5", "\x00"),
        ";n=999999999999999",
        ";n=9999999999999999",
    ]
)
INPUTS = st.lists(PIECES, max_size=8).map("".join)
PARTS = st.lists(st.sampled_from(['"@method"', '"date"', '" "', '"x y"']), min_size=1, max_size=4)
PARAMETERS = st.lists(
    st.sampled_from([";created=5", ';keyid="k;a=1"', ';tag=""', ";n=0", ";created=6", ";a=1.0"]),
    max_size=4,
)


def outcome(read: Callable[[bytes], Any], header: bytes) -> Any:
    try:
        return read(header)
    except BadSignature:
        return None


def sequences_slowly(header: bytes) -> dict[str, bytes]:
    members = read_dictionary(header)
    return {name: value for name, (value, _) in members.items() if type(value) is bytes}


def require_same(header: bytes) -> None:
    quick = outcome(read_inputs, header)
    slow = outcome(read_dictionary, header)
    assert (quick and quick[0]) == slow
    if quick and quick[1] is not None:
        ((components, parameters),) = quick[0].values()
        assert quick[1] == serialized([name for name, _ in components], parameters)
    assert outcome(read_byte_sequences, header) == outcome(sequences_slowly, header)


@given(INPUTS)
def test_whatever_comes_is_read_the_same_both_ways(text: str):
    require_same(text.encode("latin-1"))


@given(PARTS, PARAMETERS)
def test_a_usual_input_is_read_the_same_both_ways(parts: list[str], parameters: list[str]):
    require_same(f"sig1=({' '.join(parts)}){''.join(parameters)}".encode())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=40)), max_size=3))
def test_byte_sequences_are_read_the_same_both_ways(members: list[tuple[str, bytes]]):
    text = ", ".join(f"{name}=:{base64.b64encode(value).decode()}:" for name, value in members)
    require_same(text.encode())
    is_plain = len({name for name, _ in members}) == len(members)
    assert outcome(read_byte_sequences, text.encode()) == (dict(members) if is_plain else None)


def test_a_usual_input_is_read_quickly():
    text = '("@method" "@target-uri");created=1772366400;keyid="https://a.test/#k"'
    inputs, found = read_inputs(f"sig1={text}".encode())
    assert found == text
    assert inputs["sig1"][1] == {"created": 1772366400, "keyid": "https://a.test/#k"}


@corpus
def test_byte_sequences_are_those_of_the_structured_field_tests():
    path = Path(os.environ["DAZZLE_TEST_CORPUS"]) / "vectors/structured-fields/binary.json"
    cases = json.loads(path.read_text(encoding="utf-8"))
    assert cases
    for case in cases:
        found = outcome(read_byte_sequences, f"a={', '.join(case['raw'])}".encode())
        if case.get("must_fail"):
            assert found is None, case["name"]
        elif not (case.get("can_fail") and found is None):
            expected = case["expected"][0]["value"]
            assert found == {"a": base64.b32decode(expected)}, case["name"]
