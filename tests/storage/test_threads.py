from __future__ import annotations

import random

from forum import moderation, mutes
from forum.threads import erase_post
from storage import home, threads
from storage.actors import read_unfiltered
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
    lines = await home.list_home(conn, Viewer(person.id), limit=10)
    assert [line.id for line in lines] == wanted
    first = await home.list_home(conn, Viewer(person.id), limit=2)
    last = (first[-1].active_at, first[-1].id)
    rest = await home.list_home(conn, Viewer(person.id), before=last, limit=2)
    assert [line.id for line in first + rest] == wanted


PLAIN_HOME = """
select p.id, p.active_at
from wanted_posts($1::bigint, null::text) p
join memberships m on m.community_id = p.community_id and m.actor_id = $1 and m.state = 'accepted'
where p.kind = 'thread'
order by p.active_at desc, p.id desc
"""


async def test_home_is_what_the_rule_gives_whatever_is_hidden_and_in_pages_of_any_size(
    conn: Connection,
) -> None:
    chance = random.Random(7)
    person, others = await make_person(conn), [await make_person(conn) for _ in range(4)]
    places = [await make_community(conn, others[0], readers=kind) for kind in ("anyone", "members")]
    for place in places:
        for one in (person, *others[1:]):
            await join(conn, place, one)
    made = [
        await make_thread(conn, chance.choice([*others, person]), chance.choice(places))
        for _ in range(40)
    ]
    await moderation.block_person(conn, person, others[1], factories.tick())
    await mutes.mute_person(conn, person, others[2], now=factories.tick())
    for post in chance.sample(made, 8):
        author = await read_unfiltered(conn, post.author_id)
        assert author is not None
        await erase_post(conn, author, post, now=factories.tick())
    wanted = [row["id"] for row in await conn.fetch(PLAIN_HOME, person.id)]
    assert 5 < len(wanted) < 30
    for size in (1, 2, 3, 7, 100):
        found, before = [], None
        while page := await home.list_home(conn, Viewer(person.id), before=before, limit=size):
            found += [line.id for line in page]
            before = (page[-1].active_at, page[-1].id)
        assert found == wanted


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


async def test_home_takes_its_candidates_from_the_index_of_each_community(conn: Connection) -> None:
    """In the order of that index: however old a community is, its newest threads are read only."""
    for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
        await conn.execute(f"set local {setting} = off")
    for plans in ("force_custom_plan", "force_generic_plan"):
        await conn.execute(f"set local plan_cache_mode = {plans}")
        await conn.execute(f"prepare candidates as {home.LIST_HOME}")
        rows = await conn.fetch("explain execute candidates(1, 'infinity', 9, 20)")
        await conn.execute("deallocate candidates")
        plan = [row[0].strip() for row in rows]
        at = next(n for n, line in enumerate(plan) if "posts_community_active" in line)
        assert "Limit" in plan[at - 1], plan
        assert "ROW(active_at, id) <" in plan[at + 1], plan
