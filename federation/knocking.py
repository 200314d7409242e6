"""Which kind of signature another server takes: it is tried, and remembered (double-knocking).

draft-cavage comes first, since most servers know nothing else and some (snac) answer 202 to an
RFC 9421 signature and drop what it signed. Only an answer 400 or 401 leads to another try, so that
nothing that was taken is sent twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from federation.keys import load_own_key
from federation.signatures import cavage, rfc9421
from federation.signatures.accept import ACCEPT_SIGNATURE, PLAIN, Asked, read_asked
from federation.signatures.types import Form, Outgoing
from storage.keys import SigningKey

NOT_BELIEVED = frozenset({400, 401})
MAX_EXTRA = 2  # further tries of one request, over all its redirects


class Memory(Protocol):
    """What each server took; None for one that was never asked to take anything but cavage."""

    async def signature_form(self, host: str) -> Form | None: ...

    async def remember_signature(self, host: str, form: Form) -> None: ...


class OwnMemory:
    """A memory of this process only."""

    def __init__(self) -> None:
        self._forms: dict[str, Form] = {}

    async def signature_form(self, host: str) -> Form | None:
        return self._forms.get(host)

    async def remember_signature(self, host: str, form: Form) -> None:
        self._forms[host] = form


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sign a request."""

    form: Form
    asked: Asked = PLAIN
    with_query: bool = True


@dataclass(slots=True)
class Effort:
    """What is left to try for one request with all its redirects, and what was learnt of whom."""

    extra: int = MAX_EXTRA
    lessons: dict[str, Form] = field(default_factory=dict)


@dataclass(slots=True)
class Knocking:
    """The ways to sign one request, until an answer is about something else than the signature."""

    request: Outgoing
    key: SigningKey
    effort: Effort
    known: Form | None
    way: Way = field(init=False)
    tried: set[Way] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.way = Way(self.known or "cavage")

    def sign(self, now: datetime) -> dict[str, str]:
        """The headers of the next try."""
        self.tried.add(self.way)
        key = load_own_key(self.key.private_pem)
        if self.way.form == "rfc9421":
            return rfc9421.sign(self.request, self.key.uri, key, now, self.way.asked)
        with_query = self.way.with_query
        return cavage.sign(self.request, self.key.uri, key, now, with_query=with_query)

    def goes_on(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether an answer calls for another try, which `sign` then makes."""
        if status not in NOT_BELIEVED or self.effort.extra <= 0:
            return False
        untried = [way for way in self._ways(status, headers) if way not in self.tried]
        if not untried:
            return False
        self.effort.extra -= 1
        self.way = untried[0]
        return True

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Note what the last answer tells of the server, if it is news.

        One that once refused RFC 9421 is not believed when it says that it takes it.
        """
        if not 200 <= status < 300:
            return
        host = self.request.target.host
        if self.way.form != (self.known or "cavage"):
            self.effort.lessons[host] = self.way.form
        elif self.known is None and self._asked(headers) is not None:
            self.effort.lessons[host] = "rfc9421"

    def _ways(self, status: int, headers: Mapping[str, str]) -> list[Way]:
        asked = self._asked(headers)
        ways = [] if asked is None else [Way("rfc9421", asked)]
        ways += [Way("rfc9421"), Way("cavage")]
        if status == 401 and "?" in self.request.target.path:
            ways.append(Way("cavage", with_query=False))  # GoToSocial and Fedify read it so
        return ways

    def _asked(self, headers: Mapping[str, str]) -> Asked | None:
        asked = read_asked(headers.get(ACCEPT_SIGNATURE))
        is_plain = asked is not None and rfc9421.is_plain(self.request, asked)
        return PLAIN if is_plain else asked
