"""What can be refused, as types. The edges map them: a page, a JSON body, a refused activity.

Hidden means NotFound, never NotAllowed: a closed community answers like an unknown name.
"""

from __future__ import annotations


class ForumError(Exception):
    """A final refusal. `code` is stable and never shown; the edges choose the words."""

    code = "refused"

    def __init__(self, code: str | None = None) -> None:
        super().__init__(code or self.code)
        self.code = code or self.code


class NotFound(ForumError):
    """No such thing, or none that this viewer may know of."""

    code = "not_found"


class NotAllowed(ForumError):
    """The viewer sees the target but may not do this to it."""

    code = "not_allowed"


class Invalid(ForumError):
    """The input is wrong. `field` names the form field that the sentence belongs beside."""

    code = "invalid"

    def __init__(self, code: str | None = None, *, field: str = "") -> None:
        super().__init__(code)
        self.field = field


class Conflict(ForumError):
    """Somebody was first: the name is taken, the state has changed."""

    code = "conflict"


class TooMany(ForumError):
    """A limit is reached. `retry_after` is in seconds."""

    code = "too_many"

    def __init__(self, code: str | None = None, *, retry_after: int = 60) -> None:
        super().__init__(code)
        self.retry_after = retry_after
