"""What an answer to a delivery means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from federation.outcomes import Outcome, outcome_of, retry_after, wait_after

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.TAKEN),
        (202, Outcome.TAKEN),
        (300, Outcome.FINAL),
        (301, Outcome.MOVED),
        (302, Outcome.HELD),
        (307, Outcome.HELD),
        (308, Outcome.MOVED),
        (400, Outcome.FINAL),
        (401, Outcome.HELD),
        (404, Outcome.FINAL),
        (408, Outcome.HELD),
        (410, Outcome.GONE),
        (429, Outcome.BUSY),
        (500, Outcome.HELD),
        (501, Outcome.FINAL),
        (503, Outcome.BUSY),
        (599, Outcome.HELD),
    ],
)
def test_r61_each_status_has_one_meaning(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("0", 1),
        ("99999999999999", 86400),
        ("Sat, 21 Nov 2026 12:10:00 GMT", 600),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 1),
    ],
)
def test_retry_after_is_read_in_both_forms_within_bounds(text: str, seconds: int) -> None:
    assert retry_after(text, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "1.5", "²"])
def test_what_is_no_retry_after_is_ignored(text: str | None) -> None:
    assert retry_after(text, NOW) is None


def test_waits_double_and_end_at_six_hours() -> None:
    assert timedelta(seconds=12) <= wait_after(0) <= timedelta(seconds=18)
    assert timedelta(seconds=96) <= wait_after(3) <= timedelta(seconds=144)
    assert wait_after(10_000) <= timedelta(hours=7.2)
