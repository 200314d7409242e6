"""How many accounts that nobody here knows yet one domain may make us look at.

Whoever owns a domain has as many names below it as they like, and each of them costs a lookup, a
connection, a request and a row that is kept.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from time import monotonic

from federation.address import parse_url
from federation.errors import Unreachable

PER_DOMAIN = 400
SECONDS = 600.0
MAX_DOMAINS = 20_000


class TooManyNewcomers(Unreachable):
    """The domain has had its share, for a while."""

    code = "too_many_newcomers"


class Newcomers:
    """Counts, for ten minutes. One for each process."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._end = 0.0

    def admit(self, uri: str, most: int | None = None) -> None:
        """Raises TooManyNewcomers once the domain of this URI has had `most`, for a while.

        Without `most` it is the whole share of a domain.
        """
        if self._end <= monotonic():
            self._counts.clear()
            self._end = monotonic() + SECONDS
        domain = registrable_domain(parse_url(uri).hostname)
        count = self._counts.get(domain, 0)
        if count >= (PER_DOMAIN if most is None else most):
            raise TooManyNewcomers
        self._counts[domain] = count + 1
        self._counts.move_to_end(domain)
        if len(self._counts) > MAX_DOMAINS:
            self._counts.popitem(last=False)


def registrable_domain(hostname: str) -> str:
    """A good guess without a list: two labels, or three below short ones such as co.uk.

    An address of numbers is a domain of its own.
    """
    try:
        ipaddress.ip_address(hostname.strip("[]"))
    except ValueError:
        labels = hostname.split(".")
        return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 else labels[-2:])
    return hostname
