"""A number of places, for what would otherwise take everything: in all, and of each address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Places:
    """`of_one` is how many an address may hold at once; without it, as many as there are."""

    def __init__(self, most: int, *, of_one: int | None = None) -> None:
        self.most = most
        self.of_one = most if of_one is None else of_one
        self._taken: Counter[str] = Counter()

    def take(self, who: str) -> Callable[[], None] | None:
        """Gives the place back, the first time it is called; None when there is no place."""
        if self._taken.total() >= self.most or self._taken[who] >= self.of_one:
            return None
        self._taken[who] += 1
        held = [who]

        def give_back() -> None:
            while held:
                self._leave(held.pop())

        return give_back

    def _leave(self, who: str) -> None:
        self._taken[who] -= 1
        if not self._taken[who]:
            del self._taken[who]
