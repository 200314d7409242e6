"""What a signature is about: a request as it came, a request as it goes, and what was signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from federation.address import Target
from federation.errors import BadSignature

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]  # as ASGI gives them: lower case, repeats kept
Form: TypeAlias = Literal["cavage", "rfc9421"]

OLDEST = timedelta(hours=1)
NEWEST = timedelta(minutes=5)
MAX_HEADER = 8192
NO_HEADERS: Mapping[str, str] = {}


class Message:
    """A request as it came. `body` is None for GET; `origin` is this server's own."""

    __slots__ = ("_values", "body", "method", "origin", "path", "query")

    def __init__(
        self,
        method: str,
        origin: str,
        path: str,
        query: str,
        headers: Headers,
        body: bytes | None,
    ) -> None:
        self.method = method.upper()
        self.origin = origin
        self.path = path
        self.query = query
        self.body = body
        values: dict[bytes, bytes | None] = {}
        for name, value in headers:
            values[name] = None if name in values else value
        self._values = values

    def has(self, name: bytes) -> bool:
        return name in self._values

    def find(self, name: bytes) -> bytes | None:
        """A header, or None. Raises BadSignature for one that came twice: which would be meant?"""
        value = self._values.get(name)
        if value is None and name in self._values:
            raise BadSignature("signature_header")
        return value

    def header(self, name: str) -> str:
        """The value of a signed header that is there exactly once, or BadSignature."""
        value = self._values.get(name.encode("latin-1", "replace"))
        if value is None:
            raise BadSignature("not_covered")
        return value.decode("latin-1").strip()


@dataclass(frozen=True, slots=True)
class Signed:
    """What the owner of a key must have signed: one of the texts, by one of the algorithms."""

    key_uri: str
    value: bytes
    texts: tuple[bytes, ...]
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes. Its `headers` are signed too."""

    method: str
    target: Target
    body: bytes | None
    headers: Mapping[str, str]


def require_fresh(
    moments: Sequence[float], expires: float | None, now: datetime, *, code: str = "date"
) -> None:
    """Raises BadSignature unless all was signed in the last hour and has not expired.

    Clocks may differ by five minutes.
    """
    seconds = now.timestamp()
    oldest, newest = seconds - OLDEST.total_seconds(), seconds + NEWEST.total_seconds()
    if not all(oldest <= moment <= newest for moment in moments):
        raise BadSignature(code)
    if expires is not None and expires < seconds - NEWEST.total_seconds():
        raise BadSignature(code)
