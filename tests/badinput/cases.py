"""A table of bad input: each entry makes one request, and says what must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.badinput.oracle import TAKEN, Expected
from tests.badinput.world import Answer, World

Make = Callable[[World], Awaitable[Answer]]


@dataclass(frozen=True)
class Bad:
    """`what` begins with the code of the case."""

    what: str
    make: Make
    expected: Expected

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Good:
    """The nearest input that must be taken."""

    what: str
    make: Make
    expected: Expected = TAKEN

    def __str__(self) -> str:
        return self.what


# A signature that does not verify makes us look, once a minute, whether the key is a new one.
ADA = "there.test/actors/ada"
BAD_SIGNATURE = Expected(401, may_ask=(ADA,), changes=frozenset({"actors"}))
REFUSED = Expected(202, "refused")
LET_IN = Expected(202, None, lines=0)
