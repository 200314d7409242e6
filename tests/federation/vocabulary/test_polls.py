"""Questions and votes, as each server writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from federation.errors import Malformed
from federation.vocabulary.posts import parse_post
from federation.vocabulary.types import Create, Poll, PollVote
from tests.federation.vocabulary.samples import ADA, NOTE, QUESTION, activity

THEN = datetime(2025, 6, 1, 10, tzinfo=UTC)
OTHER = datetime(2025, 5, 1, 10, tzinfo=UTC)
POLL_URI = "https://here.test/n/1"


def poll(**changed: Any) -> Poll:
    found = parse_post({**QUESTION, **changed}).poll
    assert found is not None
    return found


def test_a_question_is_read_with_its_answers_and_totals():
    assert poll() == Poll(("Yes", "No"), (4, 1), False, THEN, None, 5)


def test_several_may_be_chosen_of_any_of():
    found = poll(anyOf=QUESTION["oneOf"], oneOf=None)
    assert (found.is_many, found.options) == (True, ("Yes", "No"))
    assert not poll(anyOf=[]).is_many


def test_misskey_ends_never_and_pleroma_lists_who_voted():
    found = poll(endTime=None, votersCount=None, voters=["https://x.test/1", "https://x.test/2"])
    assert (found.ends_at, found.voters) == (None, 2)


@pytest.mark.parametrize(
    ("said", "ends_at", "closed_at"),
    [
        ({"endTime": "2025-06-01T10:00:00Z"}, THEN, None),
        ({"endTime": None, "closed": "2025-06-01T10:00:00"}, THEN, None),
        ({"closed": "2025-06-01T10:00:00Z"}, THEN, None),
        ({"closed": "2025-05-01T10:00:00Z"}, THEN, OTHER),
        ({"closed": True}, THEN, THEN),
        ({"closed": True, "updated": "2025-05-01T10:00:00Z"}, THEN, OTHER),
        ({"endTime": None, "closed": True}, None, datetime(2000, 1, 1, tzinfo=UTC)),
        ({"closed": False}, THEN, None),
        ({"closed": "yes"}, THEN, None),
    ],
)
def test_r54_a_poll_is_closed_by_a_time_or_a_word(
    said: dict[str, Any], ends_at: datetime | None, closed_at: datetime | None
):
    found = poll(**said)
    assert (found.ends_at, found.closed_at) == (ends_at, closed_at)


@pytest.mark.parametrize("total", [-1, 2**31, 10**400, "4", 4.0, None, True, float("nan")])
def test_a_total_that_is_no_number_is_none(total: object):
    answer = {"name": "Yes", "replies": {"totalItems": total}}
    found = poll(oneOf=[answer, {"name": "No"}], votersCount=total)
    assert (found.votes, found.voters) == ((0, 0), None)


def test_answers_are_names_cut_and_told_apart():
    names: list[Any] = [" Yes \n", {"name": "Yes"}, {"nameMap": {"cy": "Na"}}, "x" * 500, "", 5, {}]
    assert poll(oneOf=names).options == ("Yes", "Na", "x" * 200)


def test_a_hundred_answers_are_read_and_more_refused():
    assert len(poll(oneOf=[f"{n}" for n in range(100)]).options) == 100
    for many in (101, 100_000):
        with pytest.raises(Malformed, match="too_many_options"):
            poll(oneOf=[f"{n}" for n in range(many)])


def test_a_question_without_answers_is_a_post():
    for answers in (None, [], {}, 5):
        assert parse_post({**QUESTION, "oneOf": answers}).poll is None
    assert parse_post({**QUESTION, "type": "Note"}).poll is None


VOTE: dict[str, Any] = {
    "id": "https://there.test/votes/1",
    "type": "Note",
    "attributedTo": ADA,
    "inReplyTo": POLL_URI,
    "name": "Yes",
}


def test_a_note_with_only_a_name_is_a_vote():
    assert parse_post(VOTE).is_vote
    for other in ({"content": "<p>x</p>"}, {"inReplyTo": None}, {"name": None}, {"type": "Page"}):
        assert not parse_post({**VOTE, **other}).is_vote


def test_gotosocial_sends_all_choices_at_once():
    votes = [VOTE, {**VOTE, "id": "https://there.test/votes/2", "name": "No"}]
    found = activity("Create", votes)
    assert isinstance(found, Create)
    assert not isinstance(found.object, str)
    assert [vote.title for vote in (found.object, *found.more)] == ["Yes", "No"]


@pytest.mark.parametrize(
    "several",
    [
        [VOTE, NOTE],
        [NOTE, NOTE],
        [VOTE, {**VOTE, "inReplyTo": "https://here.test/n/2"}],
        [VOTE, "https://there.test/votes/2"],
        [VOTE] * 101,
    ],
)
def test_several_objects_that_are_no_votes_are_refused(several: list[Any]):
    with pytest.raises(Malformed, match="object"):
        activity("Create", several)


def test_piefed_votes_in_its_own_way():
    found = activity("PollVote", POLL_URI, choice_text=" Yes ")
    assert found == PollVote("https://there.test/a/1", ADA, POLL_URI, "Yes")
    for nothing in (None, "", 5, " "):
        with pytest.raises(Malformed):
            activity("PollVote", POLL_URI, choice_text=nothing)
