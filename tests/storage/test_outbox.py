from __future__ import annotations

from datetime import timedelta

from forum.events import FollowAnswered, MembershipAsked, MembershipLeft, PostErased
from forum.outbox import record_event
from storage import outbox
from storage.db import Connection, Database


async def record(conn: Connection) -> None:
    """A person who asks and leaves again, and others."""
    await record_event(conn, MembershipAsked(1, 100, "f"))
    await record_event(conn, MembershipLeft(1, 100, "f"))
    await record_event(conn, PostErased(7, None))
    await record_event(conn, FollowAnswered(1, 200, True, "{}"))
    await record_event(conn, FollowAnswered(1, 200, False, "{}"))


async def kinds(conn: Connection) -> list[str]:
    return [event.kind for event in await outbox.claim(conn, 50)]


async def test_what_somebody_says_of_a_membership_is_claimed_in_order(database: Database) -> None:
    """Another worker has the Follow in hand: it takes the rest, and not the Undo."""
    async with database.write() as conn:
        await record(conn)
    async with database.quiet_write() as one, database.quiet_write() as two:
        first = await outbox.claim(one, 1)
        assert [event.kind for event in first] == ["MembershipAsked"]
        assert await kinds(two) == ["PostErased", "FollowAnswered"]
        await outbox.finish(one, [event.id for event in first])
    async with database.quiet_write() as conn:
        assert await kinds(conn) == ["MembershipLeft", "PostErased", "FollowAnswered"]


async def test_a_follow_that_is_tried_again_is_not_overtaken_by_its_undo(conn: Connection) -> None:
    await record(conn)
    asked = (await outbox.claim(conn, 50))[0]
    await outbox.postpone(conn, asked.id, timedelta(hours=1), "Trouble", max_tries=5)
    assert await kinds(conn) == ["PostErased", "FollowAnswered"]
    await outbox.postpone(conn, asked.id, timedelta(hours=1), "Trouble", max_tries=2)
    assert await kinds(conn) == ["MembershipLeft", "PostErased", "FollowAnswered"]
