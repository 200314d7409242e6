"""A Question's answers and what its server has counted (FEP-9967)."""

from __future__ import annotations

from datetime import UTC, datetime

from federation.errors import Malformed
from federation.vocabulary.fields import Fields, count, listed, mapped_text, moment
from federation.vocabulary.types import Poll

MAX_OPTIONS = 100
MAX_OPTION = 200
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def read_poll(fields: Fields) -> Poll | None:
    """None for a Question without answers. Raises Malformed for more than a hundred of them."""
    many = _answers(fields.get("anyOf"))
    options = many or _answers(fields.get("oneOf"))
    if not options:
        return None
    ends_at, closed_at = _end(fields)
    return Poll(
        options=tuple(options),
        votes=tuple(options.values()),
        is_many=bool(many),
        ends_at=ends_at,
        closed_at=closed_at,
        voters=_voters(fields),
    )


def _answers(value: object) -> dict[str, int]:
    """The answers and their votes; of two that could not be told apart, the first."""
    found: dict[str, int] = {}
    entries = listed(value, MAX_OPTIONS + 1)
    if len(entries) > MAX_OPTIONS:
        raise Malformed("too_many_options")
    for entry in entries:
        answer = entry if isinstance(entry, dict) else {"name": entry}
        name = " ".join(mapped_text(answer, "name", MAX_OPTION).split())
        if name:
            found.setdefault(name, _votes(answer))
    return found


def _votes(answer: Fields) -> int:
    replies = answer.get("replies")
    total = replies.get("totalItems") if isinstance(replies, dict) else None
    return count(total) or 0


def _voters(fields: Fields) -> int | None:
    """How many people voted; Pleroma lists them instead, and only their number is kept."""
    voters = fields.get("voters")
    if isinstance(voters, list):
        return len(voters)
    return count(fields.get("votersCount"))


def _end(fields: Fields) -> tuple[datetime | None, datetime | None]:
    """When it ends, and when it was closed: a time, or `true` without one.

    Pleroma says `closed` for the time at which it will be, too; then that time itself will tell.
    """
    ends_at = moment(fields.get("endTime"))
    closed = fields.get("closed")
    if closed is True:
        times = (ends_at, moment(fields.get("updated")), moment(fields.get("published")))
        return ends_at, min((time for time in times if time is not None), default=LONG_AGO)
    closed_at = moment(closed)
    ends_at = ends_at or closed_at
    return ends_at, None if closed_at == ends_at else closed_at
