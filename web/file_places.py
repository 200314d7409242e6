"""How many bodies with files are read at once, in one process: in all, and of one person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from forum.errors import ForumError

AT_ONCE = 12
OF_ONE_PERSON = 2


class FilesBusy(ForumError):
    """Others are sending files; the same form can be sent again in a moment."""

    code = "server_busy"


class FilePlaces:
    """Slow senders of large files hold no more than these places."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    @contextmanager
    def take(self, person_id: int) -> Iterator[None]:
        """Hold a place. Raises FilesBusy."""
        if self._taken[person_id] >= OF_ONE_PERSON or self._taken.total() >= AT_ONCE:
            raise FilesBusy
        self._taken[person_id] += 1
        try:
            yield
        finally:
            self._taken[person_id] -= 1
            self._taken += Counter()  # who holds none is forgotten
