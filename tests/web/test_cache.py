"""The store of rendered pages stays within its bytes."""

from __future__ import annotations

from web.cache import OVERHEAD, ByteCache


def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache: ByteCache[bytes] = ByteCache(4 * (OVERHEAD + 10))
    for key in "abcd":
        cache.put(key, b"0123456789")
    cache.get("a")
    cache.put("e", b"0123456789")
    assert cache.get("b") is None
    assert cache.get("a") == b"0123456789"
    assert cache.size <= cache.limit


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    cache: ByteCache[bytes] = ByteCache(10_000)
    for size in (10, 1000, 20):
        cache.put("a", b"x" * size)
    assert cache.size == 20 + OVERHEAD


def test_a_value_that_would_push_out_everything_is_not_kept() -> None:
    cache: ByteCache[bytes] = ByteCache(1000)
    cache.put("big", b"x" * 900)
    assert cache.get("big") is None
    assert cache.size == 0
