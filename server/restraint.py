"""Which servers a list may not make us ask: those that failed, and those that were asked enough.

It is lost with the process; then each is asked once more.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TypeVar

SILENT_FOR = timedelta(minutes=30)
RESTS_FOR = timedelta(minutes=1)
PER_HOST = 200  # look-ups of one list
MOST_REMEMBERED = 50_000

K = TypeVar("K")
V = TypeVar("V")


class Restraint:
    """By host, of names and of links alike."""

    def __init__(self) -> None:
        self._silent: OrderedDict[str, datetime] = OrderedDict()
        self._resting: OrderedDict[str, datetime] = OrderedDict()
        self._asked: OrderedDict[tuple[int, str], int] = OrderedDict()

    def fail(self, host: str, now: datetime) -> None:
        """It did not answer, or would not."""
        _remember(self._silent, host, now + SILENT_FOR)

    def is_silent(self, host: str, now: datetime) -> bool:
        return self._silent.get(host, now) > now

    def rest(self, host: str, now: datetime) -> None:
        """Its domain had its share of look-ups: what is left to ask there waits a little."""
        _remember(self._resting, host, now + RESTS_FOR)

    def rests(self, host: str, now: datetime) -> bool:
        return self._resting.get(host, now) > now

    def spend(self, list_id: int, host: str) -> bool:
        """Count a look-up; False when this list has had enough of this host."""
        asked = self._asked.get((list_id, host), 0)
        if asked >= PER_HOST:
            return False
        _remember(self._asked, (list_id, host), asked + 1)
        return True

    def give_back(self, list_id: int, host: str) -> None:
        """It was not asked after all."""
        asked = self._asked.get((list_id, host), 0)
        _remember(self._asked, (list_id, host), max(0, asked - 1))


def _remember(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > MOST_REMEMBERED:
        table.popitem(last=False)
