"""What an answer to a delivery means, and when to try again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=6)
LONGEST_ASKED = timedelta(days=1)  # of what a Retry-After may ask for
PAUSE = timedelta(seconds=1)


class Outcome(Enum):
    TAKEN = "taken"
    FINAL = "final"  # refused, and asking again will not help
    GONE = "gone"  # the inbox is no more
    MOVED = "moved"  # the inbox is somewhere else
    HELD = "held"  # this delivery later
    BUSY = "busy"  # the whole host later


def outcome_of(status: int) -> Outcome:
    """401, 408, 429 and what the server does wrong is tried again; every other refusal is final.

    401 is what a server says that could not fetch our key just now; 501, that it will never take
    such a thing. A redirect that is not for good is a page that stands before the server for now.
    """
    if 200 <= status < 300:
        return Outcome.TAKEN
    if status in {301, 308}:
        return Outcome.MOVED
    if status == 410:
        return Outcome.GONE
    if status in {429, 503}:
        return Outcome.BUSY
    if status in {302, 303, 307, 401, 408} or (status >= 500 and status != 501):
        return Outcome.HELD
    return Outcome.FINAL


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures before this one: doubling, with some disorder."""
    wait = min(FIRST_WAIT * (1 << min(failures, 20)), LONGEST_WAIT)
    return wait * random.uniform(0.8, 1.2)


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """The patience that a Retry-After header asks for, in seconds or as a date; else None."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        wait = timedelta(seconds=int(text[:9]))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(wait, PAUSE), LONGEST_ASKED)
