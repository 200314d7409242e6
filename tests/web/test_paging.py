"""Where a list goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ids import MAX_ID
from web.paging import cursor_of, read_cursor, read_id, read_path


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    st.integers(1, MAX_ID),
)
def test_a_position_comes_back_as_it_was(at: datetime, identifier: int) -> None:
    assert read_cursor(cursor_of((at, identifier))) == (at, identifier)


@given(st.text(max_size=40))
def test_any_other_word_is_the_beginning(word: str) -> None:
    read_cursor(word)
    read_id(word)
    read_path(word)


@pytest.mark.parametrize(
    "value", ["", "1", "-", "1-", "-1", "1-2-3", "9" * 18 + "-1", "1-" + "9" * 19]
)
def test_a_position_that_we_did_not_make_is_none(value: str) -> None:
    assert read_cursor(value) is None


@pytest.mark.parametrize("value", ["", "0", "-1", "٣", "1.0", "9" * 19, "9" * 5000, "1 "])
def test_an_id_that_cannot_be_one_is_none(value: str) -> None:
    assert read_id(value) is None


def test_a_path_is_ids_joined_by_dots() -> None:
    assert read_path("1.2.3") == [1, 2, 3]
    assert read_path("1..3") is None
    assert read_path(".".join(["1"] * 61)) is None
