"""Reading along elsewhere: what becomes of it when the community changes."""

from __future__ import annotations

from forum import subscriptions
from forum.communities import store_remote_community
from forum.membership import receive_answer
from storage.actors import read_unfiltered
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.memberships import read_membership
from storage.subscriptions import has_any, list_own
from tests.factories import KEYPAIR, SITE, make_person, make_remote_community, make_site, tick


async def told(conn: Connection, community: Community, *, readers: str, joining: str) -> None:
    """What its server says of a community now."""
    actor = await read_unfiltered(conn, community.id)
    assert actor is not None
    await store_remote_community(
        conn, actor, readers=readers, listed=True, joining=joining, description_html="",
        condition=None, now=tick(),
    )  # fmt: skip


async def test_pat19_the_reader_leaves_a_community_that_closes(conn: Connection) -> None:
    await make_site(conn)
    there = await make_remote_community(conn)
    people = [await make_person(conn), await make_person(conn)]
    reader = await subscriptions.make_reader(conn, SITE, KEYPAIR, tick())
    for person in people:
        await subscriptions.subscribe(conn, SITE, there, person, reader, tick())
    await receive_answer(conn, there, reader.id, None, True, tick())
    await told(conn, there, readers="anyone", joining="apply")
    assert await has_any(conn, there.id)
    await told(conn, there, readers="members", joining="apply")
    assert not await has_any(conn, there.id)
    for person in people:
        assert await list_own(conn, Viewer(person.id)) == []
    standing = await read_membership(conn, there.id, reader.id)
    assert standing is not None
    assert standing.state == "left"
    kinds = await conn.fetch("select kind from events order by id")
    assert [row["kind"] for row in kinds] == ["MembershipAsked", "MembershipLeft"]
