from __future__ import annotations

from forum import moderation
from forum.threads import erase_post
from storage import threads
from storage.audience import NOBODY, Viewer
from storage.db import Connection
from tests import factories
from tests.factories import join, make_community, make_person, make_thread


async def test_home_goes_through_all_my_communities_by_activity(conn: Connection) -> None:
    person = await make_person(conn)
    mine = [await make_community(conn, person, readers=kind) for kind in ("anyone", "members")]
    other = await make_community(conn)
    stranger = await make_person(conn)
    await join(conn, other, stranger)
    made = [await make_thread(conn, person, mine[n % 2]) for n in range(4)]
    await make_thread(conn, stranger, other)
    await factories.make_reply(conn, person, made[0])
    wanted = [made[0].id, made[3].id, made[2].id, made[1].id]
    lines = await threads.list_home(conn, Viewer(person.id), limit=10)
    assert [line.id for line in lines] == wanted
    first = await threads.list_home(conn, Viewer(person.id), limit=2)
    last = (first[-1].active_at, first[-1].id)
    rest = await threads.list_home(conn, Viewer(person.id), before=last, limit=2)
    assert [line.id for line in first + rest] == wanted


async def test_the_front_page_shows_public_threads_of_this_server_only(conn: Connection) -> None:
    await factories.make_site(conn)
    person, writer = await make_person(conn), await factories.make_remote_person(conn)
    public = await make_community(conn, person)
    closed = await make_community(conn, person, readers="members")
    elsewhere = await factories.make_remote_community(conn)
    await join(conn, elsewhere, person)
    shown = await make_thread(conn, person, public)
    await make_thread(conn, person, closed)
    await make_thread(conn, writer, elsewhere)
    for viewer in (NOBODY, Viewer(person.id)):
        lines = await threads.list_latest(conn, viewer, limit=10)
        assert [line.id for line in lines] == [shown.id]


async def test_lists_by_age_go_on_before_an_id(conn: Connection) -> None:
    person = await make_person(conn)
    community = await make_community(conn, person)
    made = [await make_thread(conn, person, community) for _ in range(3)]
    outbox = await threads.list_outbox(conn, NOBODY, community.id, limit=2)
    assert [post.id for post in outbox] == [made[2].id, made[1].id]
    outbox = await threads.list_outbox(conn, NOBODY, community.id, before=made[1].id, limit=2)
    assert [post.id for post in outbox] == [made[0].id]
    lines = await threads.list_by_author(conn, NOBODY, person.id, before=made[2].id, limit=1)
    assert [line.id for line in lines] == [made[1].id]


async def test_any_change_in_a_thread_makes_its_page_newer(conn: Connection) -> None:
    person = await make_person(conn)
    community = await make_community(conn, person)
    thread = await make_thread(conn, person, community)
    versions = [await threads.read_page_version(conn, thread.id)]
    reply = await factories.make_reply(conn, person, thread)
    versions.append(await threads.read_page_version(conn, thread.id))
    await moderation.remove_post(conn, person, reply, "no", factories.tick())
    versions.append(await threads.read_page_version(conn, thread.id))
    numbers = [version.version for version in versions if version]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 3


async def test_the_last_page_of_a_wholly_erased_thread_is_gone(conn: Connection) -> None:
    person = await make_person(conn)
    community = await make_community(conn, person)
    thread = await make_thread(conn, person, community)
    await erase_post(conn, person, thread, now=factories.tick())
    assert await threads.read_page_version(conn, thread.id) is None
    assert await threads.read_thread(conn, NOBODY, thread.id, limit=10) == []
