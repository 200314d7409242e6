"""How many bodies with files are read at once, in one process: in all, and of one person.

A form that brings words alone needs none of these places: they are taken with the first byte of a
file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from forum.errors import ForumError

AT_ONCE = 12
OF_ONE_PERSON = 2
FORMS_AT_ONCE = 32
FORMS_OF_ONE_PERSON = 4
# In the scope of a request: gives back what it holds of the places before any route.
GIVE_BACK = "dazzle.give_back"


class FilesBusy(ForumError):
    """Others are sending files; the same form can be sent again in a moment."""

    code = "server_busy"


class FilePlaces:
    """Slow senders of large files hold no more than these places."""

    def __init__(self, at_once: int = AT_ONCE, of_one_person: int = OF_ONE_PERSON) -> None:
        self.at_once, self.of_one_person = at_once, of_one_person
        self._taken: Counter[int] = Counter()

    @contextmanager
    def take(self, person_id: int) -> Iterator[None]:
        """Hold a place. Raises FilesBusy."""
        of_one, of_all = self._taken[person_id], self._taken.total()
        if of_one >= self.of_one_person or of_all >= self.at_once:
            raise FilesBusy
        self._taken[person_id] += 1
        try:
            yield
        finally:
            self._taken[person_id] -= 1
            self._taken += Counter()  # who holds none is forgotten


def forms_at_once() -> FilePlaces:
    """For forms that may bring files, from their first byte on: nobody holds all of them."""
    return FilePlaces(FORMS_AT_ONCE, FORMS_OF_ONE_PERSON)


def give_back(scope: Scope) -> None:
    """Who is refused holds nobody up while what they still send is read."""
    scope.get(GIVE_BACK, lambda: None)()
