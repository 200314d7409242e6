"""Places, in all and of each address."""

from __future__ import annotations

from server.places import Places


def test_nobody_holds_more_than_the_share_of_one_nor_all_more_than_there_are() -> None:
    places = Places(3, of_one=2)
    first, second = places.take("ada"), places.take("ada")
    assert first is not None
    assert second is not None
    assert places.take("ada") is None
    assert places.take("ben") is not None
    assert places.take("cyd") is None
    first()
    assert places.take("cyd") is not None


def test_a_place_is_given_back_once() -> None:
    places = Places(1)
    first = places.take("ada")
    assert first is not None
    first()
    first()
    assert places.take("ada") is not None
    assert places.take("ada") is None
