"""JSON from strangers: one meaning or a refusal.

The standard parser takes the last of two equal keys, NaN, UTF-16 and numbers of any size; each
of these lets two readers of one document see different things, or stops a database.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from federation.errors import Malformed

MAX_DEPTH = 32
MAX_VALUES = 20_000
MAX_INTEGER = 2**63


def decode_json(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises Malformed for anything that is not one plain JSON object."""
    try:
        value = DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Malformed("json") from None
    if not isinstance(value, dict):
        raise Malformed("json")
    _require_modest(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("duplicate_key")
    return fields


def _constant(_: str) -> NoReturn:
    raise Malformed("number")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _require_modest(root: dict[str, Any]) -> None:
    """Raises Malformed for deep nesting, very many values, and numbers that overflow."""
    level: list[Any] = [root]
    count = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            count += len(container)
            if count > MAX_VALUES:
                raise Malformed("too_many_values")
            for value in container.values() if type(container) is dict else container:
                kind = type(value)
                if kind is dict or kind is list:
                    below.append(value)
                elif (kind is int or kind is float) and not -MAX_INTEGER <= value < MAX_INTEGER:
                    raise Malformed("number")
        if not below:
            return
        level = below
    raise Malformed("too_deep")
