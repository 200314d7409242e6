"""Which pictures of other servers stay, and which go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from storage import media_cache, posts
from storage.db import Connection
from storage.media_cache import key_of
from storage.parts import Attachment, Parts, to_stored
from storage.threads import Post
from tests.factories import make_community, make_person, make_site, make_thread

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


async def make_post(conn: Connection, *urls: str) -> Post:
    await make_site(conn)
    author = await make_person(conn)
    post = await make_thread(conn, author, await make_community(conn, author))
    return await carry(conn, post, *urls)


async def carry(conn: Connection, post: Post, *urls: str) -> Post:
    """These pictures and no other, from now on."""
    parts = Parts(attachments=tuple(Attachment("image", url) for url in urls))
    carrying = await posts.rewrite(conn, replace(post, parts=to_stored(parts)))
    assert carrying is not None
    return carrying


async def keep(conn: Connection, post: Post, name: str, at: datetime, size: int = 10) -> bytes:
    key = key_of(post.id, name)
    assert await media_cache.claim(conn, key, post.id, at, name)
    assert await media_cache.keep(conn, key, at, size)
    return key


async def names(conn: Connection, *looked_for: str) -> list[str]:
    """Those that are still kept."""
    found = {name: await read(conn, name) for name in looked_for}
    return [name for name, state in found.items() if state == "kept"]


async def read(conn: Connection, name: str) -> str | None:
    return await conn.fetchval("select state from media_cache where name = $1", name)


async def test_what_nobody_has_looked_at_for_long_goes(conn: Connection) -> None:
    post = await make_post(conn, "old", "looked at", "new")
    await keep(conn, post, "old", NOW - 40 * DAY)
    looked_at = await keep(conn, post, "looked at", NOW - 40 * DAY)
    await keep(conn, post, "new", NOW)
    await media_cache.note_use(conn, looked_at, NOW - 29 * DAY)
    assert await media_cache.drop_old(conn, NOW - 30 * DAY, 10) == 1
    assert await names(conn, "old", "looked at", "new") == ["looked at", "new"]
    (dropped,) = await media_cache.claim_dropped(conn, NOW, after=b"", limit=10)
    assert dropped.name == "old"
    await media_cache.forget(conn, [dropped.hash])
    assert await media_cache.claim_dropped(conn, NOW, after=b"", limit=10) == []
    assert await media_cache.drop_old(conn, NOW - 30 * DAY, 10) == 0


async def test_beyond_the_limit_goes_what_was_looked_at_longest_ago(conn: Connection) -> None:
    post = await make_post(conn, *"abcd")
    for day, name in enumerate("abcd"):
        await keep(conn, post, name, NOW + day * DAY)
    await media_cache.make_room(conn, 40)
    assert await names(conn, *"abcd") == [*"abcd"]
    await media_cache.make_room(conn, 25)
    assert await names(conn, *"abcd") == ["c", "d"]


async def test_one_at_a_time_fetches_and_a_failure_is_remembered_for_an_hour(
    conn: Connection,
) -> None:
    post = await make_post(conn, "https://there.test/a.png")
    key = key_of(post.id, "https://there.test/a.png")
    assert await media_cache.claim(conn, key, post.id, NOW, "made")
    assert not await media_cache.claim(conn, key, post.id, NOW + timedelta(seconds=50), "made")
    later = NOW + timedelta(seconds=61)
    assert await media_cache.claim(conn, key, post.id, later, "made"), "whoever had it is gone"
    assert not await media_cache.keep(conn, key, NOW, 1)
    await media_cache.fail(conn, key, later, later)
    assert not await media_cache.claim(conn, key, post.id, later + timedelta(minutes=59), "made")
    known = await media_cache.read_unfiltered(conn, key)
    assert known is not None
    assert known.is_settled(later + timedelta(minutes=59))
    assert not known.is_settled(later + timedelta(minutes=61))
    assert await media_cache.claim(conn, key, post.id, later + timedelta(minutes=61), "made")


async def test_what_is_dropped_while_it_is_fetched_stands_until_nobody_can_write_it_any_more(
    conn: Connection,
) -> None:
    post = await make_post(conn, "https://there.test/a.png")
    key = key_of(post.id, "https://there.test/a.png")
    assert await media_cache.claim(conn, key, post.id, NOW, "made")
    await media_cache.drop_of_post(conn, post.id)
    assert (
        await media_cache.claim_dropped(conn, NOW + timedelta(seconds=59), after=b"", limit=10)
        == []
    )
    assert not await media_cache.keep(conn, key, NOW, 1)
    (dropped,) = await media_cache.claim_dropped(
        conn, NOW + timedelta(seconds=60), after=b"", limit=10
    )
    assert (dropped.hash, dropped.name) == (key, "made")


async def test_pat05_nothing_is_begun_for_a_post_that_is_erased(conn: Connection) -> None:
    post = await make_post(conn, "x")
    assert await posts.erase(conn, post.id, post.thread_id)
    assert not await media_cache.claim(conn, key_of(post.id, "x"), post.id, NOW, "made")


async def test_pat05_nothing_is_begun_of_what_a_post_carries_no_more(conn: Connection) -> None:
    taken_out, left = "https://there.test/ä.png?a=1 2", "https://there.test/left.png"
    post = await make_post(conn, taken_out, left)
    await carry(conn, post, left)
    assert not await media_cache.claim(conn, key_of(post.id, taken_out), post.id, NOW, "made")
    assert await media_cache.claim(conn, key_of(post.id, left), post.id, NOW, "made")
    await carry(conn, post, left, taken_out)
    assert await media_cache.claim(conn, key_of(post.id, taken_out), post.id, NOW, "made")
    assert await conn.fetchval(
        "update posts set parts = null where id = $1 returning true", post.id
    )
    gone = key_of(post.id, "https://there.test/new.png")
    assert not await media_cache.claim(conn, gone, post.id, NOW, "made")
