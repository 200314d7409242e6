"""Events: when and where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from federation.vocabulary.posts import parse_post
from storage.parts import Happening
from tests.federation.vocabulary.samples import EVENT, NOTE


def happening(**changed: Any) -> Happening | None:
    return parse_post({**EVENT, **changed}).parts.happening


def test_an_event_says_when_and_where():
    assert happening() == Happening(
        datetime(2025, 6, 1, 8, tzinfo=UTC),
        ends_at=datetime(2025, 6, 1, 10, tzinfo=UTC),
        timezone="Europe/Rome",
        place="The library",
        address="1 Main Street, Cardiff, Wales",
    )


@pytest.mark.parametrize(
    ("location", "place", "address"),
    [
        ("The library", "The library", ""),
        ({"name": "Colosseo"}, "Colosseo", ""),
        ({"name": "A", "address": "B 1"}, "A", "B 1"),
        ([{"name": "A"}, {"name": "C", "address": "D"}], "A", "D"),
        ({"name": 5, "address": 7}, "", ""),
        (None, "", ""),
        (5, "", ""),
        ({"address": {"streetAddress": ["x"], "addressCountry": "Wales"}}, "", "Wales"),
    ],
)
def test_a_place_is_read_in_every_shape(location: object, place: str, address: str):
    found = happening(location=location)
    assert found is not None
    assert (found.place, found.address) == (place, address)


def test_an_event_online_leads_there():
    room = {"type": "VirtualLocation", "name": "A room", "url": "https://meet.test/1"}
    found = happening(location=[room])
    assert found is not None
    assert (found.place, found.url) == ("A room", "https://meet.test/1")
    outside = happening(externalParticipationUrl="https://x.test/come")
    assert outside is not None
    assert outside.url == "https://x.test/come"


def test_an_event_without_a_beginning_is_only_a_post():
    for start in (None, "soon", "2025-02-30T10:00:00Z", 5):
        assert happening(startTime=start) is None
    assert parse_post({**EVENT, "startTime": None}).title == "A meeting"


def test_an_end_before_the_beginning_is_no_end():
    found = happening(endTime="2025-05-01T10:00:00Z")
    assert found is not None
    assert found.ends_at is None


def test_an_end_that_is_not_to_be_shown_is_not_known():
    found = happening(displayEndTime=False)
    assert found is not None
    assert found.ends_at is None
    assert happening(displayEndTime=True) == happening()


@pytest.mark.parametrize("timezone", ["<x>", "../../etc/passwd", 5, "a" * 200])
def test_a_time_zone_is_a_name_or_nothing(timezone: object):
    found = happening(timezone=timezone)
    assert found is not None
    assert found.timezone == ""


def test_only_events_happen():
    assert parse_post({**EVENT, "type": "Note"}).parts.happening is None
    assert parse_post(NOTE).parts.happening is None
