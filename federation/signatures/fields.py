"""The structured fields of RFC 9421 and RFC 9530, read and written.

http-sf knows all of their forms and takes a third of a millisecond for a request. What nearly
everybody sends has one form only, and is read by patterns that take nothing but that form.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import http_sf
from http_sf.types import ItemType

from federation.errors import BadSignature
from federation.signatures.types import MAX_HEADER

Member: TypeAlias = tuple[Any, dict[str, Any]]

KEY = r"[a-z*][a-z0-9_.*-]*"
STRING = r'"[ !#-\[\]-~]*"'  # without quotes and backslashes inside
NUMBER = r"0|[1-9][0-9]{0,14}"
NO_PARAMETERS: dict[str, Any] = {}
STRINGS = re.compile(STRING)
PARAMETER = re.compile(f";({KEY})=(?:({NUMBER})|({STRING}))")
PARAMETERS = f"(?:;{KEY}=(?:{NUMBER}|{STRING}))*"
INPUT = re.compile(rf"({KEY})=(\(({STRING}(?: {STRING})*)\)({PARAMETERS}))")
BYTES = re.compile(f"({KEY})=:([A-Za-z0-9+/]*={{0,2}}):(?:, |$)".encode())


def read_inputs(header: bytes | None) -> tuple[dict[str, Member], str | None]:
    """The members of a Signature-Input; with the text of the only one, if it is in plain form.

    That text is what `serialized` makes of it. Raises BadSignature, also for what comes twice.
    """
    match = INPUT.fullmatch(_checked(header).decode("latin-1"))
    if match is None:
        return read_dictionary(header), None
    label, text, components, rest = match.groups()
    parameters: dict[str, Any] = {}
    for name, number, string in PARAMETER.findall(rest):
        if name in parameters:
            raise BadSignature("signature_header")
        parameters[name] = int(number) if number else string[1:-1]
    names = [(name[1:-1], NO_PARAMETERS) for name in STRINGS.findall(components)]
    return {label: (names, parameters)}, text


def read_byte_sequences(header: bytes | None) -> dict[str, bytes]:
    """The members of a Signature or a Content-Digest that are byte sequences, by their keys.

    Raises BadSignature, also for what comes twice.
    """
    given = _checked(header)
    found: dict[str, bytes] = {}
    position = 0
    while position < len(given):
        match = BYTES.match(given, position)
        value = None if match is None else _decoded(match[2])
        if match is None or value is None or given.endswith(b", "):
            members = read_dictionary(header)
            return {name: value for name, (value, _) in members.items() if type(value) is bytes}
        name = match[1].decode()
        if name in found:
            raise BadSignature("signature_header")
        found[name] = value
        position = match.end()
    return found


def read_dictionary(header: bytes | None) -> dict[str, Member]:
    """Any dictionary. Raises BadSignature, also for what comes twice."""
    try:
        parsed = http_sf.parse(
            _checked(header), tltype="dictionary", on_duplicate_key=_refuse_duplicate
        )
    except (http_sf.StructuredFieldError, ValueError):
        raise BadSignature("signature_header") from None
    if not isinstance(parsed, dict):
        raise BadSignature("signature_header")
    return parsed  # type: ignore[return-value] # members that were parsed are pairs


def serialized(names: Sequence[str], parameters: Mapping[str, Any]) -> str:
    """Components and parameters as they stand in Signature-Input and under the signature."""
    components: list[ItemType] = [(name, {}) for name in names]
    return http_sf.ser([(components, dict(parameters))])


def _checked(header: bytes | None) -> bytes:
    if header is None or len(header) > MAX_HEADER:
        raise BadSignature("signature_header")
    return header


def _decoded(text: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None


def _refuse_duplicate(_name: str, _where: str) -> NoReturn:
    raise BadSignature("signature_header")
